"""What measuring takes, in trials and their price: all that `measuring.measure` runs beside the test that decides.

A task of a comparison is run three times for each repeat: by the candidate, by its parent beside it, and by the parent
as it is stored. The first two are run anew for every candidate, the third once for a parent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from agent.evaluate.pairs import Unit
from agent.evaluate.suite import SPLITS, ModelSuite, Suite

SIDES = 2
"""That are run anew for each candidate."""

STORED = 1
"""That is run once for each parent."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one trial takes, on average."""

    tokens: int = 0
    micro_usd: int = 0
    milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class Outlay:
    """Trials, and what they take together."""

    trials: int = 0
    tokens: int = 0
    micro_usd: int = 0
    milliseconds: int = 0

    @classmethod
    def of(cls, trials: int, price: Price) -> Self:
        """So many trials at this price."""
        return cls(trials, trials * price.tokens, trials * price.micro_usd, trials * price.milliseconds)

    def __add__(self, other: Outlay) -> Outlay:
        return Outlay(
            self.trials + other.trials,
            self.tokens + other.tokens,
            self.micro_usd + other.micro_usd,
            self.milliseconds + other.milliseconds,
        )


@dataclass(frozen=True, slots=True)
class Beside:
    """What is measured beside one test."""

    candidate: Outlay = Outlay()
    """Of every candidate, and of its parent beside it."""
    promoted: Outlay = Outlay()
    """What comes on top for the first that is promoted, with the parent's stored side of it."""
    parent: Outlay = Outlay()
    """Of the parent alone, once."""


def beside(tested: Suite, priced: Iterable[tuple[Suite, Price]]) -> Beside:
    """Count what is measured beside the held-out test of one suite, given all suites and the price of their trials.

    Another objective's test is counted as if it always went to its last look.
    """
    candidate = promoted = parent = Outlay()
    for suite, price in priced:
        units = [Unit(suite, split) for split in SPLITS if not (suite is tested and split == "heldout")]
        pairs = sum(unit.repeats * len(unit.families()) for unit in units)
        if isinstance(suite, ModelSuite) and not suite.objective:
            promoted += Outlay.of((SIDES + STORED) * pairs, price)
        else:
            candidate += Outlay.of(SIDES * pairs, price)
            parent += Outlay.of(STORED * pairs, price)
    return Beside(candidate, promoted, parent)
