"""How a deciding comparison will go: which trials are due by which look. Fixed before the first trial, and never after.

Where tasks are run several times, every task is run once before any is run twice: the first look then knows all
families, and says more than a third of the tasks run three times, for as many trials. Where tasks are run once, whole
families are added, in an order drawn from the seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.evaluate.boundaries import check_fractions, futility, obrien_fleming, spent
from agent.evaluate.dice import shuffled

THIRDS = (1 / 3, 2 / 3, 1.0)
"""The shares of the trials at which a comparison looks, unless the caller says otherwise."""

LEAST_CHANCE_PPM = 150_000
"""A comparison whose chance of a promotion is under this is given up. Measured: docs/decisions/0019."""

BILLION = 1_000_000_000


@dataclass(frozen=True)
class Plan:
    """One comparison, before it begins. Raises `ValueError` when it makes no sense.

    Equal plans lead to equal looks; all of it is plain values, to be stored beside the trials.
    """

    families: Mapping[str, str]
    """Each task's cluster: tasks of one family share their fate."""
    repeats: int
    """How often each task will have been run by either side, at the last look."""
    alpha_ppb: int
    """The probability, in billionths, with which an idle candidate may be promoted at any of the looks."""
    seed: int
    fractions: tuple[float, ...] = THIRDS
    """Shares of the trials at which to look, growing, the last 1."""
    least_chance_ppm: int = LEAST_CHANCE_PPM
    """0: never give up before the last look."""

    def __post_init__(self) -> None:
        check_fractions(self.fractions)
        if not self.families:
            raise ValueError("a comparison needs tasks")
        if not 1 <= self.repeats <= 20:
            raise ValueError("a task is run 1 to 20 times")
        if not 1 <= self.alpha_ppb < BILLION // 2:
            raise ValueError("an error is given in billionths and lies under one half")
        if not 0 <= self.least_chance_ppm < 500_000:
            raise ValueError("a comparison with an even chance is not given up")
        if len({sum(look.values()) for look in self.due}) < len(self.fractions):
            raise ValueError("there are too few families and repeats for so many looks")
        check_fractions(self.shares)

    @cached_property
    def due(self) -> tuple[Mapping[str, int], ...]:
        """For each look, how often each task must have been run by then, by parent and candidate each."""
        return schedule(self.families, self.repeats, self.fractions, self.seed)

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """The shares of the trials that the looks come to have, because families are whole."""
        pairs = [sum(look.values()) for look in self.due]
        return tuple(count / pairs[-1] for count in pairs)

    @cached_property
    def bounds(self) -> tuple[float, ...]:
        """The boundaries for a promotion, as `z`, under the model; the test itself flips signs."""
        return obrien_fleming(self.alpha_ppb / BILLION, self.shares)

    @cached_property
    def spent(self) -> tuple[float, ...]:
        """The error that may be spent by each look."""
        return spent(self.shares, self.bounds)

    @cached_property
    def giving_up(self) -> tuple[float, ...]:
        """The `z` under which the comparison is given up at each look."""
        if not self.least_chance_ppm:
            return (*(float("-inf") for _ in self.shares[:-1]), self.bounds[-1])
        return futility(self.shares, self.bounds, self.least_chance_ppm / 1_000_000)

    @cached_property
    def reaches(self) -> tuple[float, ...]:
        """How many standard errors the interval reaches at each look, to hold 95 % over all looks together."""
        return obrien_fleming(0.025, self.shares)


def schedule(
    families: Mapping[str, str], repeats: int, fractions: Sequence[float], seed: int
) -> tuple[Mapping[str, int], ...]:
    """Return for each look how often each task is due by then: repeat by repeat, within one family by family."""
    sizes = Counter(families.values())
    order = shuffled(sorted(sizes), seed, "looks") * repeats
    whole = len(families) * repeats
    due: list[Mapping[str, int]] = []
    times: Counter[str] = Counter()
    done = placed = 0
    for fraction in fractions:
        # The family goes to the look that it fits better.
        while placed < len(order) and (fraction == 1.0 or done + sizes[order[placed]] / 2 <= fraction * whole):
            times[order[placed]] += 1
            done += sizes[order[placed]]
            placed += 1
        due.append({task: times[family] for task, family in families.items() if times[family]})
    return tuple(due)
