"""The evaluator as a proposer may see it: development tasks and the tests of the base, and nothing else.

Here, and only here, a trial may be inherited: where a tree differs from one that was measured in functions that a task
never ran, its score is the same. What ran is told by the scaffold's own process. A lie can misdirect the search; the
comparison that decides runs everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from agent.edits.tree import Tree
from agent.evaluate.inheritance import changed_bodies
from agent.evaluate.suite import SkillSuite
from agent.loop.bench import Bench

Trial = tuple[str, str, str]
"""Digest of a tree, suite, task."""


class DevHalf:
    """Scores trees on dev tasks for one proposal. Ancestors are measured trees that others may inherit from."""

    def __init__(self, bench: Bench, base: Tree) -> None:
        self.bench = bench
        self._guard = bench.guard(base, slow=False)
        self._ancestors = [_Ancestor(bench, base)]
        self._skills = tuple(suite.name for suite in bench.suites if isinstance(suite, SkillSuite))
        self._run: set[Trial] = set()
        self._inherited: set[Trial] = set()

    @property
    def trials(self) -> int:
        """How many different trials the answers rest on, each run once, and those that were run to hear what ran."""
        return len(self._run) + sum(ancestor.traced for ancestor in self._ancestors)

    @property
    def inherited(self) -> int:
        """How many trials were answered by those of an ancestor."""
        return len(self._inherited - self._run)

    def dev_tasks(self, suite: str) -> tuple[str, ...]:
        """Return the names of the dev tasks of a suite."""
        return self.bench.dev_tasks(suite)

    def sound(self, trees: Sequence[Tree]) -> list[bool]:
        """Return which trees pass all quick tests that the base passes."""
        return self._guard.sound(trees)

    def ancestor(self, tree: Tree) -> None:
        """Let others inherit from this tree as well, from now on."""
        self._ancestors.append(_Ancestor(self.bench, tree))

    @property
    def skills(self) -> tuple[str, ...]:
        """The suites that need no model."""
        return self._skills

    def reached(self) -> frozenset[str]:
        """Return the functions of the newest ancestor that dev tasks without a model run."""
        newest = self._ancestors[-1]
        return frozenset().union(*(newest.reached(suite, self.dev_tasks(suite)) for suite in self._skills))

    def score(self, trees: Sequence[Tree], suite: str, tasks: Sequence[str]) -> list[dict[str, int] | None]:
        """Score trees on dev tasks; trials that cannot come out otherwise than an ancestor's are not run."""
        known = {tree.digest: self._inherit(tree, suite, tasks) for tree in trees}
        groups: dict[tuple[str, ...], dict[str, Tree]] = {}
        for tree in trees:
            rest = tuple(task for task in tasks if task not in known[tree.digest])
            groups.setdefault(rest, {})[tree.digest] = tree
        scores: dict[str, dict[str, int] | None] = {}
        for rest, group in groups.items():
            answers = self.bench.score(list(group.values()), suite, "dev", rest) if rest else [{} for _ in group]
            self._run.update((digest, suite, task) for digest in group for task in rest)
            scores.update(zip(group, answers, strict=True))
        return [_joined(tasks, known[tree.digest], scores[tree.digest]) for tree in trees]

    def _inherit(self, tree: Tree, suite: str, tasks: Sequence[str]) -> dict[str, int]:
        """Return the scores of those tasks that run nothing in which the tree differs from an ancestor."""
        if suite not in self._skills:
            return {}
        for ancestor in self._ancestors:
            theirs = ancestor.untouched(tree, suite, tasks)
            scores = self.bench.score([ancestor.tree], suite, "dev", theirs)[0] if theirs else None
            if scores:
                self._run.update((ancestor.tree.digest, suite, task) for task in theirs)
                self._inherited.update((tree.digest, suite, task) for task in theirs)
                return scores
        return {}


class _Ancestor:
    """A tree that others may inherit from, and what is known of the code that its tasks ran."""

    def __init__(self, bench: Bench, tree: Tree) -> None:
        self.tree = tree
        self.traced = 0
        self._bench = bench
        self._seen = bench.shown(tree)
        self._ran: dict[str, dict[str, AbstractSet[str]]] = {}
        self._heard: dict[str, set[str]] = {}

    def untouched(self, tree: Tree, suite: str, tasks: Sequence[str]) -> list[str]:
        """Return the tasks that ran none of the functions in which a tree differs from this one.

        What a task ran is heard when it is first of use: not while the function in question is known to run in others.
        """
        changed = changed_bodies(self._seen, self._bench.shown(tree)) if tree != self.tree else None
        if changed is None:
            return []
        ran = self._ran.setdefault(suite, {})
        if all(changed.isdisjoint(names) for names in ran.values()):
            self._hear(suite, tasks)
        return [task for task in tasks if task in ran and changed.isdisjoint(ran[task])]

    def reached(self, suite: str, tasks: Sequence[str]) -> frozenset[str]:
        """Return the functions that any of these tasks ran."""
        self._hear(suite, tasks)
        return frozenset().union(*self._ran.get(suite, {}).values())

    def _hear(self, suite: str, tasks: Sequence[str]) -> None:
        """Hear what those tasks run that were not heard before; of what tells nothing, nothing is known."""
        heard = self._heard.setdefault(suite, set())
        if unheard := [task for task in tasks if task not in heard]:
            heard.update(unheard)
            self.traced += len(unheard)
            self._ran.setdefault(suite, {}).update(self._bench.ran(self.tree, suite, unheard))


def _joined(tasks: Sequence[str], inherited: dict[str, int], scores: dict[str, int] | None) -> dict[str, int] | None:
    if scores is None:
        return None
    both = {**inherited, **scores}
    return {task: both[task] for task in tasks}
