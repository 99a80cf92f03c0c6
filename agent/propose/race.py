"""When a child of the search is given up: the chance that it would still win is too small to pay for.

A race looks at a child several times, at more tasks each time. A look only ever kills: whoever wins has been run on all
tasks of the race, so that what joins the search is what would have joined it had nobody been stopped. The chance is
that of a comparison which goes on as it was seen, as `agent.evaluate.sequential` gives up a deciding one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from agent.edits.tree import Tree
from agent.propose.ledger import Gain, Ledger
from agent.propose.pools import Pools

_NORMAL = NormalDist()
CARRIES = 1.0  # standard errors that leaving out edits must cost for them to stay
LEAST_CHANCE = 0.05  # of costing less: with a smaller one, what is left without them is not looked at further


def chance(gain: Gain, seen: int, of: int, wanted: float) -> float:
    """Return the chance that a gain comes to `wanted` standard errors on `of` tasks, from what `seen` of them say."""
    if seen >= of:
        return float(gain.sigmas >= wanted)
    if math.isinf(gain.error):
        return 1.0
    if gain.error == 0:
        return _unmoved(seen, of, wanted) if gain.mean == 0 else float(gain.mean > 0)
    share = seen / of
    drift = gain.sigmas / math.sqrt(share)
    return _NORMAL.cdf((drift - wanted) / math.sqrt((1 - share) / share))


def _unmoved(seen: int, of: int, wanted: float) -> float:
    """Return the chance for somebody of whom not one task has said anything yet.

    So many of the other tasks must move (Laplace: each with a chance of 1 in `seen` + 2), and all of them the right
    way, for k tasks that are won and none that is lost come to no more than the root of k standard errors.
    """
    if wanted <= 0:
        return 1.0
    needed, left, each = math.ceil(wanted**2), of - seen, 1 / (seen + 2)
    fewer = sum(math.comb(left, k) * each**k * (1 - each) ** (left - k) for k in range(needed))
    return (1 - fewer) * 0.5**needed


def as_good(whole: Tree, smaller: Sequence[Tree], ledger: Ledger, tasks: Pools) -> set[str]:
    """Return the digests of those trees that lose less than `CARRIES` against the whole, on all tasks.

    They race against it: it is looked on only while that may be. Nothing is as good when the budget does not allow it.
    """
    alive = {tree.digest: tree for tree in smaller}
    for look in (*tasks.looks, tasks.every):
        if not ledger.score([whole, *alive.values()], look):
            return set()
        for digest, tree in list(alive.items()):
            gain = ledger.gain(whole, tree, look)
            if gain is None or chance(gain, len(look), len(tasks.every), -CARRIES) < LEAST_CHANCE:
                del alive[digest]
    return set(alive)
