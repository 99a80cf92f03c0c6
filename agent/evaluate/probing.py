"""Run what probes want to see, all of it side by side, and let them judge.

What is run is kept by its content while the process lives: the broken copies of a parent serve all its children.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.candidate import ProbeResult
from agent.evaluate.executor import Done, Executor, Job
from agent.evaluate.grading import command, new_nonce, read_run
from agent.evaluate.probes.catalogue import PROBES, RUNNING, cumulative
from agent.evaluate.probes.probe import Probe, Subject
from agent.evaluate.probes.running import Answered, Place, RunningProbe, Seen, TaskWish, TestWish, Wish
from agent.evaluate.staging import Staging
from sandbox.contract import CANDIDATE_ROOT, Ending, Mount, Outcome

DEADLINE_SECONDS = 60
"""Of the tests of one copy. A fault may make a loop endless; a run that was cut off says nothing."""

KEPT = 256
"""Runs that are remembered; what was used last stays."""


@dataclass(frozen=True, slots=True)
class _Run:
    wish: Wish
    nonce: str
    job: Job

    def seen(self, outcome: Outcome) -> Seen:
        """Read what came out."""
        if isinstance(self.wish, TestWish):
            return read_run(outcome, self.nonce)
        answered = outcome.ending is Ending.EXITED and outcome.exit_code == 0
        scores = self.wish.job.score(outcome.stdout) if answered else None
        return Answered(scores, str(outcome.ending), outcome.stdout + b"\n" + outcome.stderr)


class Probing:
    """All probes over one candidate; or those that are named."""

    def __init__(
        self,
        executor: Executor,
        staging: Staging,
        place: Place,
        plain: Sequence[Probe] = PROBES,
        running: Sequence[RunningProbe] = RUNNING,
    ) -> None:
        self._executor = executor
        self._staging = staging
        self._place = place
        self._plain, self._running = plain, running
        self._known: dict[tuple[str, ...], Seen] = {}
        self.runs = 0
        """Sandboxes that were paid for."""

    def look(self, subject: Subject, say: Callable[[str], None] = lambda _: None) -> tuple[ProbeResult, ...]:
        """Return what every probe found. Raises `SandboxDown` when a wall broke."""
        plain = [probe.look(subject) for probe in self._plain]
        wanted = [probe.wants(subject, self._place) for probe in self._running]
        if any(wanted):
            say("probing: broken copies, twins of tasks, bait")
        self._run([wish for wishes in wanted for wish in wishes])
        judged = [
            probe.judge(subject, self._place, [self._known[_key(wish)] for wish in wishes])
            for probe, wishes in zip(self._running, wanted, strict=True)
        ]
        whole = cumulative(self._place.settings.pace.max_changed_lines_since_deep_review).look(subject)
        self._forget()
        return (*plain, *judged, whole)

    def _run(self, wishes: Sequence[Wish]) -> None:
        missing = {_key(wish): wish for wish in wishes if _key(wish) not in self._known}
        self._staging.trim()
        runs = [self._prepared(wish) for wish in missing.values()]

        def take(index: int, done: Done[Outcome]) -> None:
            self._known[_key(runs[index].wish)] = runs[index].seen(done.outcome)
            self.runs += 1

        self._executor.run([run.job for run in runs], take)
        for wish in wishes:  # what was used last stands last
            self._known[_key(wish)] = self._known.pop(_key(wish))

    def _prepared(self, wish: Wish) -> _Run:
        mounts = (Mount(self._staging.folder(wish.tree), CANDIDATE_ROOT),)
        if isinstance(wish, TaskWish):
            return _Run(wish, "", Job((*mounts, *wish.job.mounts), wish.job.command))
        nonce = new_nonce()
        most = self._place.settings.tests.deadline_seconds
        deadline = most if wish.patient else min(DEADLINE_SECONDS, most)
        return _Run(wish, nonce, Job(mounts, command(wish.folder, nonce, deadline)))

    def _forget(self) -> None:
        for key in list(self._known)[:-KEPT]:
            del self._known[key]


def _key(wish: Wish) -> tuple[str, ...]:
    if isinstance(wish, TestWish):
        return "tests", wish.tree.digest, wish.folder
    return "tasks", wish.tree.digest, wish.label
