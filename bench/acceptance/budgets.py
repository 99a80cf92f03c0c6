"""How the error of a run may be shared among its candidates: schemes side by side, under the model of the boundaries.

Each candidate drifts (0 idle, below worse, above better) and is tested with three looks at the error that the scheme
bids. All runs go through their candidates at once, one candidate at a time. What a scheme hears is what the loop hears:
whether the candidate was promoted, and the p-value of its first look.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb, ndtr

from agent.evaluate.boundaries import futility, obrien_fleming
from agent.evaluate.plan import LEAST_CHANCE_PPM, THIRDS
from bench.acceptance.intervals import rate_with_interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ALPHA = 0.05
CANDIDATES = 80
RUNS = 4_000
DRIFT = 3.5
"""A real gain: what 60 tasks, run six times each, show of 10 points."""
WORSE = -2.0

MIXES = {
    "nothing better": (0.0, 0.0),
    "1 in 10 better": (0.1, 0.0),
    "1 in 10 better, half worse": (0.1, 0.5),
    "3 in 10 better, 3 worse": (0.3, 0.3),
}
"""Shares of candidates that are better and worse."""


class Scheme:
    """Shares out the error of `runs` runs at once. Subclasses bid."""

    def __init__(self, runs: int) -> None:
        self.at = 0
        self.promotions: list[Bools] = []
        self.runs = runs

    def bid(self) -> Floats:
        raise NotImplementedError

    def hear(self, promoted: Bools, first_p: Floats) -> None:
        """Learn how the candidate ended."""
        del first_p
        self.promotions.append(promoted)
        self.at += 1


class Flat(Scheme):
    """Bonferroni: as much for each."""

    def bid(self) -> Floats:
        return np.full(self.runs, ALPHA / CANDIDATES)


class Series(Scheme):
    """A convergent series, 1 / j**1.1 over its sum: most for the first, and for any number of candidates."""

    def bid(self) -> Floats:
        return np.full(self.runs, ALPHA * (self.at + 1) ** -1.1 / 10.5844)


class Ledger(Scheme):
    """What is left, shared evenly among those to come. What was promoted is paid back.

    `above`: a candidate whose first look has a higher p-value than this costs nothing; others cost `1 / above` of their
    error (discarding, after ADDIS).
    """

    def __init__(self, runs: int, above: float = 1.0) -> None:
        super().__init__(runs)
        self.left = np.full(runs, ALPHA)
        self.above = above
        self.charge = np.zeros(runs)

    def bid(self) -> Floats:
        self.charge = self.left / (CANDIDATES - self.at)
        return self.charge * self.above

    def hear(self, promoted: Bools, first_p: Floats) -> None:
        super().hear(promoted, first_p)
        self.left = self.left - np.where(promoted | (first_p > self.above), 0.0, self.charge)


class Reuse(Scheme):
    """REUSE's schedule, one candidate a round: shared also among all ways in which the answers could have fallen."""

    def bid(self) -> Floats:
        p = np.sum(self.promotions, axis=0) if self.promotions else np.zeros(self.runs)
        return np.asarray(ALPHA / CANDIDATES * 0.6079 / (p + 1) ** 2 / comb(self.at, p))


class Lord(Scheme):
    """LORD++: the rate of false discoveries, not the chance of one. Each promotion earns new error."""

    def __init__(self, runs: int) -> None:
        super().__init__(runs)
        j = np.arange(1, CANDIDATES + 1)
        gamma = 0.0722 * np.log(np.maximum(j, 2)) / (j * np.exp(np.sqrt(np.log(j))))
        self.gamma = np.concatenate([[0.0], gamma])

    def bid(self) -> Floats:
        start = ALPHA / 2
        level = np.full(self.runs, self.gamma[self.at + 1] * start)
        count = np.zeros(self.runs, dtype=int)
        for then, promoted in enumerate(self.promotions):
            earned = np.where(count == 0, ALPHA - start, ALPHA)
            level += np.where(promoted, earned * self.gamma[self.at - then], 0.0)
            count += promoted
        return level


class Investing(Scheme):
    """Alpha-investing after Foster and Stine: wealth is lost by each test and won by each promotion."""

    def __init__(self, runs: int) -> None:
        super().__init__(runs)
        self.wealth = np.full(runs, ALPHA / 2)
        self.since = np.zeros(runs)

    def bid(self) -> Floats:
        share = self.wealth / (2 + self.since)
        return np.maximum(share / (1 + share), 1e-9)

    def hear(self, promoted: Bools, first_p: Floats) -> None:
        level = self.bid()
        super().hear(promoted, first_p)
        self.wealth = np.maximum(self.wealth + np.where(promoted, ALPHA, -level / (1 - level)), 0.0)
        self.since = np.where(promoted, 0.0, self.since + 1)


class ELond(Scheme):
    """e-LOND: e-values, here of the best bet there is (the drift is known to it), for any dependence."""

    def bid(self) -> Floats:
        count = np.sum(self.promotions, axis=0) if self.promotions else np.zeros(self.runs)
        level = ALPHA * (self.at + 1) ** -1.1 / 10.5844 * (count + 1)
        # exp(d z - d^2 / 2) >= 1 / level, as the error of a test that looks once.
        return np.asarray(ndtr(-(np.log(1 / level) + DRIFT**2 / 2) / DRIFT))


SCHEMES: dict[str, Callable[[int], Scheme]] = {
    "flat (Bonferroni)": Flat,
    "series j^-1.1": Series,
    "REUSE": Reuse,
    "**ledger, paid back** (ours)": Ledger,
    "ledger, paid back, p > 0.5 is free": lambda runs: Ledger(runs, 0.5),
    "alpha-investing": Investing,
    "LORD++": Lord,
    "e-LOND": ELond,
}


@dataclass(frozen=True, slots=True)
class Shared:
    """How one scheme did on one mix of candidates."""

    scheme: str
    mix: str
    false: tuple[float, float, float]
    """Share of runs with a false promotion, and its 95 % interval."""
    found: float
    """Share of the better candidates that were promoted."""


def table() -> list[Shared]:
    """Run every scheme on every mix, all with the same candidates."""
    return [_run(name, make, mix) for mix in MIXES for name, make in SCHEMES.items()]


def _run(name: str, make: Callable[[int], Scheme], mix: str) -> Shared:
    random = np.random.default_rng(51)
    scheme = make(RUNS)
    fooled = np.zeros(RUNS, dtype=bool)
    found = better = 0
    for _ in range(CANDIDATES):
        kind = random.random(RUNS)
        is_better = kind < MIXES[mix][0]
        drift = np.where(is_better, DRIFT, np.where(kind > 1 - MIXES[mix][1], WORSE, 0.0))
        path = np.cumsum(random.normal(drift[:, None] / 3, np.sqrt(1 / 3), (RUNS, 3)), axis=1)
        z = path / np.sqrt(THIRDS)
        promoted = decide(z, scheme.bid())
        scheme.hear(promoted, ndtr(-z[:, 0]))
        fooled |= promoted & ~is_better
        found += int(np.count_nonzero(promoted & is_better))
        better += int(np.count_nonzero(is_better))
    return Shared(name, mix, rate_with_interval(int(fooled.sum()), RUNS), found / max(better, 1))


_LEVELS = 10.0 ** np.linspace(-8.9, -0.5, 85)


def decide(z: Floats, alpha: Floats) -> Bools:
    """Test each row with three looks at its own error: shape `(runs, 3)` and `(runs,)`."""
    upper, lower = (
        np.stack([np.interp(np.log(alpha), np.log(_LEVELS), column) for column in rows.T], 1) for rows in _bounds()
    )
    going = np.ones(len(z), dtype=bool)
    promoted = np.zeros(len(z), dtype=bool)
    for look in range(3):
        promoted |= going & (z[:, look] >= upper[:, look])
        going &= (z[:, look] < upper[:, look]) & (z[:, look] >= lower[:, look])
    promoted &= alpha >= _LEVELS[0]
    return promoted


@cache
def _bounds() -> tuple[Floats, Floats]:
    upper = [obrien_fleming(float(level), THIRDS) for level in _LEVELS]
    lower = [futility(THIRDS, each, LEAST_CHANCE_PPM / 1e6) for each in upper]
    return np.array(upper), np.array(lower)
