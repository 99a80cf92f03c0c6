"""Score trees on suites: which trials are known, which must be run, and in which order.

A suite without a model is one job for each tree and split; with one, each task is a trial of its own. Everything here
is the host's view: a job's output is parsed by the suite, and what is stored are integers under keys that name every
input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from agent.edits.tree import Tree
from agent.errors import Refused
from agent.evaluate.attempts import ModelWork, demand_measured
from agent.evaluate.executor import CUT_OFF, Done, Executor, Job, SecondTry, Tried, Work
from agent.evaluate.staging import Staging
from agent.evaluate.suite import ModelSuite, SkillSuite, Split, Suite, SuiteJob
from agent.evaluate.trial import NO_ANSWER, Attempted, TrialKey, TrialStore
from sandbox.broker.desk import Desk
from sandbox.contract import CANDIDATE_ROOT, Ending, Mount

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
    account: str = ""
    """On what a model's price is booked; the tree itself, when empty."""


@dataclass(frozen=True, slots=True)
class Result:
    """`scores` is `None` when the scaffold crashed, was cut off or answered nothing."""

    scores: Scores | None
    ending: str
    retries: int
    model: str = ""
    attempts: tuple[Attempted, ...] = ()
    """Of trials with a model: what came of each."""


@dataclass(slots=True)
class _Gathering:
    """A request, what is known of it so far, and how many pieces of work are still to come."""

    request: Request
    keys: Mapping[str, TrialKey]
    scores: Scores
    waiting: int = 0
    ending: str = "exited"
    retries: int = 0

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(task for task in self.keys if task not in self.scores)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Work, and who takes what comes of it."""

    gathering: int
    work: Work[Any]
    take: Callable[[Done[Any]], None] = field(repr=False)


class Scorer:
    """Answers requests from the store or by running them. `trials_run` counts the trials that were paid."""

    def __init__(
        self,
        executor: Executor,
        staging: Staging,
        trials: TrialStore,
        runtime: str,
        limits: str,
        desk: Desk | None = None,
    ) -> None:
        self._executor = executor
        self._staging = staging
        self._trials = trials
        self._runtime = runtime
        self._limits = limits
        self._desk = desk
        self.trials_run = 0

    def score(self, requests: Sequence[Request], done: Callable[[int], None] = lambda _: None) -> list[Result]:
        """Answer all requests, in their order; `done(index)` is called as each one is answered.

        Two equal requests in one call are run twice: whoever asks twice wants to know whether the answers agree. The
        trials of several requests are interleaved, so that a machine or a server that grows slower favours none.
        """
        self._staging.trim()
        gatherings = [self._gather(request) for request in requests]
        queues = [self._pieces(number, gathering) for number, gathering in enumerate(gatherings)]
        for number, queue in enumerate(queues):
            gatherings[number].waiting = len(queue)
            if not queue:
                done(number)
        longest = max(map(len, queues), default=0)
        pieces = [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]

        def take(position: int, result: Done[Any]) -> None:
            piece = pieces[position]
            piece.take(result)
            gathering = gatherings[piece.gathering]
            gathering.waiting -= 1
            gathering.retries = max(gathering.retries, result.retries)
            if not gathering.waiting:
                done(piece.gathering)

        self._executor.run([piece.work for piece in pieces], take)
        return [self._result(gathering) for gathering in gatherings]

    def accounts(self, request: Request) -> dict[str, Attempted]:
        """What is known of a request's trials with a model, by task."""
        known = self._trials.attempts(self._keys(request).values())
        return {key.task: attempted for key, attempted in known.items()}

    def _keys(self, request: Request) -> dict[str, TrialKey]:
        model = self._demand_desk(request.suite).identity if isinstance(request.suite, ModelSuite) else ""
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
                model=model,
            )
            for task in request.tasks
        }

    def _gather(self, request: Request) -> _Gathering:
        keys = self._keys(request)
        known = self._trials.get_many(keys.values())
        return _Gathering(request, keys, {task: known[key] for task, key in keys.items() if key in known})

    def _pieces(self, number: int, gathering: _Gathering) -> list[_Piece]:
        """The work that is still to be done for a request."""
        request, missing = gathering.request, gathering.missing
        if not missing:
            return []
        scaffold = (Mount(self._staging.folder(request.tree), CANDIDATE_ROOT),)
        if isinstance(request.suite, SkillSuite):
            job = request.suite.job(request.split, missing)
            work = SecondTry(Job((*scaffold, *job.mounts), job.command))
            return [_Piece(number, work, partial(self._take_answers, gathering, job, missing))]
        assert isinstance(request.suite, ModelSuite)
        desk, account = self._demand_desk(request.suite), request.account or request.tree.digest
        return [
            _Piece(
                number,
                ModelWork(request.suite.trial(request.split, task, scaffold, desk, account), desk, account),
                partial(self._take_attempt, gathering, task),
            )
            for task in missing
        ]

    def _take_answers(self, gathering: _Gathering, job: SuiteJob, missing: tuple[str, ...], done: Done[Tried]) -> None:
        """Score what came out and keep it.

        What was cut off twice, or broke the wall, counts nothing here and is not kept: on a machine that has more time
        or memory it may end otherwise. How any other run ended was the scaffold's own doing, which is not tried again
        for a better end.
        """
        self.trials_run += len(missing)
        outcome = done.outcome.outcome
        gathering.retries = done.retries + done.outcome.again
        answered = None
        if outcome.ending is Ending.EXITED and outcome.exit_code == 0:
            answered = job.score(outcome.stdout)
        fresh = answered if answered is not None else dict.fromkeys(missing, NO_ANSWER)
        if outcome.ending not in (*CUT_OFF, Ending.BROKEN):
            self._trials.put_many({gathering.keys[task]: score for task, score in fresh.items()})
        gathering.ending = str(outcome.ending)
        gathering.scores.update(fresh)

    def _take_attempt(self, gathering: _Gathering, task: str, done: Done[Attempted]) -> None:
        """Keep what came of a trial with a model, whether it was measured or not: it was paid for."""
        self.trials_run += 1
        self._trials.note(gathering.keys[task], done.outcome)
        demand_measured(done.outcome, task)
        assert done.outcome.score is not None
        gathering.scores[task] = done.outcome.score

    def _result(self, gathering: _Gathering) -> Result:
        scores = {task: gathering.scores[task] for task in gathering.request.tasks}
        answered = NO_ANSWER not in scores.values() and bool(scores)
        model = next((key.model for key in gathering.keys.values()), "")
        attempts = tuple(self.accounts(gathering.request).values()) if model else ()
        return Result(scores if answered else None, gathering.ending, gathering.retries, model, attempts)

    def _demand_desk(self, suite: Suite) -> Desk:
        if self._desk is None:
            raise Refused(
                f"suite {suite.name} needs a model",
                why="there is none",
                mend="Set ANTHROPIC_API_KEY, or name a model file: --model local:FILE",
            )
        return self._desk
