"""Our rule on many comparisons at once: the product's own functions wherever the decision is not plain.

Plain is a statistic so far under its boundary that no way of counting flips could cross it; giving up is arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from agent.evaluate.boundaries import futility, obrien_fleming, spent
from agent.evaluate.flips import allowed, rejected, rows_for, totals
from agent.evaluate.plan import BILLION, LEAST_CHANCE_PPM
from agent.evaluate.sequential import ranked
from bench.acceptance.world import Bools, Floats, Ints, Pairs, family_sums

NEAR = 0.8
"""Under this share of the boundary nothing is promoted: the tails of flips are no heavier than that."""


@cache
def bounds(alpha_ppb: int, shares: tuple[float, ...]) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Return boundaries, what is spent by each look, and where to give up."""
    upper = obrien_fleming(alpha_ppb / BILLION, shares)
    return upper, spent(shares, upper), futility(shares, upper, LEAST_CHANCE_PPM / 1_000_000)


def rounded(alpha_ppb: int) -> int:
    """Round down to two digits, so that few boundaries are computed; never to more error."""
    scale = int(10 ** max(len(str(alpha_ppb)) - 2, 0))
    return alpha_ppb // scale * scale


def sums_of(looks: Sequence[Pairs]) -> list[Ints]:
    """Return the family sums at each look, each `(rows, families)`."""
    return [family_sums(look.candidate - look.parent) for look in looks]


def z_of(sums: Ints) -> Floats:
    """Return the statistic in deviations when signs fall by chance; 0 where nothing differs."""
    spread = np.sqrt((sums.astype(np.float64) ** 2).sum(axis=1))
    return np.asarray(sums.sum(axis=1) / np.where(spread > 0, spread, 1.0))


def decide(looks: Sequence[Pairs], alpha_ppb: Ints) -> tuple[Bools, Ints]:
    """Decide each row at its own error. Returns what is promoted, and the number of looks that were taken."""
    sums = sums_of(looks)
    shares = tuple(look.repeats / looks[-1].repeats for look in looks)
    rows = len(sums[0])
    promoted, taken = np.zeros(rows, dtype=bool), np.zeros(rows, dtype=np.int64)
    tables = [bounds(rounded(int(level)), shares) for level in alpha_ppb]
    upper = np.array([table[0] for table in tables]).reshape(rows, len(looks))
    lower = np.array([table[2] for table in tables]).reshape(rows, len(looks))
    going = np.ones(rows, dtype=bool)
    for k in range(len(looks)):
        z = z_of(sums[k])
        taken += going
        for row in np.flatnonzero(going & (z >= NEAR * upper[:, k])):
            level = rounded(int(alpha_ppb[row]))
            promoted[row] = crosses([each[row] for each in sums[: k + 1]], level, tables[row][1])
        going &= ~promoted & (z >= lower[:, k]) & sums[k].any(axis=1)
    return promoted, taken


def crosses(sums: Sequence[Ints], alpha_ppb: int, spent_by: Sequence[float]) -> bool:
    """Whether one comparison is promoted by now, by the product's own counting of flips."""
    names = [f"f{n:03}" for n in range(len(sums[0]))]
    looks = [ranked(dict(zip(names, map(int, each), strict=True))) for each in sums]
    course = totals(looks, names, 1, rows_for(alpha_ppb))
    return rejected(course, allowed(spent_by, alpha_ppb, course.shape[1])[: len(sums)])[0] is not None


def fixed(looks: Sequence[Pairs], alpha: float) -> Bools:
    """The paired sign-flip test of fixed size: one look, at the end."""
    sums = sums_of(looks)[-1]
    result = np.zeros(len(sums), dtype=bool)
    names = [f"f{n:03}" for n in range(sums.shape[1])]
    for row in np.flatnonzero(z_of(sums) >= 1.2):
        (course,) = totals([dict(zip(names, map(int, sums[row]), strict=True))], names, 1)
        result[row] = np.mean(course >= course[0]) <= alpha
    return result
