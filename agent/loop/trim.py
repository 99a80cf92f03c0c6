"""Before a candidate is drafted: edits that do not carry its gain are left out, so that nobody reads them.

An edit stays when without it a suite that needs no model loses, or a test breaks. Tests stay when they pass without
what was left out: a new test has no score, and is not noise for that. What a person brings is never rewritten.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial

from agent.edits.apply import apply
from agent.edits.diff import diff
from agent.edits.minimise import minimise_twice
from agent.edits.patch import BlockEdit, Edit, Patch
from agent.edits.tree import Tree
from agent.errors import EditConflict, Refused
from agent.evaluate.suite import ModelSuite
from agent.evaluate.visible import within
from agent.loop.dev_half import DevHalf
from agent.loop.lifecycle import demand_judgeable
from agent.propose.codemod import Plan
from agent.propose.ledger import Ledger
from agent.propose.pools import Pools, share_out
from agent.propose.race import as_good
from agent.workspace import Settings

MOST_TREES = 200
"""That are looked at to make one proposal smaller."""


class Trim:
    """Makes one proposal smaller, judged on the dev tasks of all suites without a model and by the tests."""

    def __init__(
        self,
        base: Tree,
        settings: Settings,
        dev: DevHalf,
        seed: int,
        checkpoint: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._base, self._settings, self._dev, self._say = base, settings, dev, say
        self._books = [
            (
                Ledger(dev, suite, trials=settings.budget.search_trials, trees=MOST_TREES, checkpoint=checkpoint),
                _pools(dev.dev_tasks(suite), seed),
            )
            for suite in dev.skills
        ]

    def trimmed(self, whole: Tree) -> Tree:
        """Return the smallest tree found that does what the proposed one does; that one itself where nothing can go."""
        patch = self._patch(whole)
        tests = [n for n, edit in enumerate(patch.edits) if within(edit.path, (self._settings.tests.scaffold,))]
        code = [n for n in range(len(patch)) if n not in tests]
        if len(code) < 2 or not self._measured(whole):
            return whole
        self._dev.ancestor(whole)
        pinned = self._unjudged(patch, code)
        judged = [n for n in code if n not in pinned]
        left = _Left(self._base, whole, patch, pinned, tests, self._dev)
        kept = minimise_twice(judged, partial(self._carry, left), left.sound) if judged else ()
        gone = [patch.edits[n] for n in judged if n not in kept]
        smaller = left.with_tests(kept) if gone else None
        if smaller is None:
            return whole
        self._say(f"{len(gone)} of {len(patch)} edits carry nothing and are left out: {_named(gone)}")
        return smaller

    def _patch(self, whole: Tree) -> Patch:
        """Return the edits of a proposal; none of one that will be refused or denied as it stands."""
        try:
            demand_judgeable(self._base, whole)
        except Refused:
            return Patch()
        patch = diff(self._base, whole)
        return patch if all(self._settings.zones.zone(path) == "mind" for path in patch.paths) else Patch()

    def _measured(self, whole: Tree) -> bool:
        """Whether there is something to judge by, and a budget for it; if not, it is said. What does not answer at all
        is denied for that."""
        if self._books and all(book.score([whole], tasks.every) for book, tasks in self._books):
            return all(book.scores(whole, tasks.every) is not None for book, tasks in self._books)
        why = "the budget does not allow it" if self._books else "all suites need a model"
        self._say(f"edits that carry nothing were not looked for: {why}")
        return False

    def _unjudged(self, patch: Patch, code: Sequence[int]) -> list[int]:
        """Return the edits that only a suite with a model can say something of; judging them would cost as much as
        a candidate each."""
        if not any(isinstance(suite, ModelSuite) for suite in self._dev.bench.suites):
            return []
        reached = self._dev.reached()
        found = [n for n in code if _function(patch.edits[n]) not in reached]
        if found:
            named = _named([patch.edits[n] for n in found])
            self._say(f"kept unjudged, for only suites with a model may run them: {named}")
        return found

    def _carry(self, left: _Left, selections: Sequence[tuple[int, ...]]) -> list[bool]:
        """Whether hardly anything is lost on any suite with these edits alone."""
        made = [left.tree(chosen, left.tests) for chosen in selections]
        alive = {one.digest: one for one in made if one is not None}
        for book, tasks in self._books:
            good = as_good(left.whole, list(alive.values()), book, tasks)
            alive = {digest: one for digest, one in alive.items() if digest in good}
        return [one is not None and one.digest in alive for one in made]


class _Left:
    """What is left of a patch when some of its edits go, and whether tests say that it stands."""

    def __init__(
        self, base: Tree, whole: Tree, patch: Patch, pinned: Sequence[int], tests: Sequence[int], dev: DevHalf
    ) -> None:
        self.whole, self.tests = whole, tests
        self._base, self._patch, self._pinned, self._dev = base, patch, pinned, dev
        self._guard = dev.bench.guard(whole)
        self._stood: dict[tuple[int, ...], Tree | None] = {}

    def tree(self, chosen: Sequence[int], tests: Sequence[int]) -> Tree | None:
        """Return the tree with some edits alone, if they fit."""
        try:
            return apply(self._base, self._patch.subset([*chosen, *self._pinned, *tests]))
        except EditConflict:
            return None

    def sound(self, selections: Sequence[tuple[int, ...]]) -> list[bool]:
        """Whether all tests pass that passed, but for those that came with what is gone."""
        return [self.with_tests(chosen) is not None for chosen in selections]

    def with_tests(self, chosen: tuple[int, ...]) -> Tree | None:
        """Return the tree with some edits and those tests of its own that still pass; `None` if other tests break."""
        if chosen not in self._stood:
            self._stood[chosen] = self._standing(chosen)
        return self._stood[chosen]

    def _standing(self, chosen: tuple[int, ...]) -> Tree | None:
        tree = self.tree(chosen, self.tests)
        missed = self._guard.missed([tree])[0] if tree else frozenset()
        if not missed:
            return tree
        path_of = {n: self._patch.edits[n].path for n in self.tests}
        failing = tuple({f"{path}::" for path in path_of.values() if any(m.startswith(f"{path}::") for m in missed)})
        tree = self.tree(chosen, [n for n in self.tests if f"{path_of[n]}::" not in failing]) if failing else None
        if tree is None or not self._dev.sound([tree])[0]:
            return None
        return tree if all(name.startswith(failing) for name in self._guard.missed([tree])[0]) else None


def _pools(tasks: Sequence[str], seed: int) -> Pools:
    return share_out(tasks, len(tasks), Plan().looks, random.Random(seed))  # noqa: S311  # to be repeated


def _function(edit: Edit) -> str:
    """The function that an edit changes, as a trace names it; nothing for any other edit."""
    changed = isinstance(edit, BlockEdit) and edit.kind == "function" and edit.old and edit.new
    return f"{edit.path}::{edit.old.address}" if changed and isinstance(edit, BlockEdit) and edit.old else ""


def _named(edits: Sequence[Edit]) -> str:
    return "; ".join(edit.summary() for edit in edits)
