"""Leave out of a change what it does not need: delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating
Failure-Inducing Input", 2002), turned from what makes a program fail to what makes it better.

Pure: what "needed" means is the caller's, who judges several smaller changes at once, because he may have workers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Part = TypeVar("Part")
Judge = Callable[[Sequence[tuple[Part, ...]]], Sequence[bool]]
"""Says of each smaller change whether it still does what the whole does."""

FEW = 8
"""So many parts are left out one by one from the start; of more, halves are tried first."""


def minimise(parts: Sequence[Part], judge: Judge[Part]) -> tuple[Part, ...]:
    """Return parts, in their order, of which the judge lets no single one go. At least one always stays.

    `parts` must be distinct; the judge is taken to hold of all of them, and is asked about no selection twice. Among
    equals, earlier parts go first.
    """
    kept = tuple(parts)
    asked = _Asked(judge)
    size = 1 if len(kept) <= FEW else len(kept) // 2
    while len(kept) > 1:
        chunks = [kept[at : at + size] for at in range(0, len(kept), size)]
        idle = [chunk for chunk, holds in zip(chunks, asked([_without(kept, c) for c in chunks]), strict=True) if holds]
        if idle:
            kept = _dropped(kept, idle, asked)
            size = min(size, max(1, len(kept) // 2))
        elif size > 1:
            size //= 2
        else:
            break
    return kept


def minimise_twice(parts: Sequence[Part], judge: Judge[Part], dear: Judge[Part]) -> tuple[Part, ...]:
    """Return parts that both judges would not make fewer, asking the dear one seldom.

    It is asked about what the other one is content with, and only when it is not, about every step on the way.
    """
    kept = minimise(parts, judge)
    if len(kept) == len(parts) or dear([kept])[0]:
        return kept

    def both(selections: Sequence[tuple[Part, ...]]) -> list[bool]:
        holds = dict(zip(selections, judge(selections), strict=True))
        content = [one for one in selections if holds[one]]
        sound = dict(zip(content, dear(content) if content else (), strict=True))
        return [sound.get(one, False) for one in selections]

    return minimise(parts, both)


def _dropped(kept: tuple[Part, ...], idle: Sequence[tuple[Part, ...]], asked: _Asked[Part]) -> tuple[Part, ...]:
    """Drop all that are idle at once; where some are idle only because of others, halve them until it holds."""
    while len(idle) > 1:
        smaller = kept
        for chunk in idle:
            smaller = _without(smaller, chunk)
        if smaller and asked([smaller])[0]:
            return smaller
        idle = idle[: (len(idle) + 1) // 2]
    return _without(kept, idle[0])


def _without(kept: tuple[Part, ...], chunk: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(part for part in kept if part not in chunk)


class _Asked(Generic[Part]):
    """A judge that remembers. Nothing at all is never asked about: it does not hold."""

    def __init__(self, judge: Judge[Part]) -> None:
        self._judge = judge
        self._known: dict[tuple[Part, ...], bool] = {(): False}

    def __call__(self, selections: Sequence[tuple[Part, ...]]) -> list[bool]:
        new = [one for one in dict.fromkeys(selections) if one not in self._known]
        if new:
            self._known.update(zip(new, self._judge(new), strict=True))
        return [self._known[one] for one in selections]
