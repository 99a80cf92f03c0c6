"""What a comparison could find, before anything is spent on it.

The deviation of the mean difference has two parts: trials of one task differ (measured by running the parent against
itself), and a real gain differs from family to family. More repeats lessen the first only, more tasks both. Chances
are those of `boundaries.walk`, with Student's quantiles where families are few; a bench holds them against simulated
trials.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy.optimize import brentq
from scipy.special import ndtr, stdtrit

from agent.evaluate.boundaries import Walk, walk
from agent.evaluate.flips import MOST_ROWS, allowed, rows_for
from agent.evaluate.outlay import SIDES, STORED, Beside, Outlay, Price
from agent.evaluate.plan import Plan
from agent.evaluate.suite import FULL

WANTED_PPM = 800_000
"""The chance of a promotion with which a gain counts as detectable."""

OWN_PPM = 60_000
"""How much the gains of families deviate from their mean, where nobody has measured it: 6 points."""

FIVE_POINTS = 50_000

FEW_FAMILIES = 10
"""With fewer, one family that ties can make a promotion impossible; the chances here do not know that."""

_LEAST_VARIANCE = 1e-8
"""No mean is known better than to a hundredth of a point."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How much scores vary without any change, as deviations in ppm."""

    trial_ppm: int
    """Of one trial of a task, around the mean of that task."""
    own_ppm: int = OWN_PPM
    """Of the true gain of a family, around the mean of all."""

    def __post_init__(self) -> None:
        if not (0 <= self.trial_ppm <= FULL and 0 <= self.own_ppm <= FULL):
            raise ValueError("a deviation lies between nothing and a full mark")


@dataclass(frozen=True, slots=True)
class Needed:
    """What something takes, on average: held-out tasks to test with, trials of all kinds, and their price."""

    tasks: int
    trials: int
    tokens: int
    micro_usd: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Power:
    """What one planned comparison can find, and takes."""

    families: int
    smallest_gain_ppm: int | None
    """The smallest true gain that is promoted in 80 of 100 cases; None when no gain at all would be."""
    chance_of_five_ppm: int
    """The chance that a true gain of 5 points is promoted."""
    parent: Needed
    """The parent's own side, run once for all candidates: the most of it, as if a test went to its last look."""
    idle: Needed
    """A candidate that is no better, and its parent beside it."""
    better: Needed
    """A candidate with the smallest gain that would be found; with any gain, when none would be. It is promoted, and
    measured on what only those are."""
    five_points: Needed | None
    """The suite that would find 5 points in 80 of 100 cases, with as many repeats and families as large; None when the
    error is too small for any."""


@dataclass(frozen=True, slots=True)
class Worth:
    """Whether a run is worth starting, and why not, in words for the person who pays."""

    yes: bool
    why: tuple[str, ...]


def noise_of(scores: Mapping[str, Sequence[int]], own_ppm: int = OWN_PPM) -> Noise:
    """Measure the noise of trials: the parent's scores of each task in ppm, two or more of at least one task.

    Raises `ValueError` where no task was run twice: then nothing is known.
    """
    repeated = [marks for marks in scores.values() if len(marks) > 1]
    if not repeated:
        raise ValueError("noise is measured by running the same thing twice")
    freedom = sum(len(marks) - 1 for marks in repeated)
    spread = sum((mark - sum(marks) / len(marks)) ** 2 for marks in repeated for mark in marks)
    return Noise(min(FULL, round(math.sqrt(spread / freedom))), own_ppm)


def power(plan: Plan, noise: Noise, price: Price, beside: Beside | None = None) -> Power:
    """Say what a planned comparison can find in trials as noisy as these, and what it takes with all beside it."""
    rest = beside or Beside()
    smallest = _smallest(plan, noise)
    found = _walk(plan, noise, FULL if smallest is None else smallest)
    promoted = rest.candidate + rest.promoted
    whole = Outlay.of(STORED * sum(plan.due[-1].values()), price)
    return Power(
        families=len(set(plan.families.values())),
        smallest_gain_ppm=None if smallest is None else math.ceil(smallest),
        chance_of_five_ppm=round(chance(plan, noise, FIVE_POINTS) * FULL),
        parent=_of(len(plan.families), rest.parent + whole),
        idle=_needed(plan, price, rest.candidate, _walk(plan, noise, 0)),
        better=_needed(plan, price, promoted, found),
        # All variances fall as tasks are added, so the smallest gain falls with the root of their number.
        five_points=None if smallest is None else _needed(plan, price, promoted, found, (smallest / FIVE_POINTS) ** 2),
    )


def chance(plan: Plan, noise: Noise, gain_ppm: float) -> float:
    """Return the chance that a candidate with this true gain is promoted."""
    return sum(_walk(plan, noise, gain_ppm).up)


def worth(
    one: Power,
    *,
    candidates: int,
    hoped_ppm: int,
    micro_usd: int | None = None,
    seconds: int | None = None,
    finding: Outlay | None = None,
) -> Worth:
    """Say whether a run of so many candidates is worth starting, within a budget, if one has the gain hoped for.

    `finding`: what it takes to find a candidate, before it is measured.
    """
    why = []
    if one.families < FEW_FAMILIES:
        why.append(f"{one.families} families are too few to be sure of anything; chances are lower than they seem")
    if one.smallest_gain_ppm is None:
        why.append(f"no gain at all could be promoted: {_hopeless(one.families)}")
    elif one.smallest_gain_ppm > hoped_ppm:
        why.append(
            f"the smallest gain that would be found in 80 of 100 cases is {one.smallest_gain_ppm / 10_000:.1f} points; "
            f"hoped for are {hoped_ppm / 10_000:.1f}"
        )
    costs = (one.parent, _of(0, finding or Outlay()), one.idle, one.better)
    if micro_usd is not None:
        why += _lasting("money", micro_usd, [each.micro_usd for each in costs], candidates)
    if seconds is not None:
        why += _lasting("time", seconds, [each.seconds for each in costs], candidates)
    return Worth(not why, tuple(why))


def _lasting(name: Literal["money", "time"], budget: int, costs: Sequence[int], candidates: int) -> list[str]:
    """Say for how many candidates a budget is enough, where it is not for all of them."""
    parent, finding, idle, better = costs
    first, further = parent + finding + better, finding + idle
    whole = first + further * (candidates - 1)
    if whole <= budget:
        return []
    enough = 0 if budget < first else 1 + (budget - first) // max(1, further)
    unit, size = ("USD", 1_000_000) if name == "money" else ("hours", 3_600)
    compared = f"{budget / size:.2f} of {whole / size:.2f} {unit}"
    return [f"the {name} lasts for about {enough} of {candidates} candidates, if one is promoted ({compared})"]


def _hopeless(families: int) -> str:
    if 1 << families < MOST_ROWS:
        return "there are too few families for so small an error"
    return f"the error is smaller than one in {MOST_ROWS:,} ways, as many as a test looks at; draft fewer candidates"


def _variances(plan: Plan, noise: Noise) -> list[float]:
    """Return the variance of the mean difference at each look, in full marks squared."""
    result = []
    for due in plan.due:
        trials = sum(2 * (noise.trial_ppm / FULL) ** 2 / repeats for repeats in due.values())
        sizes = Counter(plan.families[task] for task in due).values()
        own = (noise.own_ppm / FULL) ** 2 * sum(size**2 for size in sizes)
        result.append(max((trials + own) / len(due) ** 2, _LEAST_VARIANCE))
    return result


def _walk(plan: Plan, noise: Noise, gain_ppm: float) -> Walk:
    """Return how the comparison ends, with information counted as it is known to come, not as trials."""
    variances = _variances(plan, noise)
    shares = [min(variances[-1] / variance, 1 - 0.01 * left) for left, variance in enumerate(reversed(variances))][::-1]
    upper = [_student(z, look, plan) for z, look in zip(plan.bounds, plan.due, strict=True)]
    ends = walk(shares, upper, plan.giving_up, gain_ppm / FULL / math.sqrt(variances[-1]))
    ways = min(1 << len(set(plan.families.values())), rows_for(plan.alpha_ppb))
    if allowed(plan.spent, plan.alpha_ppb, ways)[-1]:
        return ends
    # Not even all families together could be so rare, or be seen to be: what would be promoted is tested to the end.
    return Walk(tuple(0.0 for _ in ends.up), ends.down)


def _student(z: float, due: Mapping[str, int], plan: Plan) -> float:
    """Return the boundary for as many families as there are: the fewer, the more must agree."""
    sizes = Counter(plan.families[task] for task in due).values()
    freedom = max(1.0, sum(sizes) ** 2 / sum(size**2 for size in sizes) - 1)
    # With few families and a small error, Student's quantile knows no bounds; a sum of signs does.
    return max(z, min(-float(stdtrit(freedom, float(ndtr(-z)))), 1.25 * z))


def _smallest(plan: Plan, noise: Noise) -> float | None:
    def missing(gain: float) -> float:
        return chance(plan, noise, gain) - WANTED_PPM / FULL

    if missing(FULL) < 0:
        return None
    return float(brentq(missing, 0, FULL, xtol=10))


def _needed(plan: Plan, price: Price, rest: Outlay, ends: Walk, times: float = 1.0) -> Needed:
    """Return what is taken on average, with the rest; `times`: by a test on so many times as many tasks."""
    pairs = sum(plan.due[-1].values()) * times * ends.share_used(plan.shares)
    return _of(math.ceil(len(plan.families) * times), rest + Outlay.of(math.ceil(SIDES * pairs), price))


def _of(tasks: int, outlay: Outlay) -> Needed:
    return Needed(tasks, outlay.trials, outlay.tokens, outlay.micro_usd, math.ceil(outlay.milliseconds / 1000))
