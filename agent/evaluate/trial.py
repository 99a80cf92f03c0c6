"""A trial: one run of one task by one tree, named by everything that decides its outcome."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from sandbox.broker.ledger import Spent

NO_ANSWER = -1
"""Stored instead of a score when the scaffold ended by itself without giving answers. A run that was cut off,
by its deadline or from outside, is not stored at all: on another day it may end in time."""


@dataclass(frozen=True, slots=True, order=True)
class TrialKey:
    """Same key, same outcome: a trial with this key is never paid twice."""

    tree: str
    """Digest of the files the trial could see, see `agent.evaluate.visible`."""
    suite_digest: str
    split: str
    task: str
    runtime: str
    limits: str
    """Digest of the limits and the kind of wall."""
    seed: int
    repeat: int
    model: str = ""
    """The model that the scaffold spoke to; empty where a trial needs none."""


Failure = Literal["none", "agent", "provider", "verifier"]
"""What kept a trial with a model from an orderly end: the scaffold itself, the model's server, or the task's verifier.
A wall that breaks is none of these: it is an error, and the trial is run again."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """What came of one trial with a model, as the host saw it."""

    score: int | None
    """ppm of a full mark; None when it was not measured: the provider failed, or the verifier for no fault of the
    answer's. A scaffold that crashed or was cut off (`agent`) is scored by what it left."""
    failure: Failure
    note: str
    """One line for a person."""
    spent: Spent
    exchanges: tuple[str, ...]
    """Digests of what was said between scaffold and model, in order."""


def again(before: Attempted | None, now: Attempted) -> Attempted:
    """Return what came of a trial that was run before, and not measured: as it came out now, at the price of both."""
    return now if before is None else replace(now, spent=before.spent + now.spent)


class TrialStore(Protocol):
    """Where scores are kept, in ppm of a full mark or `NO_ANSWER`, and the accounts of trials with a model."""

    def get_many(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, int]:
        """Return the scores of those keys that are known."""
        ...

    def put_many(self, scores: Mapping[TrialKey, int]) -> None:
        """Keep scores. Putting the same key again with the same score changes nothing."""
        ...

    def attempts(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, Attempted]:
        """Return what came of those trials with a model that are known; of the last time, where one was run again, with
        what all times cost."""
        ...

    def attempts_of(self, tree: str) -> Mapping[TrialKey, Attempted]:
        """Return what came of all trials of a tree with a model."""
        ...

    def note(self, key: TrialKey, attempted: Attempted) -> None:
        """Keep what came of a trial with a model, and its score if it was measured."""
        ...


class MemoryTrials:
    """A store that lives as long as the process."""

    def __init__(self) -> None:
        self._scores: dict[TrialKey, int] = {}
        self._attempts: dict[TrialKey, Attempted] = {}

    def get_many(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, int]:
        """Return the scores of those keys that are known."""
        return {key: self._scores[key] for key in keys if key in self._scores}

    def put_many(self, scores: Mapping[TrialKey, int]) -> None:
        """Keep scores; a key that already has one keeps its first."""
        for key, score in scores.items():
            self._scores.setdefault(key, score)

    def attempts(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, Attempted]:
        """Return what came of those that are known."""
        return {key: self._attempts[key] for key in keys if key in self._attempts}

    def attempts_of(self, tree: str) -> Mapping[TrialKey, Attempted]:
        """Return what came of those of a tree."""
        return {key: attempted for key, attempted in self._attempts.items() if key.tree == tree}

    def note(self, key: TrialKey, attempted: Attempted) -> None:
        """Keep an account, and the score in it."""
        self._attempts[key] = again(self._attempts.get(key), attempted)
        if attempted.score is not None:
            self.put_many({key: attempted.score})
