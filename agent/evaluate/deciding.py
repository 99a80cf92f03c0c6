"""The deciding comparison: an objective's held-out split, tested look by look at a level fixed before its first trial.

Only the trials that are due at a look are run. A screen on what was measured anyway kills what cannot pass before a
look is spent on it; it uses no trial of the test, so a candidate that it kills takes no error. It never promotes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from agent.candidate import Allowance, Deciding, LookTaken, TestReport
from agent.evaluate.alpha import MOST_LEVEL_PPB
from agent.evaluate.pairs import Pairs, Round, Unit
from agent.evaluate.plan import THIRDS, Plan
from agent.evaluate.probes.probe import Measured
from agent.evaluate.sequential import Look, SequentialTest
from agent.evaluate.suite import Suite

Grant = Callable[[Sequence[Suite]], Allowance]
"""Gives the error for the tests of one candidate, on these suites, before their first trial. Asked once at most."""

FEWER_LOOKS = (THIRDS, (0.5, 1.0), (1.0,))
"""Where families and repeats are too few for so many looks, there are fewer."""


def decide(
    pairs: Pairs, suite: Suite, allowance: Allowance, seed: int, say: Callable[[str], None]
) -> tuple[Deciding, Measured]:
    """Test a candidate on the held-out split of an objective; return the test, and all that was measured for it.

    Taken up again after a kill, it finds the trials that were run, and takes the same looks at them.
    """
    unit = Unit(suite, "heldout")
    plan = plan_of(unit, allowance.level_ppb, pairs.batch)
    test, before = SequentialTest(plan), dict[str, int]()
    for number, due in enumerate(plan.due, 1):
        pairs.run(rounds(unit, before, due))
        look = test.look(number, unit.paired())
        say(f"{suite.name}, held out: look {number} of at most {len(plan.due)}, {look.pairs} of {look.of} pairs")
        if look.decision != "go_on":
            break
        before = dict(due)
    decision = Deciding(
        suite=suite.name,
        suite_digest=suite.digest,
        exam=suite.exam,
        outcome="promote" if test.decision == "promote" else "stop",
        why="",
        tasks=len(plan.families),
        families=len(set(plan.families.values())),
        repeats=plan.repeats,
        allowance=allowance,
        looks=tuple(_taken(look) for look in test.looks),
    )
    return decision, unit.measured(seed, test.looks[-1])


def not_begun(suite: Suite, why: str) -> Deciding:
    """Record a test that no trial was spent on, and why."""
    unit = Unit(suite, "heldout")
    families = unit.families()
    return Deciding(
        suite=suite.name,
        suite_digest=suite.digest,
        exam=suite.exam,
        outcome="not_begun",
        why=why,
        tasks=len(families),
        families=len(set(families.values())),
        repeats=unit.repeats,
        allowance=None,
        looks=(),
    )


def screened(tests: Sequence[TestReport], dev: Sequence[Measured]) -> str:
    """Say why a candidate cannot pass, from what a test would not use; empty when it may."""
    for report in tests:
        if report.which == "kept" and (report.failed or report.missing or report.ended != "exited"):
            return f"it fails {len(report.failed) + len(report.missing)} of {report.expected} kept tests"
    for one in dev:
        if one.comparison.gain_high_ppm < 0:
            return f"on the development tasks of {one.suite} it is surely worse than its parent"
    return ""


def plan_of(unit: Unit, level_ppb: int, seed: int) -> Plan:
    """Plan the test of a unit, with as many looks as it has room for."""
    families, level = unit.families(), min(level_ppb, MOST_LEVEL_PPB)
    for fractions in FEWER_LOOKS[:-1]:
        try:
            return Plan(families, unit.repeats, level, seed, fractions)
        except ValueError:
            continue
    return Plan(families, unit.repeats, level, seed, FEWER_LOOKS[-1])


def rounds(unit: Unit, before: Mapping[str, int], due: Mapping[str, int]) -> list[Round]:
    """Return what is to be run between two looks: every task the first time before any the second time."""
    found = []
    for turn in range(max(due.values())):
        tasks = tuple(task for task, times in due.items() if before.get(task, 0) <= turn < times)
        if tasks:
            found.append(Round(unit, tasks, turn))
    return found


def _taken(look: Look) -> LookTaken:
    known = asdict(look)
    names = {"effect_ppm": "gain_ppm", "low_ppm": "gain_low_ppm", "high_ppm": "gain_high_ppm"}
    return LookTaken(**{names.get(name, name): value for name, value in known.items()})
