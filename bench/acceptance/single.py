"""One candidate, one parent: how often each rule promotes what is idle and what is better, and for how many trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, expit

from bench.acceptance import ours
from bench.acceptance.world import OWN, Bools, Floats, Ints, Pairs, own_shifts, run_pairs, shift_for, tasks_of

ALPHA_PPB = 50_000_000
SIZES = (10, 20, 60, 100, 225)
REPEATS = (1, 3, 5)
RUNS = 300
MANY_RUNS = 2_000
PACE_STEPS = (np.log(1.5), np.log(0.5), np.log(20.0))
"""What a win and a loss do to the logarithm of the wealth, and what it must reach."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How often one rule promoted, of `runs`, and the share that it used of the trials of a fixed test."""

    rule: str
    promoted: float
    trials: float


@dataclass(frozen=True, slots=True)
class Cell:
    """One size of suite and one kind of candidate."""

    tasks: int
    repeats: int
    gain: float
    runs: int
    rates: tuple[Rate, ...]

    def rate(self, rule: str) -> Rate:
        """Return the rate of one rule."""
        return next(rate for rate in self.rates if rate.rule == rule)


def cell(tasks: int, repeats: int, gain: float, runs: int, *, own: float = OWN) -> Cell:
    """Simulate candidates that gain so many points on average, and decide each by every rule on the same trials."""
    random = np.random.default_rng([tasks, repeats, round(gain * 10)])
    parent = tasks_of(random, runs, tasks)
    candidate = parent + (shift_for(gain) if gain else 0.0) + own_shifts(random, runs, tasks, own)
    steps = tuple(round(share * repeats) for share in steps_of(repeats))
    looks = run_pairs(random, parent, candidate, steps)
    promoted, taken = ours.decide(looks, np.full(runs, ALPHA_PPB))
    pace, paces = _pace(random, parent, candidate, repeats)
    rates = [
        Rate("ours", float(promoted.mean()), float(np.mean(np.array(steps)[taken - 1]) / repeats)),
        Rate("fixed paired test", float(ours.fixed(looks, ALPHA_PPB / 1e9).mean()), 1.0),
        Rate("PACE", float(pace.mean()), paces),
        *(Rate(name, float(rule(looks[-1]).mean()), 1.0) for name, rule in WHOLE.items()),
    ]
    return Cell(tasks, repeats, gain, runs, tuple(rates))


def steps_of(repeats: int) -> tuple[float, ...]:
    """Return the shares of the repeats at which to look: thirds, as far as there are so many."""
    return tuple(step / repeats for step in sorted({-(-repeats // 3), -(-2 * repeats // 3), repeats}))


def greedy(pairs: Pairs) -> Bools:
    """The mean went up."""
    return np.asarray(pairs.candidate.sum(axis=1) > pairs.parent.sum(axis=1))


def leeway(pairs: Pairs) -> Bools:
    """DGM keeps what is not worse by more than 0.1."""
    return np.asarray(pairs.candidate.mean(axis=1) >= pairs.parent.mean(axis=1) - 0.1 * pairs.repeats)


def overlap(pairs: Pairs) -> Bools:
    """SICA goes on from what reaches the lower end of the best one's 95 % interval."""
    best = pairs.parent / pairs.repeats
    low = best.mean(axis=1) - 1.96 * best.std(axis=1, ddof=1) / np.sqrt(best.shape[1])
    return np.asarray(pairs.candidate.mean(axis=1) / pairs.repeats >= low)


def belief(pairs: Pairs) -> Bools:
    """HGM's final choice: the higher 5 % percentile of a beta posterior."""
    trials = pairs.parent.shape[1] * pairs.repeats
    low = [
        betaincinv(1 + side.sum(axis=1), 1 + trials - side.sum(axis=1), 0.05)
        for side in (pairs.candidate, pairs.parent)
    ]
    return np.asarray(low[0] > low[1])


WHOLE = {"greedy": greedy, "leeway (DGM)": leeway, "overlap (SICA)": overlap, "best belief (HGM)": belief}


def _pace(random: np.random.Generator, parent: Floats, candidate: Floats, repeats: int) -> tuple[Bools, float]:
    """PACE: wealth is multiplied by 1.5 for a pair won and 0.5 for one lost, and must reach 20."""
    rows, tasks = parent.shape
    order = np.argsort(random.random((rows, tasks * repeats)), axis=1) % tasks
    p, q = (np.take_along_axis(expit(odds), order, axis=1) for odds in (parent, candidate))
    solved = [random.random(side.shape) < side for side in (q, p)]
    crossed = crossings(solved[0], solved[1])
    used = np.where(crossed < order.shape[1], crossed + 1, order.shape[1])
    return crossed < order.shape[1], float(used.mean() / order.shape[1])


def crossings(candidate: Bools, parent: Bools) -> Ints:
    """Return the place of the pair at which the wealth reached its goal; the number of pairs where it never did."""
    win, loss, goal = PACE_STEPS
    wealth = np.cumsum(np.where(candidate & ~parent, win, np.where(parent & ~candidate, loss, 0.0)), axis=1)
    reached = wealth >= goal
    return np.asarray(np.where(reached.any(axis=1), reached.argmax(axis=1), reached.shape[1]))


def table(sizes: Sequence[int] = SIZES, repeats: Sequence[int] = REPEATS, runs: int = RUNS) -> list[Cell]:
    """All sizes, idle, five points better, and ten."""
    return [cell(n, k, gain, runs) for n in sizes for k in repeats for gain in (0.0, 5.0, 10.0)]
