"""An answer that brings down the sandbox it is graded in: its whole trial was run anew, model and all, three times over.

A scaffold that knows how badly it did had as many throws. No way to break a wall is known here; one that does is played.
"""

import pytest

from sandbox.broker.rules import Caps
from sandbox.contract import CANDIDATE_ROOT
from sandbox.errors import BackendUnavailable, EngineAway, SandboxBroken
from tests.evaluate.harbor.conftest import near  # noqa: F401  # a fixture
from tests.evaluate.harbor.small import LIMITS, desk, opened, says, scaffold

BAD = "open('number.py', 'w').write('break the wall')"


class BreaksFor:
    """A wall that breaks under every sandbox that holds an answer with this content."""

    def __init__(self, wall, content, error=SandboxBroken):
        self.wall, self.content, self.error, self.broken = wall, content, error, 0

    def start(self, mounts, limits, role="solver"):
        folders = [mount.source for mount in mounts if mount.target == CANDIDATE_ROOT]
        if any(self.content in path.read_text() for folder in folders for path in folder.glob("number.py")):
            self.broken += 1
            raise self.error("gone")
        return self.wall.start(mounts, limits, role)


def tried(wall, folder, content, **options):
    starter, suite = BreaksFor(wall[0], content, **options), opened(wall)
    try:
        with desk(folder, says(BAD), caps=Caps()) as (seat, _), scaffold(folder) as mounts:
            return suite.trial("dev", "double", mounts, seat, "c1").run(starter, LIMITS), starter
    finally:
        suite.close()


def test_an_answer_that_breaks_its_wall_each_time_has_earned_nothing(near, tmp_path):  # noqa: F811  # the fixture
    found, starter = tried(near, tmp_path, "break the wall")

    assert (found.score, found.failure, starter.broken) == (0, "verifier", 3)
    assert "its sandbox broke" in found.note


@pytest.mark.parametrize(
    ("content", "error"),
    [("", SandboxBroken), ("break the wall", EngineAway), ("break the wall", BackendUnavailable)],
    ids=["the untouched files break it too", "the engine is away", "there is no wall"],
)
def test_a_wall_that_breaks_by_itself_is_nobodys_doing(near, tmp_path, content, error):  # noqa: F811  # the fixture
    with pytest.raises(error):
        tried(near, tmp_path, content, error=error)
