"""Trials by content, kept in the store: a trial whose every input is the same is never paid twice."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, astuple, fields

from agent.errors import StoreBroken
from agent.evaluate.trial import Attempted, TrialKey, again
from agent.loop.store import Store
from sandbox.broker.ledger import Spent
from sandbox.broker.usage import Usage

_KEY = tuple(field.name for field in fields(TrialKey))
_BATCH = tuple(name for name in _KEY if name != "task")
_SAME_BATCH = " AND ".join(f"{'suite' if name == 'suite_digest' else name} = ?" for name in _BATCH)
_COLUMNS = ", ".join("suite" if name == "suite_digest" else name for name in _KEY)

# The statements are put together from the names of TrialKey's fields, which are ours.
_SCORES = f"SELECT task, score_ppm FROM trials WHERE {_SAME_BATCH}"  # noqa: S608
_KEEP = f"INSERT OR IGNORE INTO trials ({_COLUMNS}, score_ppm) VALUES ({', '.join('?' * (len(_KEY) + 1))})"  # noqa: S608
_ATTEMPT = "score_ppm, failure, note, calls, usage, micro_usd, exchanges"
_ATTEMPTS = f"SELECT task, {_ATTEMPT} FROM attempts WHERE {_SAME_BATCH} ORDER BY id"  # noqa: S608
_OF_TREE = f"SELECT {_COLUMNS}, {_ATTEMPT} FROM attempts WHERE tree = ? ORDER BY id"  # noqa: S608
_NOTE = f"INSERT INTO attempts ({_COLUMNS}, {_ATTEMPT}) VALUES ({', '.join('?' * (len(_KEY) + 7))})"  # noqa: S608


class StoredTrials:
    """The `TrialStore` of a workspace: survives crashes and serves later runs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get_many(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, int]:
        """Return the scores, in ppm, of those keys that have one."""
        found: dict[TrialKey, int] = {}
        with self._store.reading() as db:
            for batch, wanted in _batches(keys).items():
                scores = dict(db.execute(_SCORES, batch).fetchall())
                found.update((key, scores[key.task]) for key in wanted if key.task in scores)
        return found

    def put_many(self, scores: Mapping[TrialKey, int]) -> None:
        """Keep scores; a key that already has one keeps its first."""
        with self._store.writing() as db:
            db.executemany(_KEEP, ((*astuple(key), score) for key, score in scores.items()))

    def attempts(self, keys: Iterable[TrialKey]) -> Mapping[TrialKey, Attempted]:
        """Return what came of those trials with a model that are known; of the last time, where one was run again, with
        what all times cost."""
        found: dict[TrialKey, Attempted] = {}
        with self._store.reading() as db:
            for batch, wanted in _batches(keys).items():
                known: dict[str, Attempted] = {}
                for task, *row in db.execute(_ATTEMPTS, batch):
                    known[task] = again(known.get(task), _attempted(tuple(row)))
                found.update((key, known[key.task]) for key in wanted if key.task in known)
        return found

    def attempts_of(self, tree: str) -> Mapping[TrialKey, Attempted]:
        """Return what came of all trials of a tree with a model, of the last time where one was run again."""
        with self._store.reading() as db:
            rows = db.execute(_OF_TREE, (tree,)).fetchall()
        found: dict[TrialKey, Attempted] = {}
        for row in rows:
            key = TrialKey(*row[: len(_KEY)])
            found[key] = again(found.get(key), _attempted(row[len(_KEY) :]))
        return found

    def note(self, key: TrialKey, attempted: Attempted) -> None:
        """Keep what came of a trial with a model: its score, unless it was not measured, and its account."""
        spent = attempted.spent
        row = (
            *astuple(key), attempted.score, attempted.failure, attempted.note, spent.calls,
            json.dumps(asdict(spent.usage)), spent.micro_usd, json.dumps(attempted.exchanges),
        )  # fmt: skip
        with self._store.writing() as db:
            db.execute(_NOTE, row)
            if attempted.score is not None:
                db.execute(_KEEP, (*astuple(key), attempted.score))


def _batches(keys: Iterable[TrialKey]) -> Mapping[tuple[object, ...], list[TrialKey]]:
    """Return the keys by all that they have in common but for their task."""
    batches: dict[tuple[object, ...], list[TrialKey]] = defaultdict(list)
    for key in keys:
        batches[tuple(getattr(key, name) for name in _BATCH)].append(key)
    return batches


def _attempted(row: tuple[int | None, str, str, int, str, int, str]) -> Attempted:
    score, failure, note, calls, usage, micro_usd, exchanges = row
    try:
        spent = Spent(calls, Usage(**json.loads(usage)), micro_usd)
        return Attempted(score, failure, note, spent, tuple(json.loads(exchanges)))  # type: ignore[arg-type]  # a word that we wrote
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreBroken("a trial in the store cannot be read", why=str(error)) from error
