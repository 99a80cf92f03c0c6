"""Seeded draws that no library version can change: SHA-256 over a seed, labels and a counter."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def draw(seed: int, *labels: str) -> bytes:
    """Return 32 bytes that depend on nothing but the arguments."""
    return hashlib.sha256("\0".join((str(seed), *labels)).encode("utf-8", "surrogatepass")).digest()


def shuffled(items: Sequence[T], seed: int, *labels: str) -> list[T]:
    """Return the items in an order drawn from the seed and their places."""
    order = sorted(range(len(items)), key=lambda index: draw(seed, *labels, str(index)))
    return [items[index] for index in order]


class Dice:
    """A stream of draws. Two dice with the same seed and labels throw the same."""

    def __init__(self, seed: int, *labels: str) -> None:
        self._seed = seed
        self._labels = labels
        self._throws = 0

    def seed_bytes(self) -> bytes:
        """Return 32 bytes that name these dice; not part of the stream."""
        return draw(self._seed, *self._labels)

    def below(self, bound: int) -> int:
        """Return a number from 0 up to but not including `bound`. The bias of the remainder is under 2**-200."""
        self._throws += 1
        return int.from_bytes(draw(self._seed, *self._labels, "throw", str(self._throws))) % bound

    def pick(self, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(len(items))]
