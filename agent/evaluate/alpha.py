"""How much error a run may still make: one budget, shared among all candidates that are tested on the same suite.

The chance that a whole run promotes even one idle candidate stays under `alpha`, however many candidates it tests.
Each test reserves a level before its first trial. Levels are what is left, shared evenly among the tests that are
expected to come; a candidate that was not promoted has used its level up, one that was promoted gives it back (the
error of rejecting a false hypothesis is none: Tian and Ramdas, "Online control of the familywise error rate", 2021).
Candidates that a screen killed on trials of its own take nothing. The proof needs only that levels never add up to
more than `alpha`, and that each is fixed by what was known before the test: `reserve` sees to both. Which sharing was
chosen, and by what measurement: docs/decisions/0019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Self

from agent.errors import BudgetSpent, IllegalTransition

BILLION = 1_000_000_000

MOST_LEVEL_PPB = 25_000_000
"""No test has more, whatever it is given: a promotion is shown beside an interval of 95 %, and must lie in it."""

_BELIEVED = 3
"""How many candidates' worth it is believed at first that all of them will be tested."""


@dataclass(frozen=True, slots=True)
class ErrorBudget:
    """The error of one run, as plain whole numbers: `document()` is stored, `from_document()` takes it up again.

    Values never change: each step returns the budget after it.
    """

    alpha_ppb: int
    """The chance, in billionths, of any false promotion in the whole run."""
    candidates: int
    """How many candidates the run will draft at most. More are refused."""
    screened_out: int = 0
    """Candidates that ended before a test."""
    tested: int = 0
    """Candidates whose test was begun."""
    promoted: int = 0
    spent_ppb: int = 0
    """Levels of those that were tested and not promoted."""
    reserved: Mapping[str, int] = field(default_factory=dict)
    """Levels, in billionths, of the tests that are going on."""

    def __post_init__(self) -> None:
        counts = (self.screened_out, self.tested, self.promoted, self.spent_ppb, *self.reserved.values())
        if not all(type(count) is int and count >= 0 for count in (*counts, self.alpha_ppb, self.candidates)):
            raise ValueError("an error budget is kept in whole numbers, none below 0")
        if not 0 < self.alpha_ppb < BILLION // 2:
            raise ValueError("the error of a run is given in billionths and lies under one half")
        if self.candidates < 1 or self.seen > self.candidates or self.promoted + len(self.reserved) > self.tested:
            raise ValueError("an error budget that counts more candidates than there were")
        if self.left_ppb < 0:
            raise ValueError("an error budget that is overdrawn")

    @property
    def seen(self) -> int:
        """Candidates so far, tested or not."""
        return self.screened_out + self.tested

    @property
    def left_ppb(self) -> int:
        """What is neither spent nor reserved."""
        return self.alpha_ppb - self.spent_ppb - sum(self.reserved.values())

    @property
    def next_ppb(self) -> int:
        """The level that the next test would get. 0: there is none to give."""
        to_come = self.candidates - self.seen
        if to_come < 1:
            return 0
        # As many of those to come as were tested of those before; the next one is, or would not ask.
        share = (self.tested + _BELIEVED, self.seen + _BELIEVED)
        return self.left_ppb * share[1] // (share[1] + (to_come - 1) * share[0])

    def pass_over(self) -> Self:
        """A candidate ended before its test, by no trial that a test would use: it takes no error."""
        self._demand_room()
        return replace(self, screened_out=self.screened_out + 1)

    def reserve(self, candidate: str) -> Self:
        """Begin the test of a candidate, at `reserved[candidate]`.

        Raises `BudgetSpent` when nothing is left for it, `IllegalTransition` when its test is going on.
        """
        if candidate in self.reserved:
            raise IllegalTransition(f"candidate {candidate[:40]!a} has its level already")
        self._demand_room()
        level = self.next_ppb
        if level < 1:
            raise BudgetSpent("the error that this run may make is spent", mend="Begin a run with a suite of new tasks")
        return replace(self, tested=self.tested + 1, reserved={**self.reserved, candidate: level})

    def settle(self, candidate: str, *, promoted: bool) -> Self:
        """End the test of a candidate. A test that was broken off counts as one that did not promote."""
        if candidate not in self.reserved:
            raise IllegalTransition(f"candidate {candidate[:40]!a} has no level to settle")
        rest = {name: level for name, level in self.reserved.items() if name != candidate}
        used = 0 if promoted else self.reserved[candidate]
        return replace(self, promoted=self.promoted + promoted, spent_ppb=self.spent_ppb + used, reserved=rest)

    def document(self) -> dict[str, Any]:
        """Return plain values to be stored."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Take a budget up again. Raises `ValueError` for anything that `document()` did not make."""
        names = {each.name for each in fields(cls)}
        if set(document) != names or not isinstance(document["reserved"], Mapping):
            raise ValueError(f"an error budget has exactly the fields {', '.join(sorted(names))}")
        return cls(**{**document, "reserved": dict(document["reserved"])})

    def _demand_room(self) -> None:
        if self.seen >= self.candidates:
            raise BudgetSpent(
                f"this run was to see {self.candidates} candidates, and has",
                why="its error was shared among so many",
                mend="Begin a new run, and say how many candidates it may draft",
            )


@dataclass(frozen=True, slots=True)
class HeldoutLooks:
    """How often a workspace may still look at its held-out tasks. Each look teaches its next candidates a little."""

    alpha_ppb: int
    """The chance, in billionths, of any false confirmation over all looks."""
    allowed: int
    used: int = 0
    spent_ppb: int = 0
    """Levels of the looks so far. `alpha_ppb` and `allowed` may be changed between two looks."""

    def __post_init__(self) -> None:
        if not all(type(value) is int for value in (self.alpha_ppb, self.allowed, self.used, self.spent_ppb)):
            raise ValueError("held-out looks are counted in whole numbers")
        if not 0 < self.alpha_ppb < BILLION // 2 or self.allowed < 1 or not 0 <= self.used <= self.allowed:
            raise ValueError("held-out looks are counted up to as many as are allowed, with an error under one half")

    @property
    def each_ppb(self) -> int:
        """The level of one look: the same for all, because nothing but their number is known before."""
        return self.alpha_ppb // self.allowed

    @property
    def next_ppb(self) -> int:
        """The level of the next look; 0 when there is none. More looks than were allowed before share what is left."""
        left = self.allowed - self.used
        return max(0, min(self.each_ppb, (self.alpha_ppb - self.spent_ppb) // left)) if left else 0

    def look(self, level_ppb: int | None = None) -> Self:
        """Use one look, before its first trial, at its level or a lower one. Raises `BudgetSpent` when none is left."""
        if self.next_ppb < 1:
            raise BudgetSpent(
                f"all {self.allowed} looks at the held-out tasks are used",
                why="tasks that were looked at often are held out no more",
                mend="Bring new held-out tasks",
            )
        level = self.next_ppb if level_ppb is None else level_ppb
        if not 0 < level <= self.next_ppb:
            raise ValueError("a look has the level that there is for it, or a lower one")
        return replace(self, used=self.used + 1, spent_ppb=self.spent_ppb + level)
