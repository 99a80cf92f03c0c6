"""What the loop asks of an evaluator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from agent.candidate import Evidence
from agent.diagnosis import Diagnosis
from agent.edits.patch import Patch
from agent.edits.tree import Tree
from agent.evaluate.deciding import Grant
from agent.evaluate.guard import Guard
from agent.evaluate.suite import Split, Suite
from agent.evaluate.tracing import Ran


class Bench(Protocol):
    """Scores trees and collects evidence."""

    @property
    def trials_run(self) -> int:
        """Trials paid so far."""
        ...

    def dev_tasks(self, suite: str) -> tuple[str, ...]:
        """Return the development tasks of a suite."""
        ...

    def score(
        self, trees: Sequence[Tree], suite: str, split: Split, tasks: Sequence[str]
    ) -> list[dict[str, int] | None]:
        """Return task -> ppm for each tree, None for a tree whose scaffold did not answer."""
        ...

    @property
    def suites(self) -> tuple[Suite, ...]:
        """Return the suites that can be measured here."""
        ...

    def entry_points(self, suite: str) -> tuple[str, ...]:
        """Return the names by which a suite enters the scaffold."""
        ...

    def diagnose(self, tree: Tree) -> Diagnosis:
        """Say what a tree does badly on the dev tasks of all suites; what is not known yet is run."""
        ...

    def shown(self, tree: Tree) -> Tree:
        """Return what of a tree its own scaffold may see."""
        ...

    def ran(self, tree: Tree, suite: str, tasks: Sequence[str]) -> Ran:
        """Return what each answer of a tree to some dev tasks can come from, as far as it is known."""
        ...

    def guard(self, base: Tree, *, slow: bool = True) -> Guard:
        """Return the tests of `base` as a guard of a search, with or without those that are marked slow."""
        ...

    def evaluate(
        self,
        base_commit: str,
        base: Tree,
        tree: Tree,
        patch: Patch,
        diff: bytes,
        search_trials: int,
        candidates_tried: int,
        *,
        grant: Grant,
    ) -> Evidence:
        """Measure everything; ask `grant` for the error of a test before its first trial."""
        ...
