"""The end of a search: confirm the finalists on fresh tasks, and take out every edit that does not carry gain."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.edits.minimise import minimise_twice
from agent.edits.tree import Tree
from agent.propose.genome import Genome, grow
from agent.propose.ledger import Gain, Ledger
from agent.propose.mind import Library
from agent.propose.pools import Pools
from agent.propose.race import as_good

FINALISTS = 3
CONFIRMS = 1.0  # standard errors by which a finalist must beat the base on tasks that did not choose it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search settled on, and why, in lines for the reviewer."""

    tree: Tree
    rationale: str


def finish_cost(found: Sequence[Genome], tasks: Pools) -> tuple[int, int]:
    """Return trials and trees to keep for `finish`: the finalists, and two rounds of leaving out edits."""
    longest = max((len(genome.edits) for genome in found[:FINALISTS]), default=1)
    rounds = 2 * longest + 3
    return FINALISTS * len(tasks.fresh) + rounds * len(tasks.every), rounds


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
        best = self._minimal(whole)
        total = self._gain(best, self._tasks.every)
        if total.sigmas < accepted_from(tried) or self._gain(best, self._tasks.fresh).mean <= 0:
            progress("codemod: the gain did not hold on all dev tasks")
            return None
        progress(f"codemod: {len(best.edits)} edits worth {points(total)} on {len(self._tasks.every)} dev tasks")
        return Outcome(best.tree, _rationale(best, total, len(self._tasks.every)))

    def _minimal(self, whole: Genome) -> Genome:
        """Leave out the edits without which hardly anything is lost, and no test breaks."""

        def genome(chosen: Sequence[int]) -> Genome | None:
            return grow(self._base, [whole.edits[n] for n in chosen], self._library)

        def carry(selections: Sequence[tuple[int, ...]]) -> list[bool]:
            grown = [genome(chosen) for chosen in selections]
            good = as_good(whole.tree, [one.tree for one in grown if one], self._ledger, self._tasks)
            return [one is not None and one.tree.digest in good for one in grown]

        def sound(selections: Sequence[tuple[int, ...]]) -> list[bool]:
            grown = [genome(chosen) for chosen in selections]
            answers = iter(self._ledger.sound([one.tree for one in grown if one]))
            return [one is not None and next(answers) for one in grown]

        return genome(minimise_twice(range(len(whole.edits)), carry, sound)) or whole

    def _gain(self, genome: Genome, tasks: Sequence[str]) -> Gain:
        return self._ledger.gain(self._base, genome.tree, tasks) or Gain(-math.inf, 0.0)


def points(gain: Gain) -> str:
    """Write a gain for people, in points of a hundred."""
    return f"{gain.mean / 10_000:+.2f} ± {gain.error / 10_000:.2f} points"


def _rationale(genome: Genome, total: Gain, tasks: int) -> str:
    lines = [f"{len(genome.edits)} edits found by search, together {points(total)} on {tasks} dev tasks:"]
    return "\n".join([*lines, *(f"- {edit.description}" for edit in genome.edits)])
