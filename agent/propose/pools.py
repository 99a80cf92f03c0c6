"""The dev tasks of a search, shared out among its looks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from agent.propose.catalogue import pick

FEWEST = 12
"""Tasks that a look must have to say anything."""


@dataclass(frozen=True, slots=True)
class Pools:
    """Tasks in the order in which a race takes them; each look begins with the one before it."""

    looks: tuple[tuple[str, ...], ...]
    every: tuple[str, ...]

    @property
    def race(self) -> tuple[str, ...]:
        """The tasks that choose."""
        return self.looks[-1]

    @property
    def fresh(self) -> tuple[str, ...]:
        """The tasks that no choice is made by until the end."""
        return self.every[len(self.race) :]


def share_out(tasks: Sequence[str], most: int, shares: Sequence[float], chance: random.Random) -> Pools:
    """Shuffle the tasks, keep at most `most`, and give growing shares of them to the looks.

    Looks at too few tasks are left out; the last one, which chooses, is not.
    """
    waiting = dict.fromkeys(tasks, 1.0)
    order: list[str] = []
    while waiting and len(order) < most:
        order.append(pick(chance, waiting))
        del waiting[order[-1]]
    *early, last = [max(1, round(share * len(order))) for share in shares]
    ends = [*(end for end in early if FEWEST <= end < last), last]
    return Pools(tuple(tuple(order[:end]) for end in ends), tuple(order))
