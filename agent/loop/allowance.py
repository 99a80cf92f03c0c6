"""What tests may err: the error budget of each run and the held-out looks of the workspace, kept in the store.

A test is given its level, and its look, in one transaction before its first trial, and asks for nothing again when it
is taken up after a kill. The budget is settled in the transaction that makes the decision true. So a killed process
neither loses error nor spends it twice, and at no time is more reserved and spent than there is.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from agent.candidate import Allowance, Deciding, State
from agent.errors import BudgetSpent, PolicyDenied, StoreBroken
from agent.evaluate.alpha import MOST_LEVEL_PPB, ErrorBudget, HeldoutLooks
from agent.evaluate.suite import Suite
from agent.loop.store import Entry, Store

Database = sqlite3.Connection

UNTESTED = (State.DRAFTED, State.SCREENED)
"""Where a candidate stands before its test came to an end."""

NEW_TASKS = "Give the suite new held-out tasks, such as by another seed in its file: docs/policies.md says how"


@dataclass(frozen=True, slots=True)
class Law:
    """What the parent's policy and settings say about error."""

    run_error_ppb: int
    looks_error_ppb: int
    looks: int

    @classmethod
    def of(cls, parameters: Mapping[str, object], looks: int) -> Law:
        """Read it from a bundle's parameters. Raises `PolicyDenied` where they do not name both errors."""
        found = [parameters.get(name) for name in ("max_run_error_ppb", "max_heldout_error_ppb")]
        if not all(type(error) is int and 0 < error < 500_000_000 for error in found):
            raise PolicyDenied(
                "the policy does not say how often tests may err",
                why="max_run_error_ppb and max_heldout_error_ppb are billionths, above 0 and under one half",
                mend="Set both in policies/bundle.yaml",
            )
        run, heldout = found
        assert isinstance(run, int)
        assert isinstance(heldout, int)
        return cls(run, heldout, looks)


@dataclass(frozen=True, slots=True)
class Looks:
    """How often the held-out tasks of a suite were looked at, and what there is for the next look."""

    suite: str
    used: int
    held: HeldoutLooks

    def demanded(self) -> int:
        """Return the level of the next look; raise `BudgetSpent` when there is none."""
        if self.held.next_ppb < 1:
            raise BudgetSpent(
                f"{self.used} candidates were shown to the held-out tasks of suite {self.suite}, and no more may be",
                why="tasks that were looked at often are held out no more",
                mend=NEW_TASKS,
            )
        return self.held.next_ppb


@dataclass(frozen=True, slots=True)
class Allowances:
    """The accounts of one workspace."""

    store: Store

    def grant(self, entry: Entry, suites: Sequence[Suite], law: Law) -> Allowance:
        """Give a candidate the error of its test on these suites; what it was given before, when it was.

        Raises `BudgetSpent` when its run has no error left, or the workspace no look.
        """
        with self.store.writing() as db:
            row = db.execute("SELECT allowance FROM allowances WHERE candidate = ?", (entry.id,)).fetchone()
            if row is not None:
                return _allowance(row[0])
            budget = (_find(db, entry) or _open(db, entry, law)).reserve(entry.id)
            looks = [_looks(db, suite.name, suite.exam, law) for suite in suites]
            given = budget.reserved[entry.id]
            allowance = Allowance(
                run_error_ppb=budget.alpha_ppb,
                run_candidates=budget.candidates,
                given_ppb=given,
                looks_error_ppb=law.looks_error_ppb,
                looks_allowed=law.looks,
                looks_used=max(one.used for one in looks) + 1,
                level_ppb=min(given, MOST_LEVEL_PPB, *(one.demanded() for one in looks)),
            )
            _keep(db, entry, budget)
            for suite, one in zip(suites, looks, strict=True):
                held = one.held.look(allowance.level_ppb)
                db.execute(_LOOK, (suite.exam, suite.name, held.used, held.spent_ppb))
            db.execute("INSERT INTO allowances VALUES (?,?)", (entry.id, allowance.model_dump_json()))
            return allowance

    def closes(self, entry: Entry, law: Law | None = None, *, promoted: bool = False) -> Callable[[Database], None]:
        """Return what closes the account of a candidate, in the transaction that moves it on from where it is.

        One whose test was begun has used its level up, unless it was promoted. One that ended before takes nothing.
        Without `law`, a budget that nobody opened stays so: the others then share among more than there will be.
        """

        def close(db: Database) -> None:
            if entry.state not in UNTESTED:
                return
            budget = _find(db, entry) or (_open(db, entry, law) if law else None)
            if budget is not None and entry.id in budget.reserved:
                _keep(db, entry, budget.settle(entry.id, promoted=promoted))
            elif budget is not None and budget.seen < budget.candidates:
                _keep(db, entry, budget.pass_over())

        return close

    def looks(self, suites: Mapping[str, str], law: Law) -> tuple[Looks, ...]:
        """Return how often the held-out tasks of each suite were looked at, given as its name by its exam."""
        with self.store.reading() as db:
            return tuple(_looks(db, name, exam, law) for exam, name in suites.items())

    def demand_looks(self, suites: Sequence[Suite], law: Law) -> None:
        """Raise `BudgetSpent` unless every objective among these may be looked at once more."""
        for one in self.looks({suite.exam: suite.name for suite in suites if suite.objective}, law):
            one.demanded()

    def looked(self) -> tuple[tuple[str, str, int], ...]:
        """Return exam and name of each suite that was looked at, the last first, and how often."""
        with self.store.reading() as db:
            rows = db.execute("SELECT exam, suite, used FROM heldout_looks ORDER BY rowid DESC")
            return tuple((exam, suite, used) for exam, suite, used in rows)

    def learn(self, candidate: str, decisions: Sequence[Deciding]) -> Callable[[Database], None]:
        """Return what counts the looks of a decision that git remembers, where this store did not grant them itself.

        A store that was lost, or another clone's, has counted them. Looks between them that no decision tells of have
        cost as much as the one that is told of.
        """

        def count(db: Database) -> None:
            if db.execute("SELECT 1 FROM allowances WHERE candidate = ?", (candidate,)).fetchone():
                return
            for one in decisions:
                used, spent = _counted(db, one.exam)
                more = one.allowance.looks_used - used if one.allowance else 0
                if one.allowance and more > 0:
                    spent += more * one.allowance.level_ppb
                    db.execute(_LOOK, (one.exam, one.suite, one.allowance.looks_used, spent))

        return count

    def budget(self, run: int) -> ErrorBudget | None:
        """Return the error budget of a run; None when no candidate of it came so far."""
        with self.store.reading() as db:
            row = db.execute(_BUDGET, (f"run {run}",)).fetchone()
        return _read(row[0]) if row else None


_BUDGET = "SELECT budget FROM error_budgets WHERE owner = ?"
_LOOK = (
    "INSERT INTO heldout_looks (exam, suite, used, spent_ppb) VALUES (?,?,?,?) "
    "ON CONFLICT (exam) DO UPDATE SET used = excluded.used, spent_ppb = excluded.spent_ppb"
)


def _owner(entry: Entry) -> str:
    """Whose budget a candidate draws on: its run's, or one of its own when a person brought it."""
    return f"candidate {entry.id}" if entry.run is None else f"run {entry.run}"


def _find(db: Database, entry: Entry) -> ErrorBudget | None:
    row = db.execute(_BUDGET, (_owner(entry),)).fetchone()
    return _read(row[0]) if row else None


def _open(db: Database, entry: Entry, law: Law) -> ErrorBudget:
    row = db.execute("SELECT wanted FROM runs WHERE id = ?", (entry.run,)).fetchone()
    return ErrorBudget(law.run_error_ppb, max(1, row[0] if row else 1))


def _keep(db: Database, entry: Entry, budget: ErrorBudget) -> None:
    db.execute(
        "INSERT INTO error_budgets VALUES (?,?) ON CONFLICT (owner) DO UPDATE SET budget = excluded.budget",
        (_owner(entry), json.dumps(budget.document(), sort_keys=True)),
    )


def _read(text: str) -> ErrorBudget:
    try:
        return ErrorBudget.from_document(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoreBroken("an error budget in the store cannot be read", why=str(error)) from error


def _allowance(text: str) -> Allowance:
    try:
        return Allowance.model_validate_json(text)
    except ValidationError as error:
        raise StoreBroken("an allowance in the store cannot be read", why=f"{error.error_count()} faults") from error


def _counted(db: Database, exam: str) -> tuple[int, int]:
    row = db.execute("SELECT used, spent_ppb FROM heldout_looks WHERE exam = ?", (exam,)).fetchone()
    return row or (0, 0)


def _looks(db: Database, suite: str, exam: str, law: Law) -> Looks:
    used, spent = _counted(db, exam)
    return Looks(suite, used, HeldoutLooks(law.looks_error_ppb, law.looks, min(used, law.looks), spent))
