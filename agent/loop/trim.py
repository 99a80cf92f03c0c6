"""Before a candidate is drafted: edits that do not carry its gain are left out, so that nobody reads them.

An edit stays when without it a suite that needs no model loses, or a test breaks. Tests stay when they pass without
what was left out: a new test has no score, and is not noise for that. What a person brings is never rewritten.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence

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
        kept = self._carrying(whole, patch, judged, [*pinned, *tests]) if judged else ()
        gone = [patch.edits[n] for n in judged if n not in kept]
        smaller = self._with_tests(whole, patch, [*kept, *pinned], tests) if gone else None
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
        """Whether there is something to judge by, and a budget for it; if not, it is said."""
        if self._books and all(book.score([whole], tasks.every) for book, tasks in self._books):
            return True
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

    def _carrying(self, whole: Tree, patch: Patch, judged: Sequence[int], always: Sequence[int]) -> tuple[int, ...]:
        """Return those edits that cannot go. Asked of the suites first, because tests take longer."""

        def tree(chosen: Collection[int]) -> Tree | None:
            try:
                return apply(self._base, patch.subset([*chosen, *always]))
            except EditConflict:
                return None

        def carry(selections: Sequence[tuple[int, ...]]) -> list[bool]:
            made = [tree(chosen) for chosen in selections]
            alive = {one.digest: one for one in made if one is not None}
            for book, tasks in self._books:
                good = as_good(whole, list(alive.values()), book, tasks)
                alive = {digest: one for digest, one in alive.items() if digest in good}
            return [one is not None and one.digest in alive for one in made]

        def sound(selections: Sequence[tuple[int, ...]]) -> list[bool]:
            made = [tree(chosen) for chosen in selections]
            answers = iter(self._dev.sound([whole, *(one for one in made if one is not None)]))
            fair = next(answers)  # nobody is asked to pass what the whole does not
            return [one is not None and next(answers) and fair for one in made]

        return minimise_twice(judged, carry, sound)

    def _with_tests(self, whole: Tree, patch: Patch, kept: Sequence[int], tests: Sequence[int]) -> Tree | None:
        """Return the tree with the edits that were kept, and with those of test files that pass as they did before.

        `None` when other tests of the whole would be lost.
        """
        smaller = apply(self._base, patch.subset([*kept, *tests]))
        if not tests:
            return smaller
        guard = self._dev.bench.guard(whole)
        missed = guard.missed([smaller])[0]
        if not missed:
            return smaller
        failing = {patch.edits[n].path for n in tests if any(name.startswith(patch.edits[n].path) for name in missed)}
        stay = [n for n in tests if patch.edits[n].path not in failing]
        smaller = apply(self._base, patch.subset([*kept, *stay]))
        lost = [name for name in guard.missed([smaller])[0] if not name.startswith(tuple(failing))]
        return None if lost or not self._dev.sound([smaller])[0] else smaller


def _pools(tasks: Sequence[str], seed: int) -> Pools:
    return share_out(tasks, len(tasks), Plan().looks, random.Random(seed))  # noqa: S311  # to be repeated


def _function(edit: Edit) -> str:
    """The function that an edit changes, as a trace names it; nothing for any other edit."""
    changed = isinstance(edit, BlockEdit) and edit.kind == "function" and edit.old and edit.new
    return f"{edit.path}::{edit.old.address}" if changed and isinstance(edit, BlockEdit) and edit.old else ""


def _named(edits: Sequence[Edit]) -> str:
    return "; ".join(edit.summary() for edit in edits)
