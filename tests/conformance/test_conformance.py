"""Every wall holds, or its exception is listed with the reason."""

import os
import shutil
import tempfile
from importlib import import_module
from pathlib import Path

import pytest

from sandbox.errors import BackendUnavailable
from tests.conformance.registry import CHECKS, EXCEPTIONS
from tests.conformance.walls import Wall, WallOfAnOrdinaryUser

WALLS = {
    "docker": pytest.mark.docker,
    "bubblewrap": pytest.mark.bubblewrap,
    "bubblewrap_as_user": pytest.mark.bubblewrap,
}

for module in sorted(Path(__file__).with_name("checks").glob("*.py")):
    import_module(f"tests.conformance.checks.{module.stem}")


def make_wall(name, cache, scratch):
    from sandbox.bubblewrap_backend import BubblewrapBackend
    from sandbox.docker_backend import DockerBackend

    # With containers that stand ready, as in production; those of a new shape are made when they are asked for.
    backend = DockerBackend(cache, warm=2) if name == "docker" else BubblewrapBackend(cache)
    try:
        backend.check()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    if name != "bubblewrap_as_user":
        return Wall(name, backend, scratch)
    if os.geteuid() != 0:
        pytest.skip("this process is an ordinary user already: the wall `bubblewrap` is the same")
    if shutil.which("/usr/bin/python3") is None:
        pytest.skip("an ordinary user needs the system's Python")
    return WallOfAnOrdinaryUser(backend, scratch)


@pytest.fixture(scope="module")
def walls(cache):
    """Give each wall, made when first asked for."""
    made = {}
    # Not pytest's own folder: any other run of pytest by this user closes that to everybody else.
    with tempfile.TemporaryDirectory(prefix="successor-conformance-") as place:
        Path(place).chmod(0o755)

        def get(name):
            if name not in made:
                scratch = Path(place, name)
                scratch.mkdir(mode=0o755)
                made[name] = make_wall(name, cache, scratch)
            return made[name]

        yield get
        for wall in made.values():
            wall.close()
            wall.backend.close()


def cases():
    found = []
    for wall, mark in WALLS.items():
        for check in CHECKS:
            marks = [mark]
            if (wall, check.__name__) in EXCEPTIONS:
                marks.append(pytest.mark.xfail(strict=True, reason=EXCEPTIONS[wall, check.__name__]))
            found.append(pytest.param(wall, check, marks=marks, id=f"{wall}-{check.__name__}"))
    return found


@pytest.mark.parametrize(("wall", "check"), cases())
def test_wall(walls, wall, check):
    check(walls(wall))


def test_every_exception_names_a_check_and_a_wall():
    names = {check.__name__ for check in CHECKS}
    assert {(wall, check) for wall, check in EXCEPTIONS if wall not in WALLS or check not in names} == set()


def test_no_two_checks_have_one_name():
    assert len({check.__name__ for check in CHECKS}) == len(CHECKS)
