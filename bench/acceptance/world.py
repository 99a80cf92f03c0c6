"""Tasks and candidates that are known to the last digit, so that it is known which promotions were wrong.

A task is solved with a probability drawn from Beta(.6, .6): many are nearly always or nearly never solved, as in real
benchmarks. Two tasks make a family. A candidate shifts all tasks on the scale of log odds, and each family by
something of its own besides. The tasks
of a long run have three parts, of different families: a rule may learn from the first, decide on the second if it
keeps them apart, and never sees the third, on which it is judged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

FAMILY = 2
"""Tasks in a family."""
OWN = 0.4
"""Deviation, in log odds, of what a candidate does to one family from what it does to all."""


def shift_for(points: float) -> float:
    """Return the shift in log odds that makes a gain of so many points on average, over tasks as they are at first."""
    grid = _odds(np.random.default_rng(0), (40_000,))
    start = expit(grid).mean()
    return float(brentq(lambda shift: expit(grid + shift).mean() - start - points / 100, -4, 4))


def _odds(random: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return np.asarray(logit(np.clip(random.beta(0.6, 0.6, shape), 1e-4, 1 - 1e-4)))


def own_shifts(random: np.random.Generator, rows: int, tasks: int, own: float) -> Floats:
    """Return what a candidate does to each task of its own: shape `(rows, tasks)`, the same within a family."""
    families = -(-tasks // FAMILY)
    return np.repeat(random.normal(0.0, own, (rows, families)), FAMILY, axis=1)[:, :tasks]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Trials of candidates and parents: how many of the repeats were solved, by row and task."""

    parent: Ints
    candidate: Ints
    repeats: int


def tasks_of(random: np.random.Generator, rows: int, tasks: int) -> Floats:
    """Return log odds of being solved: shape `(rows, tasks)`."""
    return _odds(random, (rows, tasks))


def run_pairs(random: np.random.Generator, parent: Floats, candidate: Floats, steps: tuple[int, ...]) -> list[Pairs]:
    """Run both sides; `steps`: cumulative repeats at each look. Inputs are log odds, `(rows, tasks)`."""
    p, q = expit(parent), expit(candidate)
    looks, before = [], 0
    a, b = np.zeros(p.shape, dtype=np.int64), np.zeros(p.shape, dtype=np.int64)
    for now in steps:
        a, b = a + random.binomial(now - before, p), b + random.binomial(now - before, q)
        looks.append(Pairs(a, b, now))
        before = now
    return looks


def family_sums(differences: NDArray[np.int64]) -> Ints:
    """Add up the tasks of each family: `(rows, tasks)` to `(rows, families)`."""
    rows, tasks = differences.shape
    padded = np.pad(differences, ((0, 0), (0, -tasks % FAMILY)))
    return np.asarray(padded.reshape(rows, -1, FAMILY).sum(axis=2))


@dataclass(frozen=True, slots=True)
class Mix:
    """What a proposer drafts: shares of better and worse candidates, and by how many points."""

    name: str
    better: float
    worse: float
    up: float = 8.0
    down: float = 6.0


MIXES = (
    Mix("nothing is better", 0.0, 0.25),
    Mix("few are better", 0.05, 0.4),
    Mix("some are better", 0.15, 0.4),
    Mix("many are better", 0.35, 0.35),
)


@dataclass(frozen=True, slots=True)
class Stream:
    """The candidates of many runs, the same for each rule. A candidate does the same to whichever parent it gets."""

    start: Floats
    """Log odds of the first parent: `(runs, tasks)`, a third of them each for development, held out, and unseen."""
    shifts: NDArray[np.float32]
    """`(runs, candidates, tasks)`."""
    better: Bools
    """Which candidates are better on average over all families there could be: `(runs, candidates)`."""

    def gain(self, final: Floats) -> Floats:
        """Return what each run gained on the unseen tasks, in points."""
        unseen = part(final, 2), part(self.start, 2)
        return np.asarray(100 * (expit(unseen[0]) - expit(unseen[1])).mean(axis=1))


def part(odds: Floats, number: int) -> Floats:
    """Return the development tasks (0), those held out (1), or those unseen by any rule (2)."""
    third = odds.shape[-1] // 3
    return odds[..., number * third : (number + 1) * third]


def stream(mix: Mix, runs: int, candidates: int, tasks: int, seed: int) -> Stream:
    """Draw the candidates of many runs. A better or worse one has half to one and a half of what the mix says."""
    random = np.random.default_rng(seed)
    kind = random.random((runs, candidates))
    better = kind < mix.better
    size = random.uniform(0.5, 1.5, (runs, candidates))
    common = np.where(
        better, size * shift_for(mix.up), np.where(kind > 1 - mix.worse, -size * shift_for(mix.down), 0.0)
    )
    own = own_shifts(random, runs * candidates, 3 * tasks, OWN).reshape(runs, candidates, 3 * tasks)
    return Stream(tasks_of(random, runs, 3 * tasks), (common[:, :, None] + own).astype(np.float32), better)
