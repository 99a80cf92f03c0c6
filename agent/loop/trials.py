"""Trials by content, kept in the store: a trial whose every input is the same is never paid twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from agent.evaluate.trial import TrialKey
from agent.loop.store import Store

Batch = tuple[str, str, str, str, str, int, int]


class StoredTrials:
    """The `TrialStore` of a workspace: survives crashes and serves later runs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get_many(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, int]:
        """Return the scores, in ppm, of those keys that have one."""
        batches: dict[Batch, list[TrialKey]] = defaultdict(list)
        for key in keys:
            batches[_batch(key)].append(key)
        found: dict[TrialKey, int] = {}
        for batch, wanted in batches.items():
            scores = self._store.trial_scores(batch)
            found.update((key, scores[key.task]) for key in wanted if key.task in scores)
        return found

    def put_many(self, scores: Mapping[TrialKey, int]) -> None:
        """Keep scores; a key that already has one keeps its first."""
        self._store.keep_trials((*_batch(key), key.task, score) for key, score in scores.items())


def _batch(key: TrialKey) -> Batch:
    return (key.tree, key.suite_digest, key.split, key.runtime, key.limits, key.seed, key.repeat)
