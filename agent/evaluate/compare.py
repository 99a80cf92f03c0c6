"""Compare two trees on the same tasks, in pairs, clustered by family. Facts only; what gain is enough, policy says.

Tasks of one family (one package of the benchmark) share their fate, so the family is what counts as one observation:
- the interval is the paired mean difference with a jackknife over families (the CR3 estimator), and Student's t with as
  many degrees of freedom as there are effective families, less one; it errs to the wide side when families differ;
- the p-value is one-sided, by flipping the sign of whole families: exact where all flips can be listed, drawn else.
Nothing is assumed about the shape of the differences. Both are the same for any order of the tasks.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from agent.evaluate.suite import FULL, mean_ppm

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_EXACT_FAMILIES = 14
DRAWS = 20_000
_TAIL = 0.975


@dataclass(frozen=True, slots=True)
class Difference:
    """What pairs of scores say, all in ppm."""

    parent: int
    candidate: int
    low: int
    high: int
    p_value: int
    families: int

    @property
    def gain(self) -> int:
        """Candidate minus parent."""
        return self.candidate - self.parent


def compare(
    parent: Mapping[str, int], candidate: Mapping[str, int], families: Mapping[str, str], *, seed: int
) -> Difference:
    """Compare the scores of two trees on the same tasks. `families` maps each task to its cluster.

    With fewer than two families nothing is known: the interval is the widest there is, and p is 1.
    """
    if parent.keys() != candidate.keys():
        raise ValueError("a paired comparison needs both scores of every task")
    clusters: dict[str, list[int]] = defaultdict(list)
    for task in parent:
        clusters[families[task]].append(candidate[task] - parent[task])
    sums = [sum(differences) for differences in clusters.values()]
    sizes = [len(differences) for differences in clusters.values()]
    low, high = interval(sums, sizes)
    return Difference(
        parent=mean_ppm(list(parent.values())),
        candidate=mean_ppm(list(candidate.values())),
        low=low,
        high=high,
        p_value=sign_flip_p(sums, seed=seed),
        families=len(clusters),
    )


def alike(mean: float, families: int, tail: float = _TAIL) -> tuple[int, int]:
    """Return the interval around a mean difference that all families share to the last digit, in ppm, rounded outwards.

    No spread was seen, which is not to say that there is none: with confidence `tail` at most so many of all families
    are unlike every one that was seen, or one of them would have been, and those may differ as much as a score can.
    """
    share = 1 - (1 - tail) ** (1 / families)
    return math.floor(mean - share * (FULL + mean)), math.ceil(mean + share * (FULL - mean))


def interval(sums: Sequence[int], sizes: Sequence[int]) -> tuple[int, int]:
    """Return the two-sided 95 % interval of the mean difference, rounded outwards.

    `sums` and `sizes`: total difference and number of tasks of each family. Of these tasks: where all families differ
    alike it has no width. What that says of others: `alike`.
    """
    if len(sums) < 2:
        return -FULL, FULL
    # Exact and in one order, so that no order of the tasks can change the last digit.
    pairs = sorted(zip(sums, sizes, strict=True))
    total, tasks = sum(sums), sum(sizes)
    mean = Fraction(total, tasks)
    spread = sum((Fraction(total - s, tasks - n) - mean) ** 2 for s, n in pairs)
    error = math.sqrt(Fraction(len(pairs) - 1, len(pairs)) * spread)
    reach = _t_quantile(Fraction(tasks**2, sum(n**2 for n in sizes)) - 1) * error
    return max(-FULL, math.floor(float(mean) - reach)), min(FULL, math.ceil(float(mean) + reach))


def sign_flip_p(sums: Sequence[int], *, seed: int) -> int:
    """Return the one-sided p-value, in ppm and rounded up, that the families' sums are as likely negative as positive.

    Families without a difference decide nothing. Drawn flips come with their opposites, so that exchanging parent and
    candidate mirrors the result.
    """
    import numpy as np  # noqa: PLC0415  # loaded only by those who compare

    moved = np.array(sorted((value for value in sums if value), key=lambda value: (abs(value), value)), dtype=np.int64)
    if moved.size == 0:
        return FULL
    signs, observed_among = _flips(moved.size, seed)
    totals = signs @ np.abs(moved)
    # The observed signs are one of all flips when every flip is listed, and are added when flips are drawn.
    as_high = int(np.count_nonzero(totals >= moved.sum())) + (0 if observed_among else 1)
    among = totals.size + (0 if observed_among else 1)
    return min(FULL, -(-as_high * FULL // among))


def _flips(families: int, seed: int) -> tuple[NDArray[np.int64], bool]:
    """Return rows of signs, and whether they are all there are."""
    import numpy as np  # noqa: PLC0415  # loaded only by those who compare

    if families <= MAX_EXACT_FAMILIES:
        numbers = np.arange(2**families, dtype=np.int64)[:, None]
        return 1 - 2 * ((numbers >> np.arange(families, dtype=np.int64)) & 1), True
    # A hash as the source of bits, because the streams of numpy's generators may change with its version.
    drawn = hashlib.shake_256(f"sign-flip {seed}".encode()).digest(DRAWS // 2 * families // 8 + 1)
    bits = np.unpackbits(np.frombuffer(drawn, dtype=np.uint8))[: DRAWS // 2 * families]
    signs = 1 - 2 * bits.astype(np.int64).reshape(DRAWS // 2, families)
    return np.concatenate([signs, -signs]), False


def _t_quantile(freedom: Fraction) -> float:
    from scipy.special import stdtrit  # noqa: PLC0415  # loaded only by those who compare

    # Fewer than one effective degree of freedom has no finite mean error; one is the widest that is used.
    return float(stdtrit(max(1.0, float(freedom)), _TAIL))
