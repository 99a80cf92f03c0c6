"""From trials to weaknesses: what failed alike, through the same code, and what it costs.

Which code is suspect is told by the Ochiai coefficient of running it and failing, which finds faults best among the
simple ones (Abreu, Zoeteweij and van Gemund, "On the accuracy of spectrum-based fault localization", 2007). Of F trials
that failed, f ran it, and so did p that passed: f / sqrt(F (f + p)).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from agent.diagnosis import Suspect, Weakness
from agent.evaluate.suite import FULL

STANDS_OUT = 0.2
"""By how much the share of failed trials that ran a definition must be above that of passed ones to mean something.
What a scaffold remembers from one task to the next is not run again, so small differences come by chance."""
FEWEST = 3
"""A group of fewer trials is joined to the largest one with the same symptom."""
SUSPECTS = 8
EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Observed:
    """One dev trial. `symptom` is empty if it passed; `ran` are the definitions it went through, as far as known."""

    task: str
    score: int
    symptom: str = ""
    ran: frozenset[str] = frozenset()


def weaknesses(suite: str, trials: Sequence[Observed]) -> tuple[Weakness, ...]:
    """Group the failed trials of one suite, the dearest group first."""
    passed = [trial for trial in trials if trial.score >= FULL]
    failed = [trial for trial in trials if trial.score < FULL]
    telling = frozenset(suspect.definition for suspect in _suspects(failed, passed))
    found = [
        _weakness(suite, group, passed, len(trials))
        for alike in _by_symptom(failed).values()
        for group in _by_code(alike, telling)
    ]
    return dearest_first(found)


def dearest_first(found: Iterable[Weakness]) -> tuple[Weakness, ...]:
    """Return weaknesses in the order in which they deserve attention."""
    return tuple(sorted(found, key=lambda one: (-one.cost_ppm, one.suite, one.symptom, one.examples)))


def _by_symptom(failed: Iterable[Observed]) -> dict[str, list[Observed]]:
    groups: dict[str, list[Observed]] = defaultdict(list)
    for trial in failed:
        groups[trial.symptom].append(trial)
    return groups


def _by_code(alike: Sequence[Observed], telling: frozenset[str]) -> list[list[Observed]]:
    """Divide trials by which of the telling definitions they ran through."""
    groups: dict[frozenset[str], list[Observed]] = defaultdict(list)
    for trial in alike:
        groups[trial.ran & telling].append(trial)
    first, *others = sorted(groups.values(), key=lambda group: (-len(group), min(trial.task for trial in group)))
    small = [trial for group in others if len(group) < FEWEST for trial in group]
    return [first + small, *(group for group in others if len(group) >= FEWEST)]


def _weakness(suite: str, group: Sequence[Observed], passed: Sequence[Observed], count: int) -> Weakness:
    worst = sorted(group, key=lambda trial: (trial.score, trial.task))
    return Weakness(
        suite=suite,
        symptom=group[0].symptom,
        tasks=len(group),
        cost_ppm=sum(FULL - trial.score for trial in group) // count,
        suspects=tuple(_suspects(group, passed)[:SUSPECTS]),
        examples=tuple(trial.task for trial in worst[:EXAMPLES]),
    )


def _suspects(group: Sequence[Observed], passed: Sequence[Observed]) -> list[Suspect]:
    """Return the definitions that a clearly larger share of the group than of the passed trials went through."""
    if not passed:
        return []  # nothing to compare with
    found = []
    for definition in frozenset[str]().union(*(trial.ran for trial in group)):
        failing = sum(definition in trial.ran for trial in group)
        passing = sum(definition in trial.ran for trial in passed)
        if failing / len(group) - passing / len(passed) >= STANDS_OUT:
            suspicion = round(FULL * failing / sqrt(len(group) * (failing + passing)))
            found.append(Suspect(definition=definition, suspicion_ppm=suspicion, failed=failing, passed=passing))
    return sorted(found, key=lambda one: (-one.suspicion_ppm, one.definition))
