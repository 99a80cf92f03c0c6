"""What a search has asked and may still ask, and what the answers say: scores, budget, paired gains."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.edits.tree import Tree
from agent.propose.proposer import DevBench, GuardedBench


@dataclass(frozen=True, slots=True)
class Gain:
    """By how much one tree beats another on the same tasks: mean difference and its standard error, in ppm."""

    mean: float
    error: float

    @property
    def sigmas(self) -> float:
        """The mean in standard errors: 0 for no difference, infinite for one that is the same on every task."""
        if self.mean == 0 or math.isinf(self.error):
            return 0.0
        return math.copysign(math.inf, self.mean) if self.error == 0 else self.mean / self.error

    @property
    def low(self) -> float:
        """One standard error below the mean: what candidates are ranked by, so that a lucky maximum does not win."""
        return self.mean - self.error


def paired_gain(base: Sequence[int], other: Sequence[int]) -> Gain:
    """Return the gain of `other` over `base`; fewer than two tasks say nothing."""
    differences = [b - a for a, b in zip(base, other, strict=True)]
    count = len(differences)
    if count < 2:
        return Gain(0.0, math.inf)
    mean = math.fsum(differences) / count
    variance = math.fsum((d - mean) ** 2 for d in differences) / (count - 1)
    return Gain(mean, math.sqrt(variance / count))


class Ledger:
    """Asks the bench, never for the same trial twice and never beyond the budget.

    trials: most trials that may be asked for. trees: most trees that may be scored.
    """

    def __init__(self, bench: DevBench, suite: str, *, trials: int, trees: int, checkpoint: Callable[[], None]) -> None:
        self._bench = bench
        self._suite = suite
        self._checkpoint = checkpoint
        self._trials_left = trials
        self._most_trees = trees
        self._scores: dict[str, dict[str, int] | None] = {}
        self._sound: dict[str, bool] = {}
        self.trials = 0

    @property
    def trees(self) -> int:
        """How many distinct trees have been scored."""
        return len(self._scores)

    def room(self, tasks: int, *, keep: tuple[int, int]) -> int:
        """Return how many new trees may still be scored on so many tasks each, if some budget is kept.

        keep: trials and trees that must be left afterwards.
        """
        trials, trees = self._trials_left - keep[0], self._most_trees - self.trees - keep[1]
        return max(0, min(trials // max(tasks, 1), trees))

    def score(self, trees: Sequence[Tree], tasks: Sequence[str]) -> bool:
        """Learn the scores of trees on tasks. Return whether the budget allowed it; if not, nothing was asked."""
        asked: dict[tuple[str, ...], dict[str, Tree]] = {}
        for tree in trees:
            known = self._scores.get(tree.digest, {})
            missing = () if known is None else tuple(task for task in tasks if task not in known)
            if missing:
                asked.setdefault(missing, {})[tree.digest] = tree
        trials = sum(len(missing) * len(group) for missing, group in asked.items())
        new = {digest for group in asked.values() for digest in group if digest not in self._scores}
        if trials > self._trials_left or len(new) > self._most_trees - self.trees:
            return False
        for missing, group in asked.items():
            self._ask(list(group.values()), missing)
        return True

    def scores(self, tree: Tree, tasks: Sequence[str]) -> list[int] | None:
        """Return the scores of a tree in the order of the tasks; `None` if it does not run or was not asked."""
        known = self._scores.get(tree.digest)
        if known is None or any(task not in known for task in tasks):
            return None
        return [known[task] for task in tasks]

    def gain(self, base: Tree, other: Tree, tasks: Sequence[str]) -> Gain | None:
        """Return the gain of one tree over another on tasks that both were scored on."""
        one, two = self.scores(base, tasks), self.scores(other, tasks)
        return None if one is None or two is None else paired_gain(one, two)

    def sound(self, trees: Sequence[Tree]) -> list[bool]:
        """Return which trees pass the workspace's tests, as far as the bench can tell. Tests are no trials."""
        unknown = {tree.digest: tree for tree in trees if tree.digest not in self._sound}
        if unknown:
            self._checkpoint()
            bench = self._bench
            answers = bench.sound(list(unknown.values())) if isinstance(bench, GuardedBench) else [True] * len(unknown)
            self._sound.update(zip(unknown, answers, strict=True))
        return [self._sound[tree.digest] for tree in trees]

    def _ask(self, trees: Sequence[Tree], tasks: Sequence[str]) -> None:
        self._checkpoint()
        answers = self._bench.score(trees, self._suite, tasks)
        self._trials_left -= len(trees) * len(tasks)
        self.trials += len(trees) * len(tasks)
        for tree, answer in zip(trees, answers, strict=True):
            known = self._scores.get(tree.digest) or {}
            complete = answer is not None and all(task in answer for task in tasks)
            self._scores[tree.digest] = {**known, **answer} if answer is not None and complete else None
