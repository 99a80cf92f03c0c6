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

    trials: most trials that may be asked for. scorings: most trees that may be scored, counting a tree again for every
    time that it is asked about further tasks.
    """

    def __init__(
        self, bench: DevBench, suite: str, *, trials: int, scorings: int, checkpoint: Callable[[], None]
    ) -> None:
        self._bench = bench
        self._suite = suite
        self._checkpoint = checkpoint
        self._trials_left = trials
        self._scorings_left = scorings
        self._scores: dict[str, dict[str, int] | None] = {}
        self._sound: dict[str, bool] = {}
        self.trials = 0
        self.scorings = 0

    @property
    def trees(self) -> int:
        """How many distinct trees have been scored."""
        return len(self._scores)

    def room(self, tasks: int, looks: int, *, keep: tuple[int, int]) -> int:
        """Return how many trees may still be scored on so many tasks, in so many looks, if some budget is kept.

        keep: trials and scorings that must be left afterwards.
        """
        trials, scorings = self._trials_left - keep[0], self._scorings_left - keep[1]
        return max(0, min(trials // max(tasks, 1), scorings // looks))

    def score(self, trees: Sequence[Tree], tasks: Sequence[str]) -> bool:
        """Learn the scores of trees on tasks. Return whether the budget allowed it; if not, nothing was asked."""
        asked: dict[tuple[str, ...], dict[str, Tree]] = {}
        for tree in trees:
            known = self._scores.get(tree.digest, {})
            missing = () if known is None else tuple(task for task in tasks if task not in known)
            if missing:
                asked.setdefault(missing, {})[tree.digest] = tree
        trials = sum(len(missing) * len(group) for missing, group in asked.items())
        scorings = sum(len(group) for group in asked.values())
        if trials > self._trials_left or scorings > self._scorings_left:
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
        self._scorings_left -= len(trees)
        self.trials += len(trees) * len(tasks)
        self.scorings += len(trees)
        for tree, answer in zip(trees, answers, strict=True):
            known = self._scores.get(tree.digest) or {}
            complete = answer is not None and all(task in answer for task in tasks)
            self._scores[tree.digest] = {**known, **answer} if answer is not None and complete else None
