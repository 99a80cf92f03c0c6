"""Run work in single-use sandboxes, a few pieces at a time.

Sandboxes of its own for each piece of work. A wall that breaks says nothing about the candidate, so the work is run
again, at most twice, and then a trifle of ours is: if that breaks too the whole request fails, for a trial that was not
measured has no score. If it does not, the work itself brings walls down; it ends as `broken`, and the others go on.
Threads suffice, because the work is in other processes; another executor needs only `run`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from agent.errors import SandboxDown
from agent.evaluate.apart import Solver, run_apart
from sandbox.contract import Backend, Command, Ending, Limits, Mount, Outcome, Starter
from sandbox.errors import BackendUnavailable, EngineAway, SandboxError
from sandbox.watch import Watch

MAX_RETRIES = 2
CUT_OFF = (Ending.TIMED_OUT, Ending.KILLED)
"""Endings that may be the machine's doing: one that is busy meets deadlines, one without memory kills what it can."""
AWAY_SECONDS = (2.0, 20.0)
"""Pause before a job is run again the first and the second time, if the engine was away: it may be starting."""
_POLL_SECONDS = 0.5
_TRIFLE = Command(("true",), 30)


Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Work(Protocol[Result_co]):
    """What an executor runs: a piece of work in sandboxes of its own. Run anew, from the start, when a wall breaks."""

    def run(self, starter: Starter, limits: Limits) -> Result_co:
        """Do it. Raises `SandboxError` when a wall broke."""
        ...

    def broken(self, why: str) -> Result_co:
        """Return what it comes to when the wall breaks under it each time, and under nothing else."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One command in one fresh sandbox."""

    mounts: tuple[Mount, ...]
    command: Command
    solver: Solver | None = None
    """With one, the command is a run of tests in a grader's sandbox, and this is the other side."""

    def run(self, starter: Starter, limits: Limits) -> Outcome:
        """Run the command, and return what came out."""
        if self.solver is not None:
            return run_apart(starter, limits, self.mounts, self.command, self.solver)
        with starter.start(self.mounts, limits) as sandbox:
            return sandbox.run(self.command)

    def broken(self, why: str) -> Outcome:
        """Return an outcome that says so."""
        return Outcome(Ending.BROKEN, None, b"", why.encode(), 0.0)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a job, and whether that is what came of a second run, because the first was cut off."""

    outcome: Outcome
    again: bool


@dataclass(frozen=True, slots=True)
class SecondTry:
    """A job that is to be scored: cut off, it is run once more in a fresh sandbox, and only that run is believed.

    Whether a deadline was met, or a process killed, by the command's own doing or by a machine in need cannot be seen
    from here. A candidate that hangs costs two deadlines. One that kills itself gets a second throw, and gains nothing
    by it: this is for jobs without a model, and whatever such a candidate would draw anew, it may draw as often as it
    likes within one run. What we kill because the run is over is not tried again: no sandbox is started any more.
    """

    job: Job

    def run(self, starter: Starter, limits: Limits) -> Tried:
        """Run the job, and once more if it was cut off."""
        outcome = self.job.run(starter, limits)
        if outcome.ending not in CUT_OFF:
            return Tried(outcome, again=False)
        return Tried(self.job.run(starter, limits), again=True)

    def broken(self, why: str) -> Tried:
        """Return an outcome that says so."""
        return Tried(self.job.broken(why), again=False)


@dataclass(frozen=True, slots=True)
class Done(Generic[Result]):
    """What came of a piece of work, and how often the wall failed before."""

    outcome: Result
    retries: int


class Executor:
    """Does work on `workers` threads. `checkpoint` is called in the calling thread before each start and while waiting;
    what it raises stops the run, and the sandboxes under way are killed."""

    def __init__(self, backend: Backend, limits: Limits, workers: int, checkpoint: Callable[[], None]) -> None:
        self._backend = backend
        self._limits = limits
        self._workers = max(1, workers)
        self._checkpoint = checkpoint

    def run(self, work: Sequence[Work[Result]], on_done: Callable[[int, Done[Result]], None]) -> None:
        """Do all pieces of work; call `on_done(index, result)` in this thread as each one ends, in any order.

        Raises `SandboxDown`, or what `checkpoint`, `on_done` or the work itself raised first; pieces that had ended by
        then are still reported, each of them, and those that had not are killed and never reported, whatever came out
        of them.
        """
        waiting = deque(enumerate(work))
        running: dict[Future[Done[Result]], int] = {}
        watch = Watch(self._backend)
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="trial")
        try:
            while waiting or running:
                while waiting and len(running) < self._workers:
                    self._checkpoint()
                    index, piece = waiting.popleft()
                    running[pool.submit(self._attempt, piece, watch)] = index
                finished, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in finished:
                    on_done(running.pop(future), future.result())
                if not finished:
                    self._checkpoint()
        except BaseException as first:
            # What had ended before is paid for and kept, and so is what ended together with the piece that failed. What
            # ends from here on may have ended because the sandbox next to it was killed.
            ended = {future: index for future, index in running.items() if future.done()}
            watch.kill()
            pool.shutdown(wait=True, cancel_futures=True)
            for future, index in ended.items():
                if future.exception() is None:
                    _report(first, on_done, index, future.result())
            raise
        pool.shutdown(wait=True)

    def _stands(self, watch: Watch) -> bool:
        """Whether the wall serves a command that means no harm."""
        try:
            with watch.start((), self._limits) as sandbox:
                outcome = sandbox.run(_TRIFLE)
        except SandboxError:
            return False
        return (outcome.ending, outcome.exit_code) == (Ending.EXITED, 0)

    def _attempt(self, work: Work[Result], watch: Watch) -> Done[Result]:
        for retries in range(MAX_RETRIES + 1):
            try:
                return Done(work.run(watch, self._limits), retries)
            except BackendUnavailable as error:
                raise SandboxDown(error.what, mend=error.mend) from error
            except SandboxError as error:
                failure = error
                if isinstance(error, EngineAway) and retries < MAX_RETRIES:
                    watch.pause(AWAY_SECONDS[retries])
        # An engine that was away is nobody's doing, however well it serves now.
        if not isinstance(failure, EngineAway) and self._stands(watch):
            return Done(work.broken(failure.what), MAX_RETRIES)
        raise SandboxDown(
            "the sandbox broke",
            why=f"{failure.what} ({MAX_RETRIES + 1} times in a row)",
            mend=failure.mend or "See: successor doctor",
        )


def _report(first: BaseException, on_done: Callable[[int, Done[Result]], None], index: int, done: Done[Result]) -> None:
    """Report a piece that ended beside an error. What the report raises is noted on that error and stops no other."""
    try:
        on_done(index, done)
    except Exception as error:  # noqa: BLE001  # `first` is raised
        first.add_note(f"And then, of what had ended: {error!r}")
