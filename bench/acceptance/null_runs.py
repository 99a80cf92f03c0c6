"""Runs in which nothing is better: how often they promote anything at all.

Half of the candidates do nothing; the other half help some families and harm others, and gain nothing on average. As
long as nothing is promoted, all candidates of a run meet the same parent at the same level, so runs are decided in one
piece.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.evaluate.alpha import ErrorBudget
from bench.acceptance import ours
from bench.acceptance.intervals import rate_with_interval
from bench.acceptance.single import greedy
from bench.acceptance.world import OWN, Bools, own_shifts, run_pairs, tasks_of

TASKS = 60
STEPS = (1, 2, 3)
ALPHA_PPB = 50_000_000
AT_ONCE = 8_000


@dataclass(frozen=True, slots=True)
class NullRuns:
    """What came of so many runs of so many candidates."""

    runs: int
    candidates: int
    first: int
    """False promotions of the first run, all of its candidates counted."""
    fooled: tuple[float, float, float]
    """Share of runs with any, and its 95 % interval."""
    trials: float
    """Share of the trials of a fixed test that was used."""
    greedy: float
    """False promotions of a run by a rule that keeps what has a higher mean."""
    luckiest: float
    """By how many points the luckiest candidate of a run looked better, on average."""


def simulate(runs: int, candidates: int, seed: int) -> NullRuns:
    """Simulate runs, each with 60 tasks and three repeats."""
    level = ErrorBudget(ALPHA_PPB, candidates).next_ppb
    at_once = max(1, AT_ONCE // candidates)
    won, up, looks, gains = [], [], [], []
    for start in range(0, runs, at_once):
        random = np.random.default_rng([seed, start])
        count = min(at_once, runs - start)
        parent = np.repeat(tasks_of(random, count, TASKS), candidates, axis=0)
        sideways = own_shifts(random, len(parent), TASKS, OWN) * (np.arange(len(parent)) % 2)[:, None]
        pairs = run_pairs(random, parent, parent + sideways, STEPS)
        promoted, taken = ours.decide(pairs, np.full(len(parent), level))
        won.append(promoted.reshape(count, candidates))
        up.append(greedy(pairs[-1]).mean())
        looks.append(taken.mean())
        gain = (pairs[-1].candidate - pairs[-1].parent).mean(axis=1) / STEPS[-1]
        gains.append(100 * gain.reshape(count, candidates).max(axis=1).mean())
    every: Bools = np.concatenate(won)
    return NullRuns(
        runs=runs,
        candidates=candidates,
        first=int(every[0].sum()),
        fooled=rate_with_interval(int(every.any(axis=1).sum()), runs),
        trials=float(np.mean(looks) / STEPS[-1]),
        greedy=float(np.mean(up) * candidates),
        luckiest=float(np.mean(gains)),
    )
