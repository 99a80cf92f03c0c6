"""What each edit of a candidate is worth: the candidate against itself without it, on the dev tasks of the objective.

Nothing is inherited here: what is signed was run. An interval says nothing of edits that do something only together.
"""

from __future__ import annotations

from typing import Any

from agent.candidate import EditWorth
from agent.edits.apply import apply
from agent.edits.patch import Patch
from agent.edits.tree import Tree
from agent.errors import EditConflict
from agent.evaluate.compare import compare
from agent.evaluate.suite import SkillSuite, Suite
from agent.evaluate.visible import within
from agent.loop.bench import Bench
from agent.workspace import Settings

TEST = "a test; no suite scores it"
UNSEEN = "no trial sees it"
ALONE = "the others do not stand without it"
DEAD = "without it the scaffold does not answer"
MODEL = "not measured: the objective needs a model, and each edit would cost as much as the candidate"
BUDGET = "not measured: more edits than budget.search_trials pays for"
SILENT = "not measured: the candidate does not answer"


def worth(bench: Bench, base: Tree, tree: Tree, patch: Patch, settings: Settings) -> tuple[EditWorth, ...]:
    """Measure each edit of a patch, or say why it was not."""
    suite = next((suite for suite in bench.suites if suite.objective), None)
    notes, without = _selections(bench, base, tree, patch, settings)
    if suite is None or not isinstance(suite, SkillSuite):
        notes, without = {**dict.fromkeys(without, MODEL), **notes}, {}
    tasks = bench.dev_tasks(suite.name) if suite else ()
    most = settings.budget.search_trials // max(len(tasks), 1) - 1
    for number in list(without)[max(most, 0) :]:
        notes[number] = BUDGET
        del without[number]
    measured = _measured(bench, suite, tree, without, settings.seed) if suite and without else {}
    return tuple(
        EditWorth(edit=edit.summary(), **measured.get(number, {"note": notes.get(number, "")}))
        for number, edit in enumerate(patch.edits)
    )


def _selections(
    bench: Bench, base: Tree, tree: Tree, patch: Patch, settings: Settings
) -> tuple[dict[int, str], dict[int, Tree]]:
    """Return why some edits cannot be measured, and the tree without each of the others."""
    seen = bench.shown(tree)
    notes: dict[int, str] = {}
    without: dict[int, Tree] = {}
    for number, edit in enumerate(patch.edits):
        if within(edit.path, (settings.tests.scaffold, settings.tests.kept)):
            notes[number] = TEST
            continue
        try:
            smaller = apply(base, patch.subset(n for n in range(len(patch)) if n != number))
        except EditConflict:
            notes[number] = ALONE
            continue
        if bench.shown(smaller) == seen:
            notes[number] = UNSEEN
        else:
            without[number] = smaller
    return notes, without


def _measured(bench: Bench, suite: Suite, tree: Tree, without: dict[int, Tree], seed: int) -> dict[int, dict[str, Any]]:
    families = {task.id: task.family for task in suite.tasks("dev")}
    mine, *others = bench.score([tree, *without.values()], suite.name, "dev", list(families))
    found: dict[int, dict[str, Any]] = {}
    for number, other in zip(without, others, strict=True):
        if mine is None or other is None:
            found[number] = {"note": SILENT if mine is None else DEAD}
            continue
        difference = compare(other, mine, families, seed=seed)
        found[number] = {
            "gain_ppm": difference.gain,
            "gain_low_ppm": difference.low,
            "gain_high_ppm": difference.high,
            "tasks": len(families),
        }
    return found
