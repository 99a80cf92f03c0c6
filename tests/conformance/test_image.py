"""The wall around an image of a task: the checks that do not ask what our own inside holds."""

import tempfile
from pathlib import Path

import pytest

from sandbox.docker_backend import DockerBackend
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable
from tests.conformance.registry import CHECKS, EXCEPTIONS
from tests.conformance.test_conformance import WALLS  # which has the checks loaded
from tests.conformance.walls import Wall
from tests.sandbox.images import TINY, removed_afterwards, tiny, wanted

WHOLE = ("network", "power", "unchangeable", "system_calls")
SINGLE = (
    "the_environment_is_ours_alone", "an_output_bomb_ends_as_output_limit", "a_fork_bomb_meets_its_limit",
    "a_disk_bomb_meets_its_limit", "an_inode_bomb_meets_its_limit", "a_memory_bomb_ends_as_out_of_memory",
    "four_ends_are_four_endings", "what_a_command_leaves_running_dies_with_it", "a_sandbox_serves_once",
    "settings_of_the_kernel_cannot_be_written", "processes_of_the_machine_are_not_seen",
    "no_descriptor_of_ours_is_open", "a_neighbour_cannot_be_signalled", "a_grader_is_another_user_of_the_machine",
)  # fmt: skip
NOT_HERE = {
    "the_environment_is_ours_alone": "in an image our packages are found without a variable",
    "threads_processes_and_pipes_still_work": "the tiny image has no /bin/true",
}


def chosen():
    whole = [one for one in CHECKS if one.__module__.rsplit(".", 1)[-1] in WHOLE or one.__name__ in SINGLE]
    return [one for one in whole if one.__name__ not in NOT_HERE and ("docker", one.__name__) not in EXCEPTIONS]


class InImage:
    """A backend, but for where its sandboxes are started."""

    def __init__(self, backend, image):
        self._backend = backend
        self.start = backend.inside(image).start

    def __getattr__(self, name):
        return getattr(self._backend, name)


@pytest.fixture(scope="module")
def wall(cache):
    backend = DockerBackend(cache)
    try:
        runtime = backend.prepare()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory(prefix="successor-conformance-") as place, removed_afterwards(backend, cache):
        Path(place).chmod(0o755)
        tiny(Engine(), runtime, Path(place))
        made = backend.image(wanted(f"FROM {TINY}\nWORKDIR /srv/app\n"))
        yield Wall("docker", InImage(backend, made.digest), Path(place))
        backend.close()


@pytest.mark.docker
@pytest.mark.parametrize("check", chosen(), ids=lambda check: check.__name__)
def test_image(wall, check):
    check(wall)


def test_what_is_chosen_is_there():
    assert "docker" in WALLS
    assert len(chosen()) > len(SINGLE) + len(WHOLE)
    assert set(SINGLE) <= {one.__name__ for one in CHECKS}
