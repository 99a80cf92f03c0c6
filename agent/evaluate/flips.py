"""Every way in which the signs of families could have fallen, with the way that they did fall as the first.

When candidate and parent are exchangeable, each family's difference is as likely to have the other sign, at all looks
at once. So the observed course of a test is one of these rows, drawn evenly; a rule that rejects at most `alpha` of all
rows is wrong at most that often. With few families all rows are listed. With many they are drawn, and the observed one
counts as one of them, which keeps the promise exactly (Phipson and Smyth 2010; Hemerik and Goeman 2018).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

FEWEST_ROWS = 2**15
MOST_ROWS = 2**18
"""How many ways are looked at, at least and at most, where there are more than can be listed."""

_LARGEST = 2**62


def rows_for(alpha_ppb: int) -> int:
    """Return how many ways to look at for an error: enough that it is 16 of them or more, as far as there is room."""
    wanted = 16 * 1_000_000_000 // alpha_ppb
    return min(max(FEWEST_ROWS, 1 << wanted.bit_length()), MOST_ROWS)


def totals(
    looks: Sequence[Mapping[str, int]], families: Sequence[str], seed: int, rows: int = FEWEST_ROWS
) -> NDArray[np.int64]:
    """Return the total difference at each look under each row of signs: shape `(looks, rows)`, row 0 as observed.

    `looks`: the sum of each family's differences as it stands at each look; families without trials yet are absent.
    `families`: all families that the test will ever see, so that a row means the same at every look. `rows`, a power of
    two: all ways are listed where there are no more, else so many are drawn.
    """
    if any(sum(map(abs, look.values())) > _LARGEST for look in looks):
        raise ValueError("these sums are too large to be added up exactly")
    exact = 2 ** len(families) <= rows
    result = np.zeros((len(looks), 2 ** len(families) if exact else rows), dtype=np.int64)
    for name, signs in _listed(families) if exact else _drawn(families, seed, rows):
        for place, look in enumerate(looks):
            if look.get(name):
                result[place] += look[name] * signs
    return result


def _listed(families: Sequence[str]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    numbers = np.arange(2 ** len(families), dtype=np.int64)
    for place, name in enumerate(sorted(families)):
        yield name, 1 - 2 * ((numbers >> place) & 1)


def _drawn(families: Sequence[str], seed: int, rows: int) -> Iterator[tuple[str, NDArray[np.int64]]]:
    # A hash as the source of bits, because the streams of numpy's generators may change with its version.
    for name in families:
        label = f"flips {seed} {name}".encode("utf-8", "surrogatepass")
        bits = np.unpackbits(np.frombuffer(hashlib.shake_256(label).digest(rows // 8), dtype=np.uint8))
        bits[0] = 0
        yield name, 1 - 2 * bits.astype(np.int64)


def allowed(spent: Sequence[float], alpha_ppb: int, rows: int) -> tuple[int, ...]:
    """Return how many rows may be rejected by each look. The last is exact; the rest is rounded down."""
    last = alpha_ppb * rows // 1_000_000_000
    return (*(min(last, int(share * rows)) for share in spent[:-1]), last)


def rejected(course: NDArray[np.int64], budget: Sequence[int]) -> tuple[int | None, tuple[int, ...]]:
    """Reject, look by look, the rows with the highest totals, as many as the budget has by then.

    Returns the look (from 0) at which row 0 is rejected, or None, and for each look how many rows were rejected before
    it or stand as high at it as row 0: over all rows, that is the p-value. Rows that tie are rejected together or not
    at all.
    """
    alive = np.ones(course.shape[1], dtype=bool)
    as_high: list[int] = []
    for look, (row, most) in enumerate(zip(course, budget, strict=True)):
        gone = int(alive.size - np.count_nonzero(alive))
        as_high.append(gone + int(np.count_nonzero(row[alive] >= row[0])))
        if as_high[-1] <= most:
            return look, tuple(as_high)
        alive &= ~_highest(row, alive, most - gone)
    return None, tuple(as_high)


def _highest(row: NDArray[np.int64], alive: NDArray[np.bool_], most: int) -> NDArray[np.bool_]:
    """Mark the highest of the living, as many whole ties as fit into `most`."""
    living = row[alive]
    if most <= 0:
        return np.zeros_like(alive)
    if most >= living.size:
        return alive.copy()
    # The first that does not fit: all that are higher do.
    bar = np.partition(living, living.size - most - 1)[living.size - most - 1]
    above: NDArray[np.bool_] = alive & (row > bar)
    return above
