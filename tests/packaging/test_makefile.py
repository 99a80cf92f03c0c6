"""`make install` on a machine that lacks something: one clear line that says what to do, and nothing half made."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OLD = "import sys; sys.version_info = (3, 10, 13, 'final', 0)"
NEW = "import sys; sys.version_info = (3, 14, 0, 'final', 0)"
BARE = "import sys; sys.modules['ensurepip'] = None"


@pytest.fixture
def clone(tmp_path):
    """A folder with the Makefile and what its targets depend on."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def a_python(folder: Path, prelude: str) -> Path:
    """A Python that is not what it should be: `prelude` runs before whatever it is asked to."""
    program = folder / "some-python"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = -V ] && {{ echo "Python 3.x"; exit 0; }}\n'
        f'exec "{sys.executable}" -c "{prelude}\nexec(sys.argv[1])" "$2"\n'
    )
    program.chmod(0o755)
    return program


def install(clone: Path, python: Path | str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    # The tests may themselves run under `make test`: an inner make would then speak as `make[1]`, with the outer's flags.
    outer = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PYTEST_ARGS"}
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    environment["PATH"] = path or os.environ["PATH"]
    make = shutil.which("make")
    assert make
    return subprocess.run(
        [make, "install", f"PYTHON={python}"], cwd=clone, capture_output=True, text=True, check=False, env=environment
    )


def assert_one_clear_line(done: subprocess.CompletedProcess[str], clone: Path, *words: str) -> None:
    said, *rest = done.stderr.splitlines()
    assert done.returncode == 2
    assert said.startswith("error: ")
    assert all(line.startswith("make: ***") for line in rest)
    for word in words:
        assert word in said
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("prelude", [OLD, NEW], ids=["too old", "too new"])
def test_a_python_of_the_wrong_version_is_named_with_the_right_ones(clone, prelude):
    done = install(clone, a_python(clone, prelude))

    assert_one_clear_line(done, clone, "Python 3.11 to 3.13", "make PYTHON=")


def test_a_missing_venv_module_is_named_with_its_package(clone):
    done = install(clone, a_python(clone, BARE))

    assert_one_clear_line(done, clone, f"apt-get install python3.{sys.version_info.minor}-venv")


def test_a_python_that_is_not_there_is_named(clone):
    done = install(clone, "python-of-tomorrow")

    assert_one_clear_line(done, clone, "python-of-tomorrow", "Python 3.11 to 3.13", "apt-get install")


def test_a_missing_git_is_named_with_its_package(clone, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "expand", "grep", "sed"):
        (tools / name).symlink_to(shutil.which(name))

    done = install(clone, sys.executable, str(tools))

    assert_one_clear_line(done, clone, "git is missing", "apt-get install git")


def test_help_lists_every_target(clone):
    listed = subprocess.run(["make", "help"], cwd=clone, capture_output=True, text=True, check=True).stdout

    for target in ("install", "install-dev", "demo", "test", "lint", "bench", "lock", "clean"):
        assert f"make {target} " in listed
