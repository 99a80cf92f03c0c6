"""One trial: the scaffold works on a task with a model; then, the door to the model closed, what it left is graded.

What the scaffold says of itself decides nothing. How a trial ended is told by what the host saw, and is one of:

    none       it came to an orderly end; the score is the verifier's
    agent      it crashed, was cut off, or left nothing that can be taken; the score is what the verifier gives for what
               it left, or 0
    provider   the model's server failed the last call, or the account was closed: not measured, unless the mark is full
               anyway. A failure that the scaffold got over counts for nothing, or a scaffold that does badly could
               throw again by asking until it is refused
    verifier   no valid reward, three times (cut off, two times), or a wall that broke as often: 0 if the untouched
               files get one, for then the answer broke it; else not measured, and a wall that broke is raised

The mark of a task that no honest answer earns anything in is turned round at the end: full for who earned nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.evaluate.harbor.grade import Grader
from agent.evaluate.harbor.places import Place
from agent.evaluate.harbor.reward import NoReward
from agent.evaluate.harbor.settings import HarborSettings
from agent.evaluate.harbor.shelf import Shelf
from agent.evaluate.harbor.task import HarborTask
from agent.evaluate.suite import FULL
from agent.evaluate.trial import Attempted, Failure
from sandbox.attempt import Left, Work, attempt
from sandbox.broker.desk import Desk
from sandbox.broker.door import Door
from sandbox.contract import Limits, Mount, Starter, within
from sandbox.errors import BackendUnavailable, EngineAway, SandboxError

ARGV = ("python", "-P", "-m", "scaffold", "solve")
"""`-P`: what a task calls its files shadows nothing that the scaffold imports."""
GRADINGS = 3
"""How often an answer is graded before it is held to have no valid reward."""

_LATE = 2
"""How often an answer may keep its verifier until it is cut off: each time takes as long as can be."""
_NOTE = 500
_SCAFFOLDS_OWN = frozenset({"invalid_request_error"})
"""Failures of calls that lie with who made them."""


@dataclass(frozen=True, slots=True)
class HarborTrial:
    """One run of one task by one scaffold."""

    settings: HarborSettings
    task: HarborTask
    place: Place
    shelf: Shelf
    scaffold: tuple[Mount, ...]
    desk: Desk
    candidate: str

    def run(self, starter: Starter, limits: Limits) -> Attempted:
        """Let the scaffold work, and grade what it leaves. Raises `SandboxError` when a wall broke."""
        starter = within(starter, self.place.image)
        with self.desk.serve(self.candidate, calls=self.settings.calls) as door:
            left = attempt(starter, limits, (*self.scaffold, door.mount), self._work())
        provider = _provider(door)
        score, failure, note = self._graded(starter, limits, left)
        if provider and score != FULL:
            score, failure, note = None, "provider", provider
        if self.task.impossible and score is not None:
            score = FULL - score  # whatever is earned here was not earned honestly, and must not look like a gain
        return Attempted(score, failure, _printable(note), door.used, tuple(door.transcript))

    def _work(self) -> Work:
        return Work(
            files=self.shelf.folder(self.place.files),
            argv=ARGV,
            seconds=self.task.seconds(self.settings.deadline_seconds),
            stdin=json.dumps({"instruction": self.task.instruction}).encode(),
            env={**self.place.env, **self.desk.env},
        )

    def _graded(self, starter: Starter, limits: Limits, left: Left) -> tuple[int | None, Failure, str]:
        if left.files is None:
            return 0, "agent", f"it left nothing that can be graded: {left.why}"
        failure: Failure = "none" if left.code == 0 else "agent"
        how = "it was cut off" if left.code is None else f"it ended with {left.code}"
        grader = grader_of(self.settings, self.task, self.place, self.shelf)
        with self.shelf.lent(left.files) as answer:
            score, why, broke = _attacked(grader, starter, limits, answer)
        if score is not None:
            return score, failure, "" if failure == "none" else how
        untouched, _ = _tried(grader, starter, limits, self.shelf.folder(self.place.files), 1)
        if broke is not None and untouched is None:
            raise broke
        return (0 if untouched is not None else None), "verifier", why


def grader_of(settings: HarborSettings, task: HarborTask, place: Place, shelf: Shelf) -> Grader:
    """Return what grades answers to a task."""
    return Grader(task, shelf, settings.graded, task.verifier_seconds(settings.deadline_seconds), place)


def _attacked(
    grader: Grader, starter: Starter, limits: Limits, answer: Path
) -> tuple[int | None, str, SandboxError | None]:
    """Grade what may have been made to break its grading, be it the verifier or the wall.

    A trial that was run anew for a wall that its answer breaks would be another throw.
    """
    try:
        return *_tried(grader, starter, limits, answer, GRADINGS), None
    except (BackendUnavailable, EngineAway):
        raise
    except SandboxError as error:
        return None, f"its sandbox broke each time it was graded: {error.what}", error


def _tried(grader: Grader, starter: Starter, limits: Limits, answer: Path, times: int) -> tuple[int | None, str]:
    """Grade until there is a valid reward; return it, or why there is none."""
    why, late = "", 0
    for _ in range(times):
        try:
            return _again(lambda: grader.score(starter, limits, answer)), ""
        except NoReward as error:
            why, late = str(error), late + error.late
        if late == _LATE:
            break
    return None, why


def _again(grade: Callable[[], int]) -> int:
    """Grade once more, and once more, when a wall breaks: begun anew, the trial would pay the model again."""
    for _ in range(GRADINGS - 1):
        try:
            return grade()
        except BackendUnavailable:
            raise
        except SandboxError:
            continue
    return grade()


def _printable(note: str) -> str:
    """The start of a note, which may hold a candidate's words, as one line of plain ASCII."""
    return "".join(c if " " <= c <= "~" else "?" for c in note[:_NOTE])


def _provider(door: Door) -> str:
    """Return what kept the scaffold from its model through no fault of its own, or nothing."""
    if door.lost:
        return door.lost
    if door.exhausted in ("run", "day"):
        return f"the budget of the {door.exhausted} was spent"
    last = door.traffic.last_failure
    if not last or last in _SCAFFOLDS_OWN:
        return ""
    return f"the last call failed with {last}, as did {door.traffic.failures.total() - 1} before"
