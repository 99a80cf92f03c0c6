"""Which elements of two sequences belong together: the one alignment behind every diff of ours.

The canonical diff is signed and computed again by auditors, so the answer must be the same on every machine and every
version of Python: no `difflib`, no hash order. Patience (anchors that are unique on both sides) gives diffs that people
can read; Myers' greedy search fills what is left, cut off at `_MAX_COST` so that no pair of files takes quadratic time.
The result is always a valid alignment; only its size is best effort.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from itertools import islice

_MAX_COST = 128
_MAX_SPLITS = 64
_NEVER = -2

Pair = tuple[int, int]
_Region = tuple[int, int, int, int, int]


def matches(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[Pair]:
    """Return index pairs `(i, j)` with `old[i] == new[j]`, strictly increasing in both."""
    numbers: dict[Hashable, int] = {}
    a = [numbers.setdefault(item, len(numbers)) for item in old]
    b = [numbers.setdefault(item, len(numbers)) for item in new]
    pairs: list[Pair] = []
    regions: list[_Region] = [(0, len(a), 0, len(b), 0)]
    while regions:
        regions += _solve(a, b, regions.pop(), pairs)
    return sorted(pairs)


def changes(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int, int, int]]:
    """Return `(i1, i2, j1, j2)` for each place where `old[i1:i2]` became `new[j1:j2]`, in order."""
    found = []
    # What both begin and end with is matched first in any case (`_solve`): most of a file is never numbered.
    start = _same(zip(old, new, strict=False), min(len(old), len(new)))
    end = _same(zip(reversed(old), reversed(new), strict=False), min(len(old), len(new)) - start)
    i, j, last = start, start, (len(old) - end, len(new) - end)
    middle = matches(old[start : last[0]], new[start : last[1]])
    for at, to in [*((at + start, to + start) for at, to in middle), last]:
        if (i, j) != (at, to):
            found.append((i, at, j, to))
        i, j = at + 1, to + 1
    return found


def _same(pairs: Iterable[tuple[Hashable, Hashable]], most: int) -> int:
    """Return how many pairs are equal before the first that is not, and at most so many."""
    for count, (old, new) in enumerate(islice(pairs, most)):
        if old != new:
            return count
    return most


def _solve(a: list[int], b: list[int], region: _Region, pairs: list[Pair]) -> Iterable[_Region]:
    """Add what is certain about one region to `pairs` and return the smaller regions that remain."""
    i1, i2, j1, j2, splits = region
    while i1 < i2 and j1 < j2 and a[i1] == b[j1]:
        pairs.append((i1, j1))
        i1, j1 = i1 + 1, j1 + 1
    while i1 < i2 and j1 < j2 and a[i2 - 1] == b[j2 - 1]:
        i2, j2 = i2 - 1, j2 - 1
        pairs.append((i2, j2))
    if i1 == i2 or j1 == j2:
        return ()
    anchors = _anchors(a, b, i1, i2, j1, j2) if splits < _MAX_SPLITS else []
    if not anchors:
        return _search(a, b, (i1, i2, j1, j2, splits), pairs)
    pairs += anchors
    starts = [(i1 - 1, j1 - 1), *anchors]
    ends = [*anchors, (i2, j2)]
    return [(s[0] + 1, e[0], s[1] + 1, e[1], splits + 1) for s, e in zip(starts, ends, strict=True)]


def _anchors(a: list[int], b: list[int], i1: int, i2: int, j1: int, j2: int) -> list[Pair]:
    """Return the longest increasing run of elements that occur exactly once on each side of the region."""
    count_a, count_b = Counter(a[i1:i2]), Counter(b[j1:j2])
    places = {b[j]: j for j in range(j1, j2)}
    unique = [(i, places[a[i]]) for i in range(i1, i2) if count_a[a[i]] == 1 and count_b[a[i]] == 1]
    tails: list[int] = []
    tops: list[int] = []
    before: list[int] = []
    for index, (_, j) in enumerate(unique):
        length = bisect_left(tails, j)
        before.append(tops[length - 1] if length else -1)
        tails[length : length + 1] = [j]
        tops[length : length + 1] = [index]
    run: list[Pair] = []
    index = tops[-1] if tops else -1
    while index >= 0:
        run.append(unique[index])
        index = before[index]
    return run[::-1]


def _search(a: list[int], b: list[int], region: _Region, pairs: list[Pair]) -> Iterable[_Region]:
    """Run Myers' search over the elements that both sides share, for at most `_MAX_COST` differences.

    When the search is cut off, the furthest path is kept and the rest is a new region: time stays linear in the size of
    the region, and each round makes progress.
    """
    i1, i2, j1, j2, splits = region
    shared = set(a[i1:i2]) & set(b[j1:j2])
    xs = [i for i in range(i1, i2) if a[i] in shared]
    ys = [j for j in range(j1, j2) if b[j] in shared]
    path = _furthest([a[i] for i in xs], [b[j] for j in ys])
    pairs += [(xs[x], ys[y]) for x, y in path.pairs]
    if path.x >= len(xs) or path.y >= len(ys):
        return ()
    return [(xs[path.x], i2, ys[path.y], j2, splits)]


class _Path:
    """How far a search came, and the pairs on the way."""

    def __init__(self, trace: list[dict[int, int]], diagonal: int) -> None:
        self.x = trace[-1][diagonal]
        self.y = self.x - diagonal
        self.pairs: list[Pair] = []
        x, y = self.x, self.y
        for cost in range(len(trace) - 1, -1, -1):
            start = _entry(trace[cost - 1], x - y, cost) if cost else 0
            while x > start:
                x, y = x - 1, y - 1
                self.pairs.append((x, y))
            if cost:
                down = _goes_down(trace[cost - 1], x - y, cost)
                x, y = (x, y - 1) if down else (x - 1, y)
        self.pairs.reverse()


def _furthest(a: list[int], b: list[int]) -> _Path:
    """Return the shortest edit path from `a` to `b`, or the furthest path that `_MAX_COST` differences allow."""
    trace: list[dict[int, int]] = []
    for cost in range(_MAX_COST + 1):
        here: dict[int, int] = {}
        for diagonal in range(-cost, cost + 1, 2):
            x = _entry(trace[-1], diagonal, cost) if cost else 0
            y = x - diagonal
            if not (0 <= x <= len(a) and 0 <= y <= len(b)):
                continue  # off the board, or reached from a diagonal that was
            while x < len(a) and y < len(b) and a[x] == b[y]:
                x, y = x + 1, y + 1
            here[diagonal] = x
        trace.append(here)
        if here.get(len(a) - len(b)) == len(a):
            return _Path(trace, len(a) - len(b))
    return _Path(trace, max(here, key=lambda diagonal: (2 * here[diagonal] - diagonal, diagonal)))


def _goes_down(before: dict[int, int], diagonal: int, cost: int) -> bool:
    """Whether the best way onto `diagonal` at this cost inserts an element of `b` instead of dropping one of `a`."""
    if diagonal == -cost:
        return True
    return diagonal != cost and before.get(diagonal - 1, _NEVER) < before.get(diagonal + 1, _NEVER)


def _entry(before: dict[int, int], diagonal: int, cost: int) -> int:
    """Return the first x on `diagonal` at this cost."""
    if _goes_down(before, diagonal, cost):
        return before.get(diagonal + 1, _NEVER)
    return before.get(diagonal - 1, _NEVER) + 1
