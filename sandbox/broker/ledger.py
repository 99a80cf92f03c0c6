"""Budgets that hold: what a call may cost at worst is set aside before it is sent, what it did cost is booked after.

Four scopes, each in tokens and in micro-dollars: one call, one candidate, the run, the day. Safe from many threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, Protocol

from sandbox.broker.usage import Usage

Scope = Literal["call", "candidate", "run", "day"]


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent in one scope; None is without bound."""

    tokens: int | None = None
    micro_usd: int | None = None

    def holds(self, tokens: int, micro_usd: int) -> bool:
        """Whether that much is within it."""
        return (self.tokens is None or tokens <= self.tokens) and (
            self.micro_usd is None or micro_usd <= self.micro_usd
        )


@dataclass(frozen=True, slots=True)
class Budgets:
    """One budget for each scope."""

    call: Budget = field(default_factory=Budget)
    candidate: Budget = field(default_factory=Budget)
    run: Budget = field(default_factory=Budget)
    day: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent in one scope."""

    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    micro_usd: int = 0

    def plus(self, usage: Usage, micro_usd: int) -> Spent:
        """Return this with one more call."""
        return self + Spent(1, usage, micro_usd)

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.calls + other.calls, self.usage + other.usage, self.micro_usd + other.micro_usd)


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is set aside for a call under way."""

    number: int
    candidate: str
    day: str
    tokens: int
    micro_usd: int


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A call that was not let through: in which scope it could have spent more than is left."""

    scope: Scope
    candidate: str


class Held(Exception):
    """The call fits `scope` once other calls under way have turned out cheaper than they might have: ask again."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self.scope = scope


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: money set aside (`settled` false) or spent (true), under the same number."""

    reservation: Reservation
    settled: bool
    usage: Usage = field(default_factory=Usage)
    micro_usd: int = 0


class Journal(Protocol):
    """Where a ledger writes what must outlive the process."""

    @property
    def last_number(self) -> int:
        """The highest number in use, 0 when there is none."""
        ...

    def write(self, entry: Entry) -> None:
        """Keep one entry. What raises here stops the call before it is sent."""
        ...

    def spent_on(self, day: str) -> Spent:
        """Return what this journal holds of a day; what was set aside and never settled counts as spent."""
        ...


class MemoryJournal:
    """A journal that lasts as long as the process."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    @property
    def last_number(self) -> int:
        """The highest number in use."""
        return max((entry.reservation.number for entry in self.entries), default=0)

    def write(self, entry: Entry) -> None:
        """Keep it in a list."""
        self.entries.append(entry)

    def spent_on(self, day: str) -> Spent:
        """Add up the list."""
        return spent_of(self.entries, day)


def spent_of(entries: Iterable[Entry], day: str) -> Spent:
    """Add up the entries of a day; one that was never settled counts for all that was set aside."""
    last = {entry.reservation.number: entry for entry in entries if entry.reservation.day == day}
    total = Spent()
    for entry in last.values():
        held = entry.reservation
        usage = entry.usage if entry.settled else Usage(input=held.tokens)
        total = total.plus(usage, entry.micro_usd if entry.settled else held.micro_usd)
    return total


def utc_day() -> str:
    """The day it is now, as `2026-11-23`, in UTC."""
    return datetime.now(UTC).date().isoformat()


class Ledger:
    """The one account of a run. Every call is `reserve`d, then `settle`d exactly once."""

    def __init__(self, budgets: Budgets, journal: Journal | None = None, today: Callable[[], str] = utc_day) -> None:
        self._budgets = budgets
        self._journal = journal or MemoryJournal()
        self._today = today
        self._lock = threading.Lock()
        self._next = self._journal.last_number + 1
        self._open: dict[int, Reservation] = {}
        self._run = Spent()
        self._candidates: dict[str, Spent] = {}
        self._days = {(day := today()): self._journal.spent_on(day)}
        self._stopped: Exhausted | None = None
        self._over: set[str] = set()

    @property
    def stopped(self) -> Exhausted | None:
        """The first refusal for want of budget in the run or the day: the run ends as `budget_exhausted`."""
        return self._stopped

    def over(self, candidate: str) -> bool:
        """Whether a call of this candidate was refused because it has spent, or holds, what one may."""
        with self._lock:
            return candidate in self._over

    @property
    def run(self) -> Spent:
        """What the run has spent so far."""
        return self._run

    def spent(self, candidate: str) -> Spent:
        """Return what a candidate has spent so far."""
        with self._lock:
            return self._candidates.get(candidate, Spent())

    def today(self) -> Spent:
        """What was spent today, by earlier runs as well."""
        with self._lock:
            return self._day(self._today())

    def reserve(self, candidate: str, tokens: int, micro_usd: int, *, final: bool = True) -> Reservation | Exhausted:
        """Set aside what a call may cost at worst, or say in which scope it does not fit.

        A refusal that is not `final` is not yet the end of a run: the caller may come back knowing better.
        Raises `Held` when it would fit but for what other calls have set aside and may not need.
        """
        with self._lock:
            day = self._today()
            scope, settled_only = self._misfit(candidate, day, tokens, micro_usd)
            if scope is not None:
                if not settled_only:
                    raise Held(scope)
                exhausted = Exhausted(scope, candidate)
                if final:
                    self._end(exhausted)
                return exhausted
            made = Reservation(self._next, candidate, day, tokens, micro_usd)
            self._journal.write(Entry(made, settled=False))
            self._next += 1
            self._open[made.number] = made
            return made

    def starved(self, candidate: str, scope: Scope) -> None:
        """Note that a call waited in vain for what others hold: the scope ends as if it were spent.

        What was measured meanwhile lacked a model. A candidate could keep its parent waiting, and look the better.
        """
        with self._lock:
            self._end(Exhausted(scope, candidate))

    def settle(self, reservation: Reservation, usage: Usage, micro_usd: int) -> None:
        """Book what a call did cost. A second time for the same reservation is a mistake (`ValueError`)."""
        with self._lock:
            if self._open.pop(reservation.number, None) is None:
                raise ValueError(f"reservation {reservation.number} is settled already")
            self._run = self._run.plus(usage, micro_usd)
            name = reservation.candidate
            self._candidates[name] = self._candidates.get(name, Spent()).plus(usage, micro_usd)
            self._days[reservation.day] = self._day(reservation.day).plus(usage, micro_usd)
            self._journal.write(Entry(reservation, settled=True, usage=usage, micro_usd=micro_usd))

    def _end(self, exhausted: Exhausted) -> None:
        if exhausted.scope in ("run", "day"):
            self._stopped = self._stopped or exhausted
        elif exhausted.scope == "candidate":
            self._over.add(exhausted.candidate)

    def _misfit(self, candidate: str, day: str, tokens: int, micro_usd: int) -> tuple[Scope | None, bool]:
        """Return the scope that the call does not fit into, and whether it would not even if nothing were set aside."""
        if not self._budgets.call.holds(tokens, micro_usd):
            return "call", True
        held = list(self._open.values())
        mine = [r for r in held if r.candidate == candidate]
        scopes: Mapping[Scope, tuple[Budget, Spent, list[Reservation]]] = {
            "candidate": (self._budgets.candidate, self._candidates.get(candidate, Spent()), mine),
            "run": (self._budgets.run, self._run, held),
            "day": (self._budgets.day, self._day(day), [r for r in held if r.day == day]),
        }
        waits: Scope | None = None
        for scope, (budget, spent, others) in scopes.items():
            tokens_then, cost_then = spent.usage.total + tokens, spent.micro_usd + micro_usd
            if not budget.holds(tokens_then, cost_then):
                return scope, True
            held_tokens, held_cost = sum(r.tokens for r in others), sum(r.micro_usd for r in others)
            if not budget.holds(tokens_then + held_tokens, cost_then + held_cost):
                waits = waits or scope
        return waits, False

    def _day(self, day: str) -> Spent:
        if day not in self._days:
            self._days[day] = self._journal.spent_on(day)
        return self._days[day]


def lowered(budget: Budget, *, micro_usd: int) -> Budget:
    """Return `budget` with no more than `micro_usd`: what a person asks for on the command line can only lower it."""
    least = micro_usd if budget.micro_usd is None else min(budget.micro_usd, micro_usd)
    return replace(budget, micro_usd=least)
