"""The end of a search: confirm the finalists on fresh tasks, and take out every edit that does not carry gain."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.edits.tree import Tree
from agent.propose.genome import Genome, grow
from agent.propose.ledger import Gain, Ledger
from agent.propose.mind import Library
from agent.propose.mutations import Mutation
from agent.propose.pools import Pools

FINALISTS = 3
CONFIRMS = 1.0  # standard errors by which a finalist must beat the base on tasks that did not choose it
CARRIES = 1.0  # standard errors that leaving out an edit must cost for it to stay


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search settled on, and why, in lines for the reviewer."""

    tree: Tree
    rationale: str


def finish_cost(found: Sequence[Genome], tasks: Pools) -> tuple[int, int]:
    """Return trials and scorings to keep for `finish`: the finalists, and two rounds of leaving out edits."""
    longest = max((len(genome.edits) for genome in found[:FINALISTS]), default=1)
    rounds = 2 * longest + 3
    return FINALISTS * len(tasks.fresh) + rounds * len(tasks.every), FINALISTS + rounds


def accepted_from(tried: int) -> float:
    """Return the standard errors by which a proposal must beat the base on all dev tasks, after so many candidates.

    The best of n candidates that are all worth nothing looks about sqrt(2 ln n) standard errors better than nothing.
    """
    return max(2.0, math.sqrt(2 * math.log(max(tried, 1))))


class Finish:
    """Settles on one of the genomes that a search found."""

    def __init__(self, base: Tree, ledger: Ledger, tasks: Pools, library: Library) -> None:
        self._base, self._ledger, self._tasks, self._library = base, ledger, tasks, library

    def settle(self, found: Sequence[Genome], progress: Callable[[str], None]) -> Outcome | None:
        """Return the best of what was found, confirmed and made minimal; `None` if it does not truly beat the base."""
        tried = self._ledger.trees - 1
        finalists = list(found[:FINALISTS])
        self._ledger.score([genome.tree for genome in finalists], self._tasks.every)
        confirmed = [g for g in finalists if self._gain(g, self._tasks.fresh).sigmas >= CONFIRMS]
        if not confirmed:
            progress("codemod: nothing better than the base was confirmed")
            return None
        whole = max(confirmed, key=lambda g: self._gain(g, self._tasks.every).low)
        best, costs = self._minimal(whole)
        if not all(self._ledger.sound([best.tree])):
            best, costs = whole, {}  # an edit that carries no gain was needed for a test
        total = self._gain(best, self._tasks.every)
        if total.sigmas < accepted_from(tried) or self._gain(best, self._tasks.fresh).mean <= 0:
            progress("codemod: the gain did not hold on all dev tasks")
            return None
        progress(f"codemod: {len(best.edits)} edits worth {points(total)} on {len(self._tasks.every)} dev tasks")
        return Outcome(best.tree, _rationale(best, costs, total, len(self._tasks.every)))

    def _minimal(self, best: Genome) -> tuple[Genome, Mapping[Mutation, Gain]]:
        """Leave out edits while that costs less than `CARRIES`; return what is left and the worth of each edit."""
        while len(best.edits) > 1:
            smaller = {edit: self._without(best, [edit]) for edit in best.edits}
            if not self._ledger.score([genome.tree for genome in smaller.values() if genome], self._tasks.every):
                return best, {}
            costs = {edit: self._worth(genome, best) for edit, genome in smaller.items() if genome}
            idle = [edit for edit, gain in costs.items() if gain.sigmas < CARRIES]
            if not idle:
                return best, costs
            weakest = min(idle, key=lambda edit: costs[edit].sigmas)
            best = self._without_all(best, idle) or smaller[weakest] or best
        return best, {}

    def _without_all(self, best: Genome, idle: Sequence[Mutation]) -> Genome | None:
        """Return a genome without any of the edits, unless each of them was only idle because of the others."""
        smaller = self._without(best, idle)
        if smaller is None or not smaller.edits or not self._ledger.score([smaller.tree], self._tasks.every):
            return None
        return smaller if self._worth(smaller, best).sigmas < CARRIES else None

    def _without(self, genome: Genome, edits: Sequence[Mutation]) -> Genome | None:
        return grow(self._base, [edit for edit in genome.edits if edit not in edits], self._library)

    def _worth(self, smaller: Genome, best: Genome) -> Gain:
        """Return by how much the best is better than without some edits; past measure where it does not run without."""
        return self._ledger.gain(smaller.tree, best.tree, self._tasks.every) or Gain(math.inf, 0.0)

    def _gain(self, genome: Genome, tasks: Sequence[str]) -> Gain:
        return self._ledger.gain(self._base, genome.tree, tasks) or Gain(-math.inf, 0.0)


def points(gain: Gain, sign: int = 1) -> str:
    """Write a gain for people, in points of a hundred; `sign` -1 turns it into a loss."""
    if math.isinf(gain.mean):
        return "nothing left that runs"
    return f"{sign * gain.mean / 10_000:+.2f} ± {gain.error / 10_000:.2f} points"


def _rationale(genome: Genome, costs: Mapping[Mutation, Gain], total: Gain, tasks: int) -> str:
    lines = [f"{len(genome.edits)} edits found by search, together {points(total)} on {tasks} dev tasks:"]
    for edit in genome.edits:
        worth = f"; without it {points(costs[edit], sign=-1)}" if edit in costs else ""
        lines.append(f"- {edit.description}{worth}")
    return "\n".join(lines)
