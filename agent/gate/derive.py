"""What follows from the facts: sums, worst cases and lists that rules would otherwise have to build themselves.

Counting and aggregation belong in tested Python, not in the law. Whatever is absent counts as the worst it could be, so
that no rule over this block can hold because something was left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from agent.candidate import Record
from agent.gate.document import (
    CapabilityKind,
    ComparisonFact,
    DecisionFact,
    Measured,
    Natural,
    Texts,
    Whole,
    capped_texts,
)

WORST_PPM = -1_000_000
MILLION = 1_000_000
BILLION = 1_000_000_000


class Derived(Record):
    """The computed block. Texts name places as `path:line what`."""

    files_changed: Natural
    lines_changed: Natural
    longest_line: Natural
    touched_kept: Texts
    touched_unknown: Texts
    touched_build: Texts
    unreadable: Texts
    mode_changes: Texts
    hidden: Texts
    unparsable: Texts
    network: Texts
    process: Texts
    exit: Texts
    dynamic: Texts
    files: Texts
    environment: Texts
    patching: Texts
    outside: Texts
    encoded: Texts
    obscure: Texts
    new_dependencies: Texts
    tests_weakened: Texts
    kept_tests_expected: Natural
    kept_tests_lost: Natural
    kept_tests_apart: bool
    scaffold_tests_expected: Natural
    scaffold_tests_lost: Natural
    unmeasured: Texts
    measured_twice: Texts
    objective_suites: Texts
    objective_heldout_gain_ppm: Whole
    objective_heldout_gain_low_ppm: Whole
    objective_undecided: Texts
    objective_overdrawn: Texts
    objective_level_ppb: Natural
    run_error_ppb: Natural
    looks_error_ppb: Natural
    objective_heldout_over_noise_ppm: Whole
    objective_dev_gain_ppm: Whole
    worst_regression_low_ppm: Whole
    worst_regression: Texts
    surely_worse: Texts
    frozen_tasks: Natural
    frozen_stale: Texts
    frozen_least_ppm: Natural
    frozen_worst_low_ppm: Whole
    frozen_lost: Texts
    objective_forgeable: Texts
    fewest_heldout_tasks: Natural
    fewest_heldout_families: Natural
    infrastructure_ppm: Natural
    probes_ran: Texts
    probes_failed: Texts
    probes_repeated: Texts
    trials_spent: Natural


def derive(facts: Measured) -> Derived:
    """Compute the block from a document's other parts. Pure; the same parts always give the same block."""
    return Derived.model_validate(_derived(facts))


def follows(derived: Derived, facts: Measured) -> bool:
    """Whether a block is the one that follows from a document's other parts."""
    return dict(derived) == _derived(facts)


def _derived(facts: Measured) -> dict[str, object]:
    return {
        **_of_patch(facts),
        **_of_code(facts),
        **_of_tests(facts),
        **_of_comparisons(facts),
        **_of_decisions(facts),
        **_of_frozen(facts),
        **_of_run(facts),
    }


def _of_patch(facts: Measured) -> dict[str, object]:
    files = facts.patch.files
    return {
        "files_changed": len(files),
        "lines_changed": sum(file.added + file.removed for file in files),
        "longest_line": max((file.longest_line for file in files), default=0),
        "touched_kept": capped_texts(file.path for file in files if file.zone == "kept"),
        "touched_unknown": capped_texts(file.path for file in files if file.zone == "unknown"),
        "touched_build": capped_texts(file.path for file in files if file.build),
        "unreadable": capped_texts(file.path for file in files if not file.readable),
        "mode_changes": capped_texts(f"{file.path} {file.mode}" for file in files if file.mode != "same"),
        "hidden": capped_texts(f"{item.path}:{item.line} {item.character}" for item in facts.patch.hidden),
    }


def _of_code(facts: Measured) -> dict[str, object]:
    def added(kind: CapabilityKind, *, tests: bool = True) -> tuple[str, ...]:
        return capped_texts(
            f"{item.path}:{item.line} {item.name}"
            for item in facts.code.capabilities
            if item.kind == kind and (tests or item.where == "mind")
        )

    # Tests write to temporary folders as a matter of course; what they may not do is in the other kinds.
    kinds: tuple[CapabilityKind, ...] = (
        "network",
        "process",
        "exit",
        "dynamic",
        "environment",
        "patching",
        "outside",
        "encoded",
        "obscure",
    )
    return {
        **{kind: added(kind) for kind in kinds},
        "files": added("files", tests=False),
        "unparsable": capped_texts(f"{item.path}:{item.line} {item.what}" for item in facts.code.unparsable),
        "new_dependencies": capped_texts(
            f"{item.path}:{item.line} {item.module}"
            for item in facts.code.imports
            if item.origin == "third_party" and not item.known
        ),
    }


def _of_tests(facts: Measured) -> dict[str, object]:
    return {
        "tests_weakened": capped_texts(f"{item.test} ({item.lost} lost)" for item in facts.tests.weakened),
        **_of_test_runs(facts, "kept"),
        "kept_tests_apart": all(run.apart for run in facts.evidence.tests if run.which == "kept"),
        **_of_test_runs(facts, "scaffold"),
    }


def _of_test_runs(facts: Measured, which: Literal["kept", "scaffold"]) -> dict[str, object]:
    """Expected tests, and those lost: failed, missing, unaccounted for, or all of them if the run did not end well."""
    runs = [run for run in facts.evidence.tests if run.which == which]
    expected = sum(run.expected for run in runs)
    lost = sum(
        max(len(run.failed) + len(run.missing), run.expected - min(run.passed, run.expected))
        if run.ended == "exited"
        else max(run.expected, 1)
        for run in runs
    )
    return {f"{which}_tests_expected": expected, f"{which}_tests_lost": lost if len(runs) == 1 else max(lost, 1)}


def _of_comparisons(facts: Measured) -> dict[str, object]:
    comparisons = facts.evidence.comparisons
    objective = {suite.name for suite in facts.evidence.suites if suite.objective}
    sought = [item for item in comparisons if item.suite in objective and item.split == "heldout"]
    optional = {suite.name for suite in facts.evidence.suites if suite.optional}
    # The development tasks of the objective led the search; like optional suites, they need only not be surely worse.
    lenient = objective | optional
    excused = optional & set(facts.evidence.left_out)
    wanted = [suite.name for suite in facts.evidence.suites if suite.name not in excused]
    demanded = {f"{name}/{split}" for name in wanted for split in ("dev", "heldout")}
    measured = Counter(_name(item) for item in comparisons)
    heldout = [item for item in comparisons if item.split == "heldout" and item.suite not in optional]
    worst = _worst(item for item in comparisons if item.suite not in lenient)
    absent = {name for name in demanded if name.rpartition("/")[0] not in lenient} - measured.keys()
    return {
        "unmeasured": capped_texts(demanded - measured.keys() if demanded else ["no suite is demanded"]),
        "measured_twice": capped_texts(name for name, times in measured.items() if times > 1),
        "objective_suites": capped_texts(objective),
        "objective_heldout_gain_ppm": _least(item.gain_ppm for item in sought),
        "objective_heldout_gain_low_ppm": _least(item.gain_low_ppm for item in sought),
        "objective_heldout_over_noise_ppm": _least(item.gain_ppm - item.noise_ppm for item in sought),
        "objective_dev_gain_ppm": max(
            (item.gain_ppm for item in comparisons if item.suite in objective and item.split == "dev"),
            default=MILLION,
        ),
        "worst_regression_low_ppm": WORST_PPM if absent or not demanded else worst.gain_low_ppm if worst else 0,
        "worst_regression": (_name(worst),) if worst else (),
        "surely_worse": capped_texts(
            _name(item)
            for item in comparisons
            if item.suite in lenient and item not in sought and item.gain_high_ppm < 0
        ),
        "objective_forgeable": capped_texts(
            _name(item) for item in comparisons if item.suite in objective and item.graded == "together"
        ),
        "fewest_heldout_tasks": min((item.tasks for item in heldout), default=0),
        "fewest_heldout_families": min((item.families for item in heldout), default=0),
        "infrastructure_ppm": max((_infrastructure(item) for item in comparisons), default=MILLION * MILLION),
    }


def _worst(others: Iterable[ComparisonFact]) -> ComparisonFact | None:
    """Return the comparison that may have lost most; where not one task moved, nothing was lost on these tasks, however
    little so few tell of others."""
    moved = [item for item in others if item.moved or item.gain_ppm]
    return min(moved, key=lambda item: (item.gain_low_ppm, _name(item)), default=None)


def _of_decisions(facts: Measured) -> dict[str, object]:
    """Whether a test promoted each objective, and whether no test took more error than there was."""
    wanted = {suite.name for suite in facts.evidence.suites if suite.objective}
    decisions = facts.evidence.decisions
    tested = Counter(item.suite for item in decisions)
    outcomes = {item.suite: item.outcome for item in decisions}
    undecided = [
        f"{name} {'tested twice' if tested[name] > 1 else outcomes.get(name, 'not_tested')}"
        for name in wanted | tested.keys()
        if tested[name] != 1 or outcomes[name] != "promote" or name not in wanted
    ]
    begun = [item for item in decisions if item.outcome != "not_begun"]
    return {
        "objective_undecided": capped_texts(undecided if wanted else ["no suite is the objective"]),
        "objective_overdrawn": capped_texts(f"{item.suite} {word}" for item in begun for word in _overdrawn(item)),
        # Of a test that was not begun nothing was spent; without any test it is the worst that there is.
        "objective_level_ppb": max((item.level_ppb for item in begun), default=0 if decisions else BILLION),
        "run_error_ppb": max((item.run_error_ppb for item in begun), default=0 if decisions else BILLION),
        "looks_error_ppb": max((item.looks_error_ppb for item in begun), default=0 if decisions else BILLION),
    }


def _overdrawn(item: DecisionFact) -> list[str]:
    """In what a test took more error than it was given, in words."""
    found = {
        "had no level": item.level_ppb < 1,
        "had more than the run gave": item.level_ppb > item.given_ppb or item.given_ppb > item.run_error_ppb,
        "had more than one look may have": item.level_ppb * item.looks_allowed > item.looks_error_ppb,
        "had a look too many": not 1 <= item.looks_used <= item.looks_allowed,
        "promoted beyond its level": item.outcome == "promote" and item.p_value_ppb > item.level_ppb,
    }
    return [words for words, true in found.items() if true]


def _of_frozen(facts: Measured) -> dict[str, object]:
    measured = [item for item in facts.evidence.frozen if item.status == "measured"]
    return {
        "frozen_tasks": sum(item.tasks for item in measured),
        "frozen_stale": capped_texts(item.suite for item in facts.evidence.frozen if item.status == "stale"),
        "frozen_least_ppm": min((item.candidate_ppm for item in measured), default=MILLION),
        "frozen_worst_low_ppm": min((item.gain_low_ppm for item in measured), default=0),
        "frozen_lost": capped_texts(f"{item.suite} {item.lost} of {item.tasks}" for item in measured if item.lost),
    }


def _of_run(facts: Measured) -> dict[str, object]:
    probes = facts.evidence.probes
    names = Counter(probe.name for probe in probes)
    return {
        "probes_ran": capped_texts(names),
        "probes_failed": capped_texts(probe.name for probe in probes if probe.blocking and not probe.passed),
        "probes_repeated": capped_texts(name for name, times in names.items() if times > 1),
        "trials_spent": facts.evidence.trials + facts.evidence.search_trials,
    }


def _least(values: Iterable[int]) -> int:
    return min(values, default=WORST_PPM)


def _name(item: ComparisonFact) -> str:
    return f"{item.suite}/{item.split}"


def _infrastructure(item: ComparisonFact) -> int:
    """Trials that had to be run again, in parts per million of the trials of one side."""
    return item.infrastructure_failures * MILLION // max(item.tasks * item.repeats, 1)
