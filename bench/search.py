"""What racing and inheritance save on the codemod search of the template, with every decision left as it is.

A trial is one dev task that one tree runs once. In full: each tree that the search looks at runs all dev tasks, once,
and nothing is known of any other tree's trials; its parent's, which a comparison without a cache would run again beside
it, are not counted. As shipped: what was run, and what was run once more to hear which code a task ran.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache

from agent.cli.init import template
from agent.cli.parts import cache_folder
from agent.edits.tree import Tree
from agent.evaluate.catalogue import load_suites
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.trial import MemoryTrials
from agent.loop.dev_half import DevHalf
from agent.propose.codemod import Codemod, Plan
from agent.propose.proposer import Brief, DevBench, Proposal
from agent.workspace import Settings, parse_settings
from bench.measure import Measure
from sandbox.choose import choose

SEEDS = (0, 1, 2, 3, 4, 5)
"""The shares at which a race looks were chosen with the first three; the others had no say in it."""
CHANGED_LINES = 400
EVERY = 10_000_000
"""A budget that no search comes to: in full, one costs several times what the shipped one allows."""


class InFull:
    """A bench that runs every tree on all dev tasks, whatever is asked, and knows nothing of an earlier search."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self._scores: dict[str, dict[str, int] | None] = {}
        self.trials = 0

    def dev_tasks(self, suite: str) -> tuple[str, ...]:
        """The dev tasks of a suite."""
        return self._evaluator.dev_tasks(suite)

    def score(self, trees: Sequence[Tree], suite: str, tasks: Sequence[str]) -> list[dict[str, int] | None]:
        """Run what is new on everything, and answer what was asked."""
        every = self.dev_tasks(suite)
        new = {tree.digest: tree for tree in trees if tree.digest not in self._scores}
        if new:
            self.trials += len(new) * len(every)
            answers = self._evaluator.score(list(new.values()), suite, "dev", every)
            self._scores.update(zip(new, answers, strict=True))
        found = [self._scores[tree.digest] for tree in trees]
        return [scores and {task: scores[task] for task in tasks} for scores in found]


class Untested:
    """A bench without the tests of the workspace: they are no trials, and they would say the same of both searches."""

    def __init__(self, bench: DevBench) -> None:
        self._bench = bench
        self.trees: set[str] = set()

    def dev_tasks(self, suite: str) -> tuple[str, ...]:
        """The dev tasks of a suite."""
        return self._bench.dev_tasks(suite)

    def score(self, trees: Sequence[Tree], suite: str, tasks: Sequence[str]) -> list[dict[str, int] | None]:
        """Score trees."""
        self.trees.update(tree.digest for tree in trees)
        return self._bench.score(trees, suite, tasks)


@dataclass(frozen=True, slots=True)
class Searched:
    """One search: what it proposed, what it said of every generation, and what it cost."""

    tree: str
    course: tuple[str, ...]
    trials: int
    inherited: int
    trees: int


@cache
def results() -> tuple[tuple[Searched, Searched], ...]:
    """Search with each seed, as shipped and in full, each time with an empty store."""
    base = template("reduced", "bench")
    settings = parse_settings(base["successor.toml"].content)
    workers = os.cpu_count() or 1
    with closing(choose("bubblewrap", cache_folder(), warm=workers)) as backend:
        runtime = backend.prepare(lambda _: None)
        suites, _ = load_suites(
            base, settings, runtime, cache_folder(), lambda _: None, backend=backend, no_model="none is needed"
        )

        def evaluator() -> Evaluator:
            return Evaluator(backend, runtime, suites, settings, MemoryTrials(), workers=workers)

        return tuple(
            (_shipped(evaluator, base, settings, seed), _full(evaluator, base, settings, seed)) for seed in SEEDS
        )


def _shipped(evaluator: Callable[[], Evaluator], base: Tree, settings: Settings, seed: int) -> Searched:
    with evaluator() as made:
        dev = DevHalf(made, base)
        bench = Untested(dev)
        proposal, course = _search(bench, made, base, settings, Plan(), seed, settings.budget.search_trials)
        return Searched(proposal.tree.digest if proposal else "", course, dev.trials, dev.inherited, len(bench.trees))


def _full(evaluator: Callable[[], Evaluator], base: Tree, settings: Settings, seed: int) -> Searched:
    with evaluator() as made:
        full = InFull(made)
        bench = Untested(full)
        plan = replace(Plan(), least_chance=0.0)
        proposal, course = _search(bench, made, base, settings, plan, seed, EVERY)
        return Searched(proposal.tree.digest if proposal else "", course, full.trials, 0, len(bench.trees))


def _search(
    bench: Untested, evaluator: Evaluator, base: Tree, settings: Settings, plan: Plan, seed: int, trials: int
) -> tuple[Proposal | None, tuple[str, ...]]:
    suite = next(one.name for one in settings.suites if one.objective)
    brief = Brief(
        objective=settings.objective,
        objective_suite=suite,
        editable=settings.zones,
        max_changed_lines=CHANGED_LINES,
        seed=seed,
        trial_budget=trials,
        entry_points=evaluator.entry_points(suite),
    )
    said: list[str] = []
    proposal = Codemod(plan).propose(base, brief, bench, lambda: None, said.append)
    return proposal, tuple(line.rpartition("trials, ")[2] for line in said)


def measures() -> list[Measure]:
    """The saving over all seeds, and in how many searches anything was decided otherwise."""
    pairs = results()
    shipped, full = (sum(pair[side].trials for pair in pairs) for side in (0, 1))
    inherited, trees = (sum(getattr(pair[0], name) for pair in pairs) for name in ("inherited", "trees"))
    each = ", ".join(f"{pair[1].trials / pair[0].trials:.1f}" for pair in pairs)
    differ = sum((a.tree, a.course) != (b.tree, b.course) for a, b in pairs)
    return [
        Measure(
            "acceptance.search_saving", round(full / shipped, 2), "ratio", ">= 5",
            f"each of {trees} trees in full: {full} trials, ours {shipped} and {inherited} inherited; by seed {each}",
            len(pairs),
        ),
        Measure(
            "acceptance.search_differs", differ, "searches", "= 0",
            "every race run to its end: who joins, and what is proposed", len(pairs),
        ),
    ]  # fmt: skip
