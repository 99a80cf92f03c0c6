"""Suites whose tasks have images of their own: made ahead, worked in and graded there, left out where there are none."""

import contextlib
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.app import app
from agent.errors import BadSettings
from agent.evaluate.harbor.check import check_task
from agent.evaluate.harbor.suite import open_harbor_suite
from sandbox.broker.rules import Policy
from sandbox.choose import choose
from sandbox.contract import CANDIDATE_ROOT, Limits, Mount
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable
from sandbox.memory_backend import MemoryBackend
from sandbox.transfer import stage
from tests.broker.conftest import CONFIG, MODEL
from tests.broker.scripted import Say, tool_use
from tests.evaluate.harbor.small import FILES, LIMITS, SCAFFOLD, desk, opened, says, scaffold, settings, tree
from tests.sandbox.images import RUN, TINY, removed_afterwards, tiny

TEMPLATE = Path(__file__).parents[3] / "workspace_template"
DEBIAN = "successor-base:debootstrap"
ELSEWHERE = f"""
FROM {DEBIAN}
RUN mkdir -p /opt/py/bin /opt/py/lib && mv /usr/bin/python3.11 /opt/py/bin/python && mv /usr/lib/python3.11 /opt/py/lib/
RUN rm -f /usr/bin/python3 && mkdir -p /opt/extra && echo 'WORD = "of the image"' > /opt/extra/only_here.py
COPY site/ /opt/extra/
ENV PATH=/opt/py/bin:$PATH PYTHONPATH=/opt/extra COLOUR=blue RUN={RUN}
WORKDIR /usr/src/app
COPY app/ .
""".encode()
IMAGE_PYTHON = b"""
def test_doubled(solver):
    ask = "import os, sys, number, only_here; print(number.double(21), only_here.WORD, sys.prefix, os.environ['COLOUR'])"
    ran = solver.run(["python", "-c", ask])
    assert (ran.code, ran.stdout) == (0, b"42 of the image /opt/py blue\\n"), ran
"""
# A verifier in the image's own Python that imports the answer.
OWN_TEST_SH = b"""#!/bin/bash
cd /app && python -c 'import sys, only_here, number; sys.exit(number.double(21) != 42 or sys.prefix != "/opt/py")'
echo $((1 - $?)) > /logs/verifier/reward.txt
"""
SHELL = {
    "instruction.md": b"Write the word hello into greeting.\n",
    "environment/Dockerfile": f"FROM {TINY}\nWORKDIR /srv/words\nCOPY app/ ./\n".encode(),
    "environment/app/number.py": None,
    "environment/app/greeting": b"?\n",
    "tests/test_outputs.py": None,
    "tests/conftest.py": None,
    "tests/test.sh": b"if grep -q hello /srv/words/greeting; then echo 1; else echo 0; fi > /logs/verifier/reward.txt\n",
    "solution/solve.sh": b"echo hello > /srv/words/greeting\n",
    "tampering/solve.sh": b"rm greeting; ln -s /tests/test.sh greeting; echo 1 > /logs/verifier/reward.txt\n",
}


def installed(*packages):
    """The Python files of packages that this interpreter has, for an image that cannot fetch any."""
    site = Path(pytest.__file__).parents[1]
    files = [path for name in packages for path in (site / name).rglob("*.py")]
    shim = site / "py.py"
    return {f"environment/site/{path.relative_to(site).as_posix()}": path.read_bytes() for path in (shim, *files)}


ELSEWHERE_TASK = installed("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments") | {
    "environment/Dockerfile": ELSEWHERE,
    "tests/test_outputs.py": IMAGE_PYTHON,
    "solution/solve.sh": b"echo 'def double(n): return 2 * n' > /usr/src/app/number.py\n",
}
pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def docker(cache, tmp_path_factory):
    try:
        backend = choose("docker", cache)
        runtime = backend.prepare()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    with closing(backend), removed_afterwards(backend, cache):
        tiny(Engine(), runtime, tmp_path_factory.mktemp("tiny"))
        yield backend, runtime


@pytest.fixture(scope="module")
def debian(docker):
    if Engine().image(DEBIAN) is None:
        pytest.skip("there is no base with a Python of its own")
    return docker


def checked(wall, changes, **given):
    with closing(opened(wall, changes, environment="image", **given)) as suite:
        return check_task(suite, "double", wall[0], LIMITS)


def marks(found):
    return (found.oracle.score, found.empty.score, found.tampering.score)


def test_in_an_image_with_its_own_python_elsewhere_a_suite_holds(debian):
    found = checked(debian, ELSEWHERE_TASK)

    assert found.holds, found
    assert marks(found) == (1_000_000, 0, 0)


def test_a_verifier_runs_with_the_python_of_the_image(debian):
    found = checked(debian, ELSEWHERE_TASK | {"tests/test.sh": OWN_TEST_SH}, graded="together")

    assert marks(found)[:2] == (1_000_000, 0), found


def test_in_an_image_without_any_python_a_suite_holds(docker):
    found = checked(docker, SHELL, graded="together")

    assert found.holds, found
    assert marks(found) == (1_000_000, 0, 0)


def test_an_image_without_python_can_be_asked_by_tests_apart(docker):
    changes = SHELL | {
        "tests/conftest.py": FILES["tests/conftest.py"],
        "tests/test.sh": FILES["tests/test.sh"],
        "tests/test_outputs.py": b"def test_greeting(solver):\n"
        b"    assert solver.run(['cat', '/cand/greeting']).stdout == b'hello\\n'\n"
        b"    assert solver.run(['python', '-c', '1']).code == 127\n",
    }
    found = checked(docker, changes)

    assert marks(found)[:2] == (1_000_000, 0), found


@contextlib.contextmanager
def templates_scaffold(folder):
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    files = [path for path in (TEMPLATE / "scaffold").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    stage({path.relative_to(TEMPLATE).as_posix(): (path.read_bytes(), False) for path in files}, folder / "cand")
    yield (Mount(folder / "cand", CANDIDATE_ROOT),)


def test_the_real_scaffold_solves_a_task_in_an_image(debian, tmp_path):
    look = (
        "python -c 'import sys, os, only_here; print(sys.prefix, only_here.WORD, os.environ[\"COLOUR\"], os.getcwd())'"
    )
    right = "def double(n):\n    return 2 * n\n"
    steps = [
        Say([tool_use("run_command", {"command": look})], "tool_use"),
        Say([tool_use("write", {"path": "number.py", "content": right}, 2)], "tool_use"),
        Say([tool_use("finish", {"summary": "done"}, 3)], "tool_use"),
    ]
    generous = replace(CONFIG, policy=Policy(frozenset({MODEL}), max_tokens=64_000))
    with (
        closing(opened(debian, ELSEWHERE_TASK, environment="image")) as suite,
        desk(tmp_path, steps, config=generous) as (seat, world),
        templates_scaffold(tmp_path) as mounts,
    ):
        found = suite.trial("dev", "double", mounts, seat, "c1").run(debian[0], Limits())

    assert (found.score, found.failure) == (1_000_000, "none"), found
    assert "/opt/py of the image blue" in str(world.script.requests[1]["messages"][-1])


def test_a_scaffold_works_where_there_is_no_python(docker, tmp_path):
    step = "import subprocess; subprocess.run('echo hello > /srv/words/greeting', shell=True, check=True)"
    with (
        closing(opened(docker, SHELL, environment="image", graded="together")) as suite,
        desk(tmp_path, says(step)) as (seat, _),
        scaffold(tmp_path, SCAFFOLD) as mounts,
    ):
        found = suite.trial("dev", "double", mounts, seat, "c1").run(docker[0], LIMITS)

    assert (found.score, found.failure) == (1_000_000, "none"), found


def test_the_image_is_part_of_what_a_trial_is_named_by(docker):
    with (
        closing(opened(docker, SHELL, environment="image")) as one,
        closing(opened(docker, SHELL, environment="image")) as same,
        closing(opened(docker, SHELL, environment="image", build_network=True)) as other,
    ):
        image = one.place("double").image
        assert image.startswith("sha256:")
        assert one.digest == same.digest
        assert other.place("double").image == image
        assert other.digest == one.digest
        assert [task.id for task in one.tasks("dev")] == ["double"]
        assert one.left_out == ()


def test_an_image_that_cannot_be_made_is_refused_with_the_last_that_its_build_said(docker):
    dockerfile = f"FROM {TINY}\nWORKDIR /app\nRUN echo it is over && cat /nothing\n".encode()
    with pytest.raises(BadSettings, match="double: its image is not possible") as caught:
        opened(docker, SHELL | {"environment/Dockerfile": dockerfile}, environment="image")

    assert "it is over" in str(caught.value.why)


def test_where_a_wall_has_no_images_its_tasks_are_left_out_by_name(docker):
    _, runtime = docker
    memory = MemoryBackend(lambda mounts, command: None, runtime.stdlib)
    suite = open_harbor_suite(
        "small", settings(environment="image"), tree(SHELL), runtime, memory, objective=True, progress=lambda _: None
    )

    with closing(suite):
        assert [task for task, _ in suite.left_out] == ["double"]
        assert "an image of its own" in suite.left_out[0][1]
        assert suite.tasks("dev") == ()
        assert suite.impossible("dev") == frozenset()
        assert suite.summary({}) == {"mean": 0, "solved": 0}


@pytest.mark.parametrize("sandbox", ["docker", pytest.param("bubblewrap", marks=pytest.mark.bubblewrap)])
def test_on_the_command_line_a_suite_of_images_holds_or_says_what_is_left_out(docker, tmp_path, sandbox):
    for name in ("successor.toml", "suites/search.toml", "suites/edit.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((TEMPLATE / name).read_bytes())
    (tmp_path / "suites" / "small.toml").write_text(
        'schema = 1\nkind = "harbor"\ntasks = "suites/small"\nenvironment = "image"\ngraded = "together"\n'
    )
    for path, file in tree(SHELL).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(file.content)
    done = CliRunner().invoke(
        app, ["suite", "check", "small", "--workspace", str(tmp_path), "--sandbox", sandbox, "--json"]
    )
    said = json.loads(done.stdout)

    assert (done.exit_code, said["holds"]) == (0, True), said
    if sandbox == "docker":
        marks = said["tasks"]["double"]
        assert [marks[one]["score_ppm"] for one in ("oracle", "empty", "tampering")] == [1_000_000, 0, 0]
        assert said["left_out"] == {}
    else:
        assert said["tasks"] == {}
        assert list(said["left_out"]) == ["double"]
