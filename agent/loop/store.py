"""The store: one SQLite file (WAL) that holds every candidate, transition, trial and run of a workspace."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from agent.candidate import State, step
from agent.errors import StoreBroken, UnknownId
from agent.loop.blobs import Blobs

SCHEMA_VERSION = 5


@dataclass(frozen=True, slots=True)
class Entry:
    """A candidate as the store knows it. `parts` maps the name of a part (diff, evidence, ...) to its blob."""

    id: str
    state: State
    proposer: str
    base_commit: str
    tree: str
    created: int
    run: int | None
    trials: int
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Transition:
    """One step a candidate took. `source` is empty when it was drafted; `at` is in unix seconds."""

    candidate: str
    source: str
    target: str
    at: int
    note: str


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One run of the loop. `ending` is None while it runs, and stays None when the process was killed."""

    id: int
    started: int
    ended: int | None
    ending: str | None
    proposer: str
    wanted: int
    made: int
    trials: int
    message: str


class Store:
    """All that the loop remembers. Every public method is one transaction; safe to share between threads."""

    def __init__(self, folder: Path, clock: Callable[[], int]) -> None:
        """Open, or make, the store in `folder` (the workspace's `.successor`). `clock` gives unix seconds."""
        self._clock = clock
        self._lock = threading.RLock()
        self.blobs = Blobs(folder / "blobs")
        with _translated():
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(folder / "state.db", timeout=30, isolation_level=None, check_same_thread=False)
            try:
                self._prepare()
            except BaseException:
                self._db.close()  # nobody else will: there is no store to close
                raise

    def close(self) -> None:
        """Close the file. The store cannot be used afterwards."""
        self._db.close()

    def draft(self, entry: Entry, note: str, also: Callable[[sqlite3.Connection], None] = lambda _: None) -> bool:
        """Record a new candidate. Returns False, changing nothing, when one of the same identity is already there.

        `also`: what becomes true with it, in tables of others.
        """
        with self.writing() as db:
            if db.execute("SELECT 1 FROM candidates WHERE id = ?", (entry.id,)).fetchone():
                return False
            db.execute(
                "INSERT INTO candidates VALUES (?,?,?,?,?,?,?,?,?)",
                (
                    entry.id, entry.state, entry.proposer, entry.base_commit, entry.tree, entry.created, entry.run,
                    entry.trials, json.dumps(dict(entry.parts), sort_keys=True),
                ),
            )  # fmt: skip
            self._note(db, entry.id, "", entry.state, note)
            also(db)
        return True

    def advance(
        self,
        candidate: str,
        target: State,
        *,
        note: str = "",
        parts: Mapping[str, str] | None = None,
        trials: int = 0,
        also: Callable[[sqlite3.Connection], None] = lambda _: None,
    ) -> Entry:
        """Move a candidate to `target`, adding parts and trials, in one transaction; out of order raises.

        `also`: what becomes true with it, in tables of others.
        """
        with self.writing() as db:
            entry = self._one(db, candidate)
            step(entry.state, target)
            merged = json.dumps({**entry.parts, **(parts or {})}, sort_keys=True)
            db.execute(
                "UPDATE candidates SET state = ?, parts = ?, trials = trials + ? WHERE id = ?",
                (target, merged, trials, candidate),
            )
            self._note(db, candidate, entry.state, target, note)
            also(db)
            return self._one(db, candidate)

    def attach(self, candidate: str, parts: Mapping[str, str]) -> Entry:
        """Add parts to a candidate without moving it (a review that does not decide yet)."""
        with self.writing() as db:
            entry = self._one(db, candidate)
            merged = json.dumps({**entry.parts, **parts}, sort_keys=True)
            db.execute("UPDATE candidates SET parts = ? WHERE id = ?", (merged, candidate))
            return self._one(db, candidate)

    def candidate(self, candidate: str) -> Entry:
        """Return one candidate by its full ID or an unambiguous beginning of it; `UnknownId` otherwise."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT id FROM candidates WHERE id = :id OR substr(id, 1, length(:id)) = :id LIMIT 3",
                {"id": candidate},
            ).fetchall()
            if not candidate or len(rows) != 1:
                why = "more than one begins so" if candidate and rows else "this workspace has none of that name"
                raise UnknownId(f"no candidate {candidate[:80]!a}", why=why, mend="List them with: successor status")
            return self._one(db, rows[0][0])

    def candidates(self, states: Iterable[State] = tuple(State), *, drills: bool = False) -> tuple[Entry, ...]:
        """Return the candidates in any of `states`, oldest first; with `drills`, also those that are drills."""
        wanted = tuple(states)
        marks = ",".join("?" * len(wanted))
        with self.reading() as db:
            rows = db.execute(
                f"SELECT * FROM candidates WHERE state IN ({marks}) "  # noqa: S608  # marks only
                "AND (? OR id NOT IN (SELECT candidate FROM drills)) ORDER BY created, rowid",
                (*wanted, drills),
            )
            return tuple(_entry(row) for row in rows)

    def transitions(self, candidate: str) -> tuple[Transition, ...]:
        """Return every step of one candidate, oldest first: at least the one that drafted it."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT candidate, source, target, at, note FROM transitions WHERE candidate = ? ORDER BY sequence",
                (candidate,),
            )
            taken = tuple(Transition(*row) for row in rows)
        if not taken:
            raise _damaged(candidate)
        return taken

    def begin_run(self, proposer: str, wanted: int) -> int:
        """Record that a run starts; returns its number."""
        with self.writing() as db:
            cursor = db.execute(
                "INSERT INTO runs (started, proposer, wanted) VALUES (?,?,?)", (self._clock(), proposer, wanted)
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def progress_run(self, run: int, *, made: int, trials: int) -> None:
        """Record what a run has done so far."""
        with self.writing() as db:
            db.execute("UPDATE runs SET made = ?, trials = ? WHERE id = ?", (made, trials, run))

    def end_run(self, run: int, ending: str, message: str) -> None:
        """Record why a run ended."""
        with self.writing() as db:
            db.execute(
                "UPDATE runs SET ended = ?, ending = ?, message = ? WHERE id = ?", (self._clock(), ending, message, run)
            )

    def runs(self) -> tuple[RunEntry, ...]:
        """Return all runs, oldest first."""
        with self.reading() as db:
            return tuple(RunEntry(*row) for row in db.execute("SELECT * FROM runs ORDER BY id"))

    def now(self) -> int:
        """The time by the store's clock, in unix seconds."""
        return self._clock()

    def _prepare(self) -> None:
        db = self._db
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StoreBroken(
                f"the store was written by a newer successor (schema {version})", mend="Upgrade successor"
            )
        scripts = files("agent.loop")
        for step_from in range(version or SCHEMA_VERSION, SCHEMA_VERSION):
            self._renew(step_from, scripts.joinpath(f"schema_{step_from}_to_{step_from + 1}.sql").read_text("utf-8"))
        db.executescript(scripts.joinpath("schema.sql").read_text("utf-8"))
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        # Reading every table once makes a damaged file known now, not in the middle of a run.
        (state,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(state)

    def _renew(self, version: int, script: str) -> None:
        """Take the step to the next schema, unless another process took it meanwhile."""
        with self.writing() as db:
            if db.execute("PRAGMA user_version").fetchone() == (version,):
                for statement in script.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {version + 1}")

    def _note(self, db: sqlite3.Connection, candidate: str, source: str, target: str, note: str) -> None:
        db.execute(
            "INSERT INTO transitions (candidate, source, target, at, note) VALUES (?,?,?,?,?)",
            (candidate, source, target, self._clock(), note),
        )

    @staticmethod
    def _one(db: sqlite3.Connection, candidate: str) -> Entry:
        row = db.execute("SELECT * FROM candidates WHERE id = ?", (candidate,)).fetchone()
        if row is None:
            raise UnknownId(f"no candidate {candidate[:80]!a}", mend="List them with: successor status")
        return _entry(row)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing. For the modules of this folder that keep tables of their own."""
        with self._lock, _translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The store, to read from. For the modules of this folder that keep tables of their own."""
        with self._lock, _translated():
            yield self._db


@contextmanager
def _translated() -> Iterator[None]:
    """Turn SQLite's and the file system's errors into one sentence of ours."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        busy = "locked" in str(error) or "readonly" in str(error) or "full" in str(error)
        mend = (
            "Nothing was lost; free the disk or the lock and try again"
            if busy
            else "Move .successor/state.db aside; successors, decisions and the looks of their tests live in git"
        )
        raise StoreBroken("the store cannot be used", why=str(error), mend=mend) from error
    except OSError as error:
        raise StoreBroken(
            "the store cannot be opened", why=str(error.strerror or error), mend="Check the folder's permissions"
        ) from error


def _entry(row: tuple[str, str, str, str, str, int, int | None, int, str]) -> Entry:
    try:
        parts = json.loads(row[8])
        if not isinstance(parts, dict) or not all(isinstance(digest, str) for digest in parts.values()):
            raise ValueError("its parts are not digests by name")
        return Entry(row[0], State(row[1]), *row[2:8], parts=parts)
    except (ValueError, RecursionError) as error:
        raise _damaged(row[0]) from error


def _damaged(candidate: str) -> StoreBroken:
    return StoreBroken(
        f"the store's row of candidate {candidate[:40]!a} is damaged",
        mend="Move .successor/state.db aside; successors, decisions and the looks of their tests live in git",
    )
