"""Run jobs in single-use sandboxes, a few at a time.

One sandbox for each job, never a second one. A wall that breaks says nothing about the candidate, so the job is run
again, at most twice, and then the whole request fails: a trial that was not measured has no score. Threads suffice,
because the work is in other processes; another executor needs only `run`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from agent.errors import SandboxDown
from agent.evaluate.apart import Solver, run_apart
from sandbox.contract import Backend, Command, Limits, Mount, Outcome
from sandbox.errors import BackendUnavailable, SandboxError

MAX_RETRIES = 2
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """One command in one fresh sandbox."""

    mounts: tuple[Mount, ...]
    command: Command
    solver: Solver | None = None
    """With one, the command is a run of tests in a grader's sandbox, and this is the other side."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a job, and how often the wall failed before."""

    outcome: Outcome
    retries: int


OnDone = Callable[[int, Done], None]


class Executor:
    """Runs jobs on `workers` threads. `checkpoint` is called in the calling thread before each start and while waiting;
    what it raises stops the run after the sandboxes under way have ended."""

    def __init__(self, backend: Backend, limits: Limits, workers: int, checkpoint: Callable[[], None]) -> None:
        self._backend = backend
        self._limits = limits
        self._workers = max(1, workers)
        self._checkpoint = checkpoint

    def run(self, jobs: Sequence[Job], on_done: OnDone) -> None:
        """Run all jobs; call `on_done(index, result)` in this thread as each one ends, in any order.

        Raises `SandboxDown`, or what `checkpoint` raised; jobs that had ended by then were still reported.
        """
        waiting = deque(enumerate(jobs))
        running: dict[Future[Done], int] = {}
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="trial")
        try:
            while waiting or running:
                while waiting and len(running) < self._workers:
                    self._checkpoint()
                    index, job = waiting.popleft()
                    running[pool.submit(self._attempt, job)] = index
                finished, _ = wait(running, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                for future in finished:
                    on_done(running.pop(future), future.result())
                if not finished:
                    self._checkpoint()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            # Only after an error is anything left here. What was paid for is kept.
            for future, index in running.items():
                if future.done() and not future.cancelled() and future.exception() is None:
                    on_done(index, future.result())

    def _run(self, job: Job) -> Outcome:
        if job.solver is not None:
            return run_apart(self._backend, self._limits, job.mounts, job.command, job.solver)
        with self._backend.start(job.mounts, self._limits) as sandbox:
            return sandbox.run(job.command)

    def _attempt(self, job: Job) -> Done:
        for retries in range(MAX_RETRIES + 1):
            try:
                return Done(self._run(job), retries)
            except BackendUnavailable as error:
                raise SandboxDown(error.what, mend=error.mend) from error
            except SandboxError as error:
                failure = error
        raise SandboxDown(
            "the sandbox broke",
            why=f"{failure.what} ({MAX_RETRIES + 1} times in a row)",
            mend=failure.mend or "See: successor doctor",
        )
