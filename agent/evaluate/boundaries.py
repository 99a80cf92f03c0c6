"""Where a test that looks more than once may stop: O'Brien-Fleming boundaries for any error and any fractions.

Under the model of the tables, the statistic is Brownian motion: at the share `t` of the information it is normal with
the mean `drift * t` and the variance `t`. Boundaries are standardised (`z`), one-sided, and constant on the scale of
Brownian motion, so that `z = c / sqrt(t)`: hard to cross early, close to a fixed test at the end. `walk` integrates
step by step, as Armitage, McPherson and Rowe did (1969); Jennison and Turnbull, "Group Sequential Methods", chapter 19.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

SMALLEST_STEP = 0.005
"""Looks that lie closer together, as shares of the information, cannot be told apart on the grid."""

_NODES = 257
_REACH = 9.0
_ROOT_2_PI = 2.5066282746310002


@dataclass(frozen=True, slots=True)
class Walk:
    """How a test with these boundaries ends, one entry for each look."""

    up: tuple[float, ...]
    """Probability of crossing the upper boundary at this look, and nothing before."""
    down: tuple[float, ...]
    """The same for the lower boundary, where there is one; what is left at the last look is in neither."""

    def share_used(self, fractions: Sequence[float]) -> float:
        """The expected share of the information that is used before the test ends."""
        ended = [up + down for up, down in zip(self.up, self.down, strict=True)]
        ended[-1] = 1.0 - sum(ended[:-1])
        return sum(p * t for p, t in zip(ended, fractions, strict=True))


def check_fractions(fractions: Sequence[float]) -> None:
    """Raise `ValueError` unless these are shares of the information that grow and end with all of it."""
    steps = [after - before for before, after in zip((0.0, *fractions), fractions, strict=False)]
    if not fractions or fractions[-1] != 1.0 or not all(step >= SMALLEST_STEP for step in steps):
        raise ValueError("looks need shares of the information that grow by at least 0.005 each and end at 1")


def obrien_fleming(alpha: float, fractions: Sequence[float]) -> tuple[float, ...]:
    """Return the boundaries, as `z`, that an idle candidate crosses at any of the looks with probability `alpha`.

    `fractions`: shares of the information at each look, growing, the last 1. Raises `ValueError` for others, and unless
    `alpha` lies between 1e-9 and 0.5.
    """
    check_fractions(fractions)
    if not 1e-9 <= alpha < 0.5:
        raise ValueError("an error of a one-sided test lies between 1e-9 and 0.5")
    shape = 1.0 / np.sqrt(np.asarray(fractions, dtype=np.float64))
    fixed = -float(ndtri(alpha))

    def excess(constant: float) -> float:
        return sum(walk(fractions, tuple(constant * shape)).up) - alpha

    # Between the test that looks once, and Bonferroni's for as many looks, which is stricter.
    strict = -float(ndtri(alpha / len(fractions))) + 1e-6
    constant = float(brentq(excess, fixed - 1e-6, strict, xtol=1e-9))
    return tuple(float(z) for z in constant * shape)


def spent(fractions: Sequence[float], bounds: Sequence[float]) -> tuple[float, ...]:
    """Return the error that has been spent by each look, under the model."""
    return tuple(float(total) for total in np.cumsum(walk(fractions, bounds).up))


def walk(
    fractions: Sequence[float], upper: Sequence[float], lower: Sequence[float] | None = None, drift: float = 0.0
) -> Walk:
    """Return how the test ends when the statistic drifts. `drift` is the mean of `z` at the end.

    Without `lower` the test goes on until it crosses `upper` or the looks are over.
    """
    t = np.asarray(fractions, dtype=np.float64)
    high = np.asarray(upper, dtype=np.float64) * np.sqrt(t)
    low = np.full_like(t, -np.inf) if lower is None else np.asarray(lower, dtype=np.float64) * np.sqrt(t)
    up, down = [], []
    # Before the first look all probability lies at nothing.
    places, mass, before = np.zeros(1), np.ones(1), 0.0
    for now, top, bottom in zip(t, high, np.minimum(low, high), strict=True):
        deviation = float(np.sqrt(now - before))
        centre = places + drift * (now - before)
        up.append(float(mass @ ndtr((centre - top) / deviation)))
        down.append(float(mass @ ndtr((bottom - centre) / deviation)))
        grid, weights = _grid(max(bottom, drift * now - _REACH * np.sqrt(now)), top)
        steps = np.exp(-0.5 * ((grid[:, None] - centre[None, :]) / deviation) ** 2) / (deviation * _ROOT_2_PI)
        places, mass, before = grid, weights * (steps @ mass), now
    return Walk(tuple(up), tuple(down))


def futility(fractions: Sequence[float], upper: Sequence[float], least: float) -> tuple[float, ...]:
    """Return the `z` below which a test is given up at each look; at the last look, its upper boundary.

    Given up is a test whose chance to cross the last boundary, when the drift goes on as it was seen (predicted without
    any prior belief), is under `least`. The boundaries above do not count on it: going on instead costs no error.
    """
    t = np.asarray(fractions, dtype=np.float64)
    # The end, seen from here, is normal around z / sqrt(t) with the variance (1 - t) / t.
    needed = np.sqrt(t) * (upper[-1] + ndtri(least) * np.sqrt((1.0 - t) / t))
    return (*(float(z) for z in np.minimum(needed, upper)[:-1]), float(upper[-1]))


def _grid(low: float, high: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places and weights of Gauss and Legendre; none of any weight where there is no room."""
    nodes, weights = _unit_grid()
    half = max(high - low, 0.0) / 2.0
    return low + half * (nodes + 1.0), half * weights


@cache
def _unit_grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return nodes, weights
