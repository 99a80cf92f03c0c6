"""Score trees on suites: which trials are known, which must be run, one job for each tree, suite and split.

Everything here is the host's view: a job's output is parsed by the suite, and what is stored are integers under keys
that name every input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.edits.tree import Tree
from agent.evaluate.executor import Done, Executor, Job
from agent.evaluate.staging import Staging
from agent.evaluate.suite import Split, Suite, SuiteJob
from agent.evaluate.trial import NO_ANSWER, TrialKey, TrialStore
from sandbox.contract import CANDIDATE_ROOT, Ending, Mount, Outcome

Scores = dict[str, int]


@dataclass(frozen=True, slots=True)
class Request:
    """Some tasks of one suite for one tree. `tree` holds only what trials may see."""

    tree: Tree
    suite: Suite
    split: Split
    tasks: tuple[str, ...]
    seed: int
    repeat: int


@dataclass(frozen=True, slots=True)
class Result:
    """`scores` is `None` when the scaffold crashed, was cut off or answered nothing."""

    scores: Scores | None
    ending: str
    retries: int


class Scorer:
    """Answers requests from the store or by running them. `trials_run` counts the trials that were paid."""

    def __init__(self, executor: Executor, staging: Staging, trials: TrialStore, runtime: str, limits: str) -> None:
        self._executor = executor
        self._staging = staging
        self._trials = trials
        self._runtime = runtime
        self._limits = limits
        self.trials_run = 0

    def score(self, requests: Sequence[Request], done: Callable[[int], None] = lambda _: None) -> list[Result]:
        """Answer all requests, in their order; `done(index)` is called as each one is answered.

        Two equal requests in one call are run twice: whoever asks twice wants to know whether the answers agree.
        """
        self._staging.trim()
        known = [self._trials.get_many(self._keys(request).values()) for request in requests]
        results = [self._known(request, scores) for request, scores in zip(requests, known, strict=True)]
        unknown = [index for index, result in enumerate(results) if result is None]
        prepared = {index: self._prepare(requests[index], known[index]) for index in unknown}

        def finish(position: int, outcome: Done[Outcome]) -> None:
            index = unknown[position]
            job, missing = prepared[index]
            results[index] = self._finish(requests[index], known[index], job, missing, outcome)
            done(index)

        for index, result in enumerate(results):
            if result is not None:
                done(index)
        self._executor.run([self._sandboxed(requests[index].tree, prepared[index][0]) for index in unknown], finish)
        return [result for result in results if result is not None]

    def _keys(self, request: Request) -> dict[str, TrialKey]:
        return {
            task: TrialKey(
                tree=request.tree.digest,
                suite_digest=request.suite.digest,
                split=request.split,
                task=task,
                runtime=self._runtime,
                limits=self._limits,
                seed=request.seed,
                repeat=request.repeat,
            )
            for task in request.tasks
        }

    def _known(self, request: Request, known: Mapping[TrialKey, int]) -> Result | None:
        """The result if every trial of the request is in the store."""
        keys = self._keys(request)
        if len(known) < len(keys):
            return None
        return _result({task: known[key] for task, key in keys.items()}, "exited", 0)

    def _prepare(self, request: Request, known: Mapping[TrialKey, int]) -> tuple[SuiteJob, tuple[str, ...]]:
        missing = tuple(task for task, key in self._keys(request).items() if key not in known)
        return request.suite.job(request.split, missing), missing

    def _sandboxed(self, tree: Tree, job: SuiteJob) -> Job:
        return Job((Mount(self._staging.folder(tree), CANDIDATE_ROOT), *job.mounts), job.command)

    def _finish(
        self,
        request: Request,
        known: Mapping[TrialKey, int],
        job: SuiteJob,
        missing: tuple[str, ...],
        done: Done[Outcome],
    ) -> Result:
        """Score what came out and keep it.

        What met the deadline, or broke the wall, may end otherwise on a machine that is less busy. How any other run
        ended was the scaffold's own doing, which is not tried again for a better end.
        """
        self.trials_run += len(missing)
        outcome = done.outcome
        answered = None
        if outcome.ending is Ending.EXITED and outcome.exit_code == 0:
            answered = job.score(outcome.stdout)
        fresh = answered if answered is not None else dict.fromkeys(missing, NO_ANSWER)
        keys = self._keys(request)
        if outcome.ending not in (Ending.TIMED_OUT, Ending.BROKEN):
            self._trials.put_many({keys[task]: score for task, score in fresh.items()})
        kept = {task: known[key] for task, key in keys.items() if key in known}
        return _result({task: (kept | fresh)[task] for task in request.tasks}, str(outcome.ending), done.retries)


def _result(scores: Scores, ending: str, retries: int) -> Result:
    answered = NO_ANSWER not in scores.values() and bool(scores)
    return Result(scores if answered else None, ending, retries)
