"""Tests that share what takes minutes to make are dealt to one worker, each wall's own; all others one by one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import WALLS, place_of

ROOT = Path(__file__).parents[2]

SHARED = "tests/journeys/test_decide.py::test_a[{}]"


@pytest.mark.parametrize("parameters", ["docker", "docker-2", "late-docker"])
def test_journeys_behind_one_wall_stay_together(parameters):
    assert place_of(SHARED.format(parameters)) == place_of("tests/journeys/test_loop.py::test_b[docker]")
    assert place_of(SHARED.format(parameters)) != place_of(SHARED.format("bubblewrap"))


def test_tests_that_share_nothing_are_dealt_one_by_one():
    places = {place_of(f"tests/gate/test_rules.py::test_c[{number}]") for number in range(3)}

    assert len(places) == 3


def test_each_wall_has_a_worker_of_its_own(tmp_path):
    """Read from who ran what: the groups of the plugin were lost without a word."""
    place = tmp_path / "tests" / "journeys"
    place.mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path / "tests" / "conftest.py")
    (place / "test_it.py").write_text(
        "import os\nimport pytest\n\n"
        '@pytest.mark.parametrize("number", range(6))\n@pytest.mark.parametrize("wall", ["docker", "bubblewrap"])\n'
        "def test_it(wall, number):\n"
        '    with open("ran", "a") as file:\n        file.write(f"{wall} {os.environ[\'PYTEST_XDIST_WORKER\']}\\n")\n',
        "utf-8",
    )
    options = ["-n", "2", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "tests"]
    subprocess.run([sys.executable, "-m", "pytest", *options], cwd=tmp_path, check=True, capture_output=True)
    ran = [line.split() for line in (tmp_path / "ran").read_text("utf-8").splitlines()]
    assert len(ran) == 12
    workers = {wall: {worker for its, worker in ran if its == wall} for wall in WALLS}
    assert [len(who) for who in workers.values()] == [1, 1]
