"""Trials with a model, run again from what was said when they were measured: the one way to repeat them.

A model takes no seed, so the same question need not have the same answer twice. With the recorded answers, everything
else is run for real: the scaffold in its sandbox, and the grading. A scaffold that asks something else than it did is
told so, and its trial has diverged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agent.evaluate.executor import Done, Executor
from agent.evaluate.suite import ModelSuite
from agent.evaluate.trial import Attempted, TrialKey
from sandbox.broker.broker import Broker
from sandbox.broker.desk import Desk
from sandbox.broker.ledger import Budgets, Ledger
from sandbox.broker.recording import Recording
from sandbox.broker.rules import BrokerConfig, Patience, Policy
from sandbox.broker.usage import Price
from sandbox.contract import Limits, Mount, Starter

_FREE = Price(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Replayed:
    """One trial, then and now. `why` it was not run again; empty when it was."""

    key: TrialKey
    recorded: int | None
    again: int | None = None
    calls: int = 0
    strangers: int = 0
    """Requests that were not made then."""
    unasked: int = 0
    """Answers that were given then and not asked for now."""
    why: str = ""

    @property
    def reproduced(self) -> bool:
        """Whether the same was asked, and the same came of it."""
        return not (self.why or self.strangers or self.unasked) and self.again == self.recorded


@dataclass(frozen=True, slots=True)
class ReplayWork:
    """A recorded trial as work for the executor."""

    key: TrialKey
    then: Attempted
    suite: ModelSuite
    scaffold: tuple[Mount, ...]
    documents: tuple[bytes, ...]

    def run(self, starter: Starter, limits: Limits) -> Replayed:
        """Run it on the recorded answers."""
        recording = Recording(self.documents)
        # Records name a local model with its digest; requests carry its name alone.
        name = self.key.model.partition("@sha256:")[0]
        policy = Policy(frozenset({name}), max_tokens=_most_tokens(self.documents))
        config = BrokerConfig(policy, patience=Patience(retries=0))
        with Broker(config, "", Ledger(Budgets()), prices={name: _FREE}, upstream=recording) as broker:
            desk = Desk(broker, name)
            try:
                trial = self.suite.trial(self.key.split, self.key.task, self.scaffold, desk, self.key.tree)  # type: ignore[arg-type]  # a split, because the store keeps what we wrote
                now = trial.run(starter, limits)
            finally:
                desk.close()
        # Calls that fail because they were not made then are no failure of a server: the trial was measured.
        return replace(
            self._unmeasured(""),
            again=now.score,
            calls=now.spent.calls,
            strangers=recording.strangers,
            unasked=recording.unasked,
        )

    def broken(self, why: str) -> Replayed:
        """Say that it brings its sandbox down."""
        return self._unmeasured(f"its sandbox broke each time: {why}")

    def _unmeasured(self, why: str) -> Replayed:
        return Replayed(self.key, self.then.score, why=why)


def _most_tokens(documents: Sequence[bytes]) -> int:
    """How many tokens a call asked for at most: a scaffold that is told of the limit asks for as many again."""
    requests = (json.loads(document)["request"] for document in documents)
    return max((request.get("max_tokens", 1) for request in requests if request), default=1)


def replay(
    executor: Executor, work: Sequence[ReplayWork], done: Callable[[Replayed], None] = lambda _: None
) -> list[Replayed]:
    """Run recorded trials again; `done` is told of each as it ends. In the order of `work`."""
    found: dict[int, Replayed] = {}

    def take(index: int, result: Done[Replayed]) -> None:
        found[index] = result.outcome
        done(result.outcome)

    executor.run(work, take)
    return [found[index] for index in range(len(work))]
