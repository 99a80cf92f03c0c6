"""Whole runs: 80 candidates, one after the other, at equal trials. What is left of the gain, on tasks nobody looked at.

Every trial counts, of either side. A rule that has no trials left keeps what it has. Here are the rules that go on from
the last that was kept; those with an archive are in `archives`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from agent.evaluate.alpha import ErrorBudget
from bench.acceptance import ours
from bench.acceptance.single import crossings
from bench.acceptance.world import Bools, Floats, Ints, Pairs, Stream, family_sums, part, run_pairs

TASKS = 60
CANDIDATES = 80
REPEATS = 3
TRIALS = TASKS * REPEATS * (CANDIDATES + 1)
"""What it takes to run every candidate, and the first parent, three times on each task."""
ALPHA_PPB = 50_000_000
DEV, HELDOUT = 0, 1
"""Parts of the tasks. Rules without held-out tasks do everything on the first."""
SCREEN_Z = 0.7
"""A screen kills what stands lower, beside what is known of the parent. Chosen in docs/decisions/0019."""
LOOKS = (2, 4, 6, 8, 10, 12, 14)
"""Repeats of each task at the looks of our test, after the screen."""


@dataclass(slots=True)
class Kept:
    """Where each of many runs stands, and how it got there."""

    stream: Stream
    odds: Floats
    """Log odds of what is kept now: `(runs, tasks)`."""
    false_promotions: Ints = field(init=False)
    """Promotions of what is no better on the tasks that nobody looked at, by its true rates."""
    wrong: Ints = field(init=False)
    """Candidates in what is kept that are not better of themselves."""
    right: Ints = field(init=False)
    trials: Ints = field(init=False)

    def __post_init__(self) -> None:
        zeros = np.zeros((4, len(self.odds)), dtype=np.int64)
        self.false_promotions, self.wrong, self.right, self.trials = zeros

    def parent(self, rows: Bools, number: int = DEV) -> Floats:
        """Log odds of the kept one on a part of the tasks, in some runs."""
        return part(self.odds[rows], number)

    def candidate(self, number: int, rows: Bools, tasks: int = DEV) -> Floats:
        """Log odds of a candidate on a part of the tasks, in some runs."""
        return self.parent(rows, tasks) + part(self.stream.shifts[rows, number], tasks)

    def gain_of(self, odds: Floats, rows: Ints) -> Floats:
        """True gain of something over what is kept, on the unseen tasks."""
        return np.asarray((expit(part(odds, 2)) - expit(part(self.odds[rows], 2))).mean(axis=1))

    def promote(self, number: int, promoted: Bools) -> None:
        """Keep the candidate in these runs."""
        rows = np.flatnonzero(promoted)
        new = self.odds[rows] + self.stream.shifts[rows, number]
        self.false_promotions[rows] += self.gain_of(new, rows) <= 0
        self.odds[rows] = new
        better = self.stream.better[:, number]
        self.wrong += promoted & ~better
        self.right += promoted & better


def begin(stream: Stream) -> Kept:
    """Start with the first parent."""
    return Kept(stream, stream.start.copy())


def solve(random: np.random.Generator, odds: Floats, repeats: int) -> Ints:
    """Return how many of the repeats are solved."""
    return np.asarray(random.binomial(repeats, expit(odds)))


def greedy(stream: Stream, seed: int) -> Kept:
    """Keep what has a higher mean than the parent had when it was kept."""
    random, kept = np.random.default_rng(seed), begin(stream)
    everyone = np.ones(len(kept.odds), dtype=bool)
    best = solve(random, kept.parent(everyone), REPEATS).sum(axis=1)
    kept.trials += TASKS * REPEATS
    for number in range(CANDIDATES):
        score = solve(random, kept.candidate(number, everyone), REPEATS).sum(axis=1)
        kept.trials += TASKS * REPEATS
        up = score > best
        kept.promote(number, up)
        best = np.where(up, score, best)
    return kept


def pace(stream: Stream, seed: int) -> Kept:
    """PACE's wager, each candidate on as many pairs as there are trials for all of them."""
    random, kept = np.random.default_rng(seed), begin(stream)
    everyone = np.ones(len(kept.odds), dtype=bool)
    for number in range(CANDIDATES):
        # What earlier candidates did not need is there for later ones.
        room = np.minimum((TRIALS - kept.trials) // (2 * (CANDIDATES - number)), TASKS * REPEATS)
        widest = int(room.max())
        order = np.argsort(random.random((len(room), TASKS * REPEATS)), axis=1)[:, :widest] % TASKS
        sides = [
            np.take_along_axis(expit(odds), order, axis=1)
            for odds in (kept.candidate(number, everyone), kept.parent(everyone))
        ]
        candidate, parent = (random.random(side.shape) < side for side in sides)
        crossed = crossings(candidate, parent)
        promoted = crossed < room
        kept.trials += 2 * np.where(promoted, crossed + 1, room)
        kept.promote(number, promoted)
    return kept


class Parents:
    """The trials of the parents of many runs, shared by all candidates that race against them.

    Screens use development tasks, tests those held out: on the same tasks, those that pass would be those that suit
    just these tasks, and the test would believe it.
    """

    def __init__(self, kept: Kept, random: np.random.Generator, steps: tuple[int, ...]) -> None:
        self._kept, self._random, self.steps = kept, random, steps
        shape = (len(kept.odds), TASKS)
        self.screen = np.zeros(shape, dtype=np.int64)
        self.tests = np.zeros((len(steps), *shape), dtype=np.int64)
        self._paid = np.zeros(len(kept.odds), dtype=np.int64)
        self.renew(np.ones(len(kept.odds), dtype=bool))

    def renew(self, rows: Bools) -> None:
        """Other parents in these runs: their trials are run when they are asked for, and the screen's now."""
        self.screen[rows] = solve(self._random, self._kept.parent(rows), REPEATS)
        odds = self._kept.parent(rows, HELDOUT)
        looks = run_pairs(self._random, odds, odds, self.steps)
        self.tests[:, rows] = np.stack([look.parent for look in looks])
        self._paid[rows] = 0
        self._kept.trials[rows] += TASKS * REPEATS

    def pay(self, rows: Ints, taken: Ints) -> None:
        """Run the parent's trials up to a look, where they have not been."""
        repeats = np.array((0, *self.steps))
        self._kept.trials[rows] += TASKS * np.maximum(repeats[taken] - repeats[self._paid[rows]], 0)
        self._paid[rows] = np.maximum(self._paid[rows], taken)


def successor(stream: Stream, seed: int, screen_z: float = SCREEN_Z, steps: tuple[int, ...] = LOOKS) -> Kept:
    """Ours: a screen on trials of its own, then our test, at the level that the error of the run has left."""
    random, kept = np.random.default_rng(seed), begin(stream)
    runs = len(kept.odds)
    parents = Parents(kept, random, steps)
    budgets = [ErrorBudget(ALPHA_PPB, CANDIDATES) for _ in range(runs)]
    for number in range(CANDIDATES):
        able = kept.trials + TASKS * (1 + 2 * steps[-1] + REPEATS) <= TRIALS
        kept.trials += np.where(able, TASKS, 0)
        passed = np.zeros(runs, dtype=bool)
        if not able.any():
            break
        once = solve(random, kept.candidate(number, able), 1)
        passed[able] = ours.z_of(family_sums(once * REPEATS - parents.screen[able])) >= screen_z
        promoted = _test(kept, parents, random, number, np.flatnonzero(passed), budgets)
        for run in np.flatnonzero(~passed):
            budgets[run] = budgets[run].pass_over()
        kept.promote(number, promoted)
        parents.renew(promoted)
    return kept


def _test(
    kept: Kept, parents: Parents, random: np.random.Generator, number: int, rows: Ints, budgets: list[ErrorBudget]
) -> Bools:
    """Run our test where the screen was passed."""
    promoted = np.zeros(len(kept.odds), dtype=bool)
    if not rows.size:
        return promoted
    begun = {int(run): budgets[run].reserve("c") for run in rows}
    levels = np.array([budget.reserved["c"] for budget in begun.values()], dtype=np.int64)
    mask = np.zeros(len(kept.odds), dtype=bool)
    mask[rows] = True
    odds = kept.candidate(number, mask, HELDOUT)
    steps = parents.steps
    looks = [
        Pairs(parents.tests[place][rows], look.candidate, look.repeats)
        for place, look in enumerate(run_pairs(random, odds, odds, steps))
    ]
    promoted[rows], taken = ours.decide(looks, levels)
    kept.trials[rows] += TASKS * np.array(steps)[taken - 1]
    parents.pay(rows, taken)
    for run, budget in begun.items():
        budgets[run] = budget.settle("c", promoted=bool(promoted[run]))
    return promoted
