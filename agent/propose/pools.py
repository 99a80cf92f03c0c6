"""The dev tasks of a search, shared out among its looks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from agent.propose.catalogue import pick


@dataclass(frozen=True, slots=True)
class Pools:
    """Tasks in the order in which a race takes them; each pool begins with the one before it."""

    first: tuple[str, ...]
    second: tuple[str, ...]
    every: tuple[str, ...]

    @property
    def fresh(self) -> tuple[str, ...]:
        """The tasks that no choice is made by until the end."""
        return self.every[len(self.second) :]


def share_out(tasks: Sequence[str], most: int, first: float, second: float, chance: random.Random) -> Pools:
    """Shuffle the tasks, keep at most `most`, and give the shares `first` and `second` of them to the first pools."""
    waiting = dict.fromkeys(tasks, 1.0)
    order: list[str] = []
    while waiting and len(order) < most:
        order.append(pick(chance, waiting))
        del waiting[order[-1]]
    ends = [max(1, round(share * len(order))) for share in (first, second)]
    return Pools(tuple(order[: ends[0]]), tuple(order[: ends[1]]), tuple(order))
