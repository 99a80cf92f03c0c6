"""Our rule over a patch that grows: a search adds what looks better, and the test decides the whole against the parent.

The search may be as greedy as it likes: it sees development tasks only, and the test runs both sides on those held
out. There are few tests, so each has much of the error of the run; and what is tested has the gain of all that the
patch has gathered, so that a test seldom needs many trials. What a patch carries along without need, ablation takes
out before the review.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from agent.evaluate.alpha import ErrorBudget
from bench.acceptance import ours
from bench.acceptance.long_runs import ALPHA_PPB, CANDIDATES, DEV, HELDOUT, REPEATS, TASKS, TRIALS, Kept, begin, solve
from bench.acceptance.world import Bools, Floats, Ints, Stream, family_sums, part, run_pairs

EVERY = 40
"""Candidates between two tests."""
LAST_LOOKS = ((6, 12, 18), (4, 8, 12), (2, 4, 6))
"""Repeats of each task at the looks of the last test of a run, as many as there are trials for; others use the last."""
FIRST_Z = -0.3
"""What stands lower after one run of each task is not run again."""
SECOND_CHANCES = 25
"""How many of those that were nearly added are run again at the end, with trials that are left."""
ADDED_Z = 0.5
"""What stands lower after all its repeats is not added to the patch."""


@dataclass(slots=True)
class Draft:
    """The patch as it has grown on top of what is kept, in many runs."""

    odds: Floats
    solved: Ints
    right: Ints
    wrong: Ints
    missed: Floats
    """How each candidate stood that was not added; minus infinity for those that were: `(runs, candidates)`."""

    def z(self, solved: Ints, repeats: int, rows: Ints) -> Floats:
        """Compare trials of a candidate with those of the draft."""
        return ours.z_of(family_sums(solved * REPEATS - self.solved[rows] * repeats))


def grown(stream: Stream, seed: int, every: int = EVERY, added_z: float = ADDED_Z) -> Kept:
    """Grow a patch over all candidates, and test it now and then."""
    random, kept = np.random.default_rng(seed), begin(stream)
    runs = len(kept.odds)
    solved, (right, wrong) = np.zeros((runs, TASKS), dtype=np.int64), np.zeros((2, runs), dtype=np.int64)
    draft = Draft(kept.odds.copy(), solved, right, wrong, np.full((runs, CANDIDATES), -np.inf))
    _measure(kept, draft, random, np.ones(runs, dtype=bool))
    budgets = [ErrorBudget(ALPHA_PPB, -(-CANDIDATES // every)) for _ in range(runs)]
    for turn in range(CANDIDATES):
        _grow(kept, draft, random, np.full(runs, turn), added_z)
        if (turn + 1) % every == 0 and turn + 1 < CANDIDATES:
            _decide(kept, draft, random, budgets, LAST_LOOKS[-1:])
    for _ in range(SECOND_CHANCES):
        _grow(kept, draft, random, draft.missed.argmax(axis=1), added_z, again=True)
    _decide(kept, draft, random, budgets, LAST_LOOKS)
    return kept


def _grow(
    kept: Kept, draft: Draft, random: np.random.Generator, numbers: Ints, added_z: float, *, again: bool = False
) -> None:
    """Run one candidate of each run once, where that is no worse as often as the draft, and add what is better."""
    rows = np.arange(len(numbers))
    able = kept.trials + TASKS * (2 * REPEATS + 2 * LAST_LOOKS[-1][-1]) <= TRIALS
    if again:
        able &= np.isfinite(draft.missed[rows, numbers])
    rows, numbers = rows[able], numbers[able]
    shifts = kept.stream.shifts[rows, numbers].astype(np.float64)
    odds = part(draft.odds[rows], DEV) + part(shifts, DEV)
    once = solve(random, odds, 1)
    z = draft.z(once, 1, rows)
    going = z >= FIRST_Z
    kept.trials[rows] += np.where(going, TASKS * REPEATS, TASKS)
    z = np.where(going, draft.z(once + solve(random, odds, REPEATS - 1), REPEATS, rows), z)
    new = going & (z >= added_z)
    draft.missed[rows, numbers] = -np.inf if again else np.where(new, -np.inf, z)
    added = rows[new]
    draft.odds[added] += shifts[new]
    better = kept.stream.better[added, numbers[new]]
    draft.right[added] += better
    draft.wrong[added] += ~better
    changed = np.zeros(len(able), dtype=bool)
    changed[added] = True
    _measure(kept, draft, random, changed)


def _decide(
    kept: Kept,
    draft: Draft,
    random: np.random.Generator,
    budgets: list[ErrorBudget],
    lengths: tuple[tuple[int, ...], ...],
) -> None:
    """Test the drafts, each with the first of these lengths for which its run has trials."""
    asked = _asked(kept, draft, budgets)
    for looks in lengths:
        fits = asked & (kept.trials + 2 * TASKS * looks[-1] <= TRIALS)
        _test(kept, draft, random, fits, budgets, looks)
        asked &= ~fits


def _asked(kept: Kept, draft: Draft, budgets: list[ErrorBudget]) -> Bools:
    """Say in which runs there is anything to decide, and trials to decide it by; elsewhere a test is passed over."""
    shortest = 2 * TASKS * LAST_LOOKS[-1][-1]
    asked = np.asarray((draft.right + draft.wrong > 0) & (kept.trials + shortest <= TRIALS))
    for run in np.flatnonzero(~asked):
        budgets[run] = budgets[run].pass_over()
    return asked


def _measure(kept: Kept, draft: Draft, random: np.random.Generator, rows: Bools) -> None:
    """Run the draft anew: the trials for which it was chosen flatter it."""
    draft.solved[rows] = solve(random, part(draft.odds[rows], DEV), REPEATS)
    kept.trials += np.where(rows, TASKS * REPEATS, 0)


def _test(
    kept: Kept,
    draft: Draft,
    random: np.random.Generator,
    asked: Bools,
    budgets: list[ErrorBudget],
    steps: tuple[int, ...],
) -> None:
    """Decide draft against kept, both on fresh trials of held-out tasks."""
    rows = np.flatnonzero(asked)
    if not rows.size:
        return
    begun = {int(run): budgets[run].reserve("patch") for run in rows}
    levels = np.array([budget.reserved["patch"] for budget in begun.values()], dtype=np.int64)
    looks = run_pairs(random, kept.parent(asked, HELDOUT), part(draft.odds[asked], HELDOUT), steps)
    promoted, taken = ours.decide(looks, levels)
    kept.trials[rows] += 2 * TASKS * np.array(steps)[taken - 1]
    for won, (run, budget) in zip(promoted, begun.items(), strict=True):
        budgets[run] = budget.settle("patch", promoted=bool(won))
    new = rows[promoted]
    kept.false_promotions[new] += kept.gain_of(draft.odds[new], new) <= 0
    kept.odds[new] = draft.odds[new]
    kept.right[new] += draft.right[new]
    kept.wrong[new] += draft.wrong[new]
    draft.right[new] = draft.wrong[new] = 0
