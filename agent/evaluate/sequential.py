"""Decide between parent and candidate while the trials come in: promote, stop, or go on to the next look.

The test is one-sided and flips the signs of whole families, over all looks at once: of all ways in which the signs
could have fallen, at most `alpha` are ever promoted, and at most the O'Brien-Fleming share of it by an early look. That
holds for any shape of the differences, for any schedule fixed in advance, and whether or not some are given up early.
Values in, values out: nothing is stored here, and the same plan and trials give the same looks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Self

from scipy.special import ndtr, stdtrit

from agent.errors import IllegalTransition
from agent.evaluate.compare import alike
from agent.evaluate.flips import allowed, rejected, rows_for, totals
from agent.evaluate.plan import BILLION, Plan
from agent.evaluate.suite import FULL

Decision = Literal["promote", "stop", "go_on"]

PRIOR_PPM = 50_000
"""What is believed of a gain before it is measured: that it lies around nothing, two thirds of the time within this."""


@dataclass(frozen=True, slots=True)
class Paired:
    """The scores of one task in ppm, oldest first: one of the parent and one of the candidate for each repeat."""

    parent: tuple[int, ...]
    candidate: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What is known at one look."""

    number: int
    """From 1."""
    decision: Decision
    pairs: int
    """Trials that it rests on, of either side."""
    of: int
    """The same at the last look."""
    families: int
    effect_ppm: int
    """Candidate minus parent: the mean over tasks of the differences of their means."""
    low_ppm: int
    high_ppm: int
    """The interval holds the true effect at all looks of 95 % of comparisons, whichever look is the last."""
    expected_ppm: int
    """What to expect on new tasks: the effect, drawn towards nothing. What is promoted looks better than it is."""
    better_ppm: int
    """The probability that the candidate is better at all, for somebody who expects little of a candidate."""
    p_value_ppb: int
    """One-sided, and honest about the looks before: what they could have promoted is in it."""
    chance_ppm: int
    """The chance to be promoted at the last look if things go on as they were seen; 0 or full when it is decided."""


class SequentialTest:
    """One comparison on its way. Raises `IllegalTransition` for looks out of order, and for trials that are not due."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._sums: list[dict[str, int]] = []
        self._looks: list[Look] = []
        self._seen: Mapping[str, Paired] = {}

    @classmethod
    def resume(cls, plan: Plan, trials: Mapping[str, Paired]) -> Self:
        """Take a comparison up again from its plan and its trials alone: look wherever all that is due is there."""
        test = cls(plan)
        for number, due in enumerate(plan.due, 1):
            known = all(task in trials and len(trials[task].candidate) >= times for task, times in due.items())
            if not known or test.decision != "go_on":
                break
            test.look(number, {task: _first(trials[task], times) for task, times in due.items()})
        return test

    @property
    def looks(self) -> tuple[Look, ...]:
        """The looks that were taken, in order."""
        return tuple(self._looks)

    @property
    def decision(self) -> Decision:
        """What the last look said; to go on, when there was none."""
        return self._looks[-1].decision if self._looks else "go_on"

    def look(self, number: int, trials: Mapping[str, Paired]) -> Look:
        """Look for the `number`th time, from 1, at all trials that are due by now, those of earlier looks included."""
        self._check_order(number)
        self._check_trials(number, trials)
        self._seen = dict(trials)
        self._sums.append(_family_sums(self._plan, trials))
        result = self._judge(number, trials)
        self._looks.append(result)
        return result

    def _check_order(self, number: int) -> None:
        if self.decision != "go_on":
            raise IllegalTransition("this comparison is decided", why=f"look {len(self._looks)} said {self.decision}")
        if number != len(self._looks) + 1:
            raise IllegalTransition(f"look {number} is out of order", why=f"the next is look {len(self._looks) + 1}")

    def _check_trials(self, number: int, trials: Mapping[str, Paired]) -> None:
        due = self._plan.due[number - 1]
        if trials.keys() != due.keys():
            odd = min(trials.keys() ^ due.keys())
            raise IllegalTransition(
                f"task {odd[:40]!a} is {'not due' if odd in trials else 'missing'} at look {number}",
                why="which trials a look rests on was fixed before the first",
            )
        for task, pair in trials.items():
            if len(pair.parent) != due[task] or len(pair.candidate) != due[task]:
                raise IllegalTransition(f"task {task[:40]!a} must have been run {due[task]} times at look {number}")
            if not all(type(score) is int and 0 <= score <= FULL for score in pair.parent + pair.candidate):
                raise ValueError("scores are whole numbers from 0 to 1,000,000")
            before = self._seen.get(task)
            if before is not None and before != _first(pair, len(before.parent)):
                raise IllegalTransition(f"task {task[:40]!a} had other scores at the look before")

    def _judge(self, number: int, trials: Mapping[str, Paired]) -> Look:
        plan, last = self._plan, number == len(self._plan.due)
        families = sorted(set(plan.families.values()))
        course = totals([ranked(sums) for sums in self._sums], families, plan.seed, rows_for(plan.alpha_ppb))
        # What may still be rejected later changes nothing about the looks so far.
        budget = allowed(plan.spent, plan.alpha_ppb, course.shape[1])[:number]
        crossed, as_high = rejected(course, budget)
        z = _z(self._sums[-1])
        promote = crossed is not None
        stop = not promote and (last or z is None or z < plan.giving_up[number - 1])
        effect, low, high, expected, better = _estimate(plan, number, trials)
        return Look(
            number=number,
            decision="promote" if promote else "stop" if stop else "go_on",
            pairs=sum(plan.due[number - 1].values()),
            of=sum(plan.due[-1].values()),
            families=len(self._sums[-1]),
            effect_ppm=effect,
            low_ppm=low,
            high_ppm=high,
            expected_ppm=expected,
            better_ppm=better,
            p_value_ppb=-(-as_high[-1] * BILLION // course.shape[1]),
            chance_ppm=FULL if promote else 0 if last or z is None else round(_chance(plan, number, z) * FULL),
        )


def _first(pair: Paired, times: int) -> Paired:
    return Paired(pair.parent[:times], pair.candidate[:times])


def _family_sums(plan: Plan, trials: Mapping[str, Paired]) -> dict[str, int]:
    """Return the sum of the mean differences of each family's tasks, in whole parts of a ppm that suit all repeats."""
    scale = math.lcm(*(len(pair.parent) for pair in trials.values()))
    sums: Counter[str] = Counter()
    for task, pair in trials.items():
        sums[plan.families[task]] += (sum(pair.candidate) - sum(pair.parent)) * (scale // len(pair.parent))
    return dict(sums)


def ranked(sums: Mapping[str, int]) -> dict[str, int]:
    """Order equal totals by how many more families won than lost.

    Trials of 0 or 1 tie often, and a whole tie that does not fit into the error is not promoted: without this, a third
    of the error would lie unused.
    """
    return {name: value * (2 * len(sums) + 1) + (value > 0) - (value < 0) for name, value in sums.items()}


def _z(sums: Mapping[str, int]) -> float | None:
    """Return the total over its deviation when signs fall by chance; None when nothing differs."""
    spread = sum(value**2 for value in sums.values())
    return sum(sums.values()) / math.sqrt(spread) if spread else None


def _chance(plan: Plan, number: int, z: float) -> float:
    t = plan.shares[number - 1]
    return float(ndtr((z / math.sqrt(t) - plan.bounds[-1]) / math.sqrt((1 - t) / t)))


def _estimate(plan: Plan, number: int, trials: Mapping[str, Paired]) -> tuple[int, int, int, int, int]:
    """Return the effect, its interval, what to expect, and the probability of better, all in ppm."""
    sums, sizes = Counter[str](), Counter[str]()
    scale = math.lcm(*(len(pair.parent) for pair in trials.values()))
    for task in trials:
        sizes[plan.families[task]] += 1
    sums.update(_family_sums(plan, trials))
    effect = Fraction(sum(sums.values()), len(trials) * scale)
    if len(sums) < 2:
        return round(effect), -FULL, FULL, 0, FULL // 2
    pairs = sorted((Fraction(sums[name], scale), size) for name, size in sizes.items())
    error, freedom = _jackknife(pairs)
    tail = float(ndtr(plan.reaches[number - 1]))
    reach = float(stdtrit(freedom, tail)) * error
    low, high = math.floor(float(effect) - reach), math.ceil(float(effect) + reach)
    if not error:
        low, high = alike(float(effect), len(sums), tail)
    expected = round(float(effect) * PRIOR_PPM**2 / (PRIOR_PPM**2 + error**2))
    better = round(_better(float(effect), error, len(sums)) * FULL)
    return round(effect), max(-FULL, low), min(FULL, high), expected, better


def _jackknife(pairs: Sequence[tuple[Fraction, int]]) -> tuple[float, float]:
    """Return the standard error of the mean over tasks, each family left out once, and its degrees of freedom.

    `pairs`: sum and number of tasks of each family. The estimator is the one of `compare.interval`.
    """
    total, tasks = sum(s for s, _ in pairs), sum(n for _, n in pairs)
    spread = sum((Fraction(total - s, tasks - n) - Fraction(total, tasks)) ** 2 for s, n in pairs)
    effective = tasks**2 / sum(n**2 for _, n in pairs)
    return math.sqrt(Fraction(len(pairs) - 1, len(pairs)) * spread), max(1.0, effective - 1)


def _better(effect: float, error: float, families: int) -> float:
    """Return how probable a gain is, from a normal prior around nothing."""
    if error == 0:
        # All families agree to the last digit: what is left to doubt is whether the next one will.
        return 0.5 if effect == 0 else 0.5 + math.copysign(0.5 - 1 / (families + 2), effect)
    return float(ndtr(effect / error**2 / math.sqrt(1 / error**2 + 1 / PRIOR_PPM**2)))
