"""Whether a suite measures what it claims, without any model: its own answers, put to its own verifiers.

The oracle must earn a full mark, the untouched files and the answer that attacks the tests nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.evaluate.harbor.reward import NoReward
from agent.evaluate.harbor.suite import HarborSuite
from agent.evaluate.harbor.task import SOLUTION, TAMPERING, HarborTask
from agent.evaluate.harbor.trial import grader_of
from agent.evaluate.suite import FULL, Split
from sandbox.attempt import Work, attempt
from sandbox.contract import Limits, Mount, Starter, within

PLACE = "/solution"


@dataclass(frozen=True, slots=True)
class Mark:
    """What one answer earned, in ppm; None where there is no such answer, or no valid reward for it, and then `why`."""

    score: int | None
    wanted: int
    why: str = ""
    absent: bool = False

    @property
    def holds(self) -> bool:
        """Whether it earned what it must."""
        return self.absent or self.score == self.wanted


@dataclass(frozen=True, slots=True)
class Checked:
    """One task, and what its answers earned."""

    task: str
    split: Split
    oracle: Mark
    empty: Mark
    tampering: Mark

    @property
    def holds(self) -> bool:
        """Whether the task measures what it claims."""
        return self.oracle.holds and self.empty.holds and self.tampering.holds


def check_task(suite: HarborSuite, task_id: str, starter: Starter, limits: Limits) -> Checked:
    """Put the answers of one task to its verifier. Raises `SandboxError` when a wall broke."""
    starter = within(starter, suite.place(task_id).image)
    task, checker = suite.task(task_id), _Checker(suite, task_id, starter, limits)
    given = {path: (file.content, file.executable) for path, file in suite.place(task_id).files.items()}
    empty = checker.mark(given, 0)
    tampering = checker.answer("tampering", TAMPERING, 0)
    if tampering.score is None and empty.score is not None and not tampering.absent:
        tampering = Mark(0, 0, tampering.why)  # it broke the verifier, which earns an answer nothing
    if task.impossible:
        oracle = Mark(None, FULL, "nobody can solve it", absent=True)
    else:
        oracle = checker.answer("solution", SOLUTION, FULL)
        if oracle.absent:
            oracle = Mark(None, FULL, f"there is no {SOLUTION}")
    return Checked(task_id, task.split, oracle, empty, tampering)


@dataclass(frozen=True, slots=True)
class _Checker:
    """Makes answers to one task and grades them."""

    suite: HarborSuite
    task_id: str
    starter: Starter
    limits: Limits

    @property
    def _task(self) -> HarborTask:
        return self.suite.task(self.task_id)

    def answer(self, folder: str, script: str, wanted: int) -> Mark:
        """Make the answer of a script in a sandbox, as a solver would, and grade it."""
        task, place, shelf = self._task, self.suite.place(self.task_id), self.suite.shelf
        if script not in task.files:
            return Mark(None, wanted, absent=True)
        work = Work(
            files=shelf.folder(place.files),
            argv=("bash", f"{PLACE}/{script.rpartition('/')[2]}"),
            seconds=task.seconds(self.suite.settings.deadline_seconds),
            env={**place.env, **task.solution_env},
        )
        left = attempt(self.starter, self.limits, (Mount(shelf.folder(task.below(folder)), PLACE),), work)
        if left.files is None or left.code != 0:
            said = left.outcome.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            return Mark(None, wanted, left.why or f"{script} ended with {left.code}: {said[:200]}")
        return self.mark(left.files, wanted)

    def mark(self, files: Mapping[str, tuple[bytes, bool]], wanted: int) -> Mark:
        """Grade an answer once."""
        grader = grader_of(self.suite.settings, self._task, self.suite.place(self.task_id), self.suite.shelf)
        with self.suite.shelf.lent(files) as answer:
            try:
                score, said = grader.verdict(self.starter, self.limits, answer)
                return Mark(score, wanted, said)
            except NoReward as error:
                return Mark(None, wanted, str(error))
