"""What is measured of a candidate, and in which order: what is cheap and can only deny, the tests, what is dear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.candidate import Deciding, LeftOut, TestReport
from agent.evaluate.deciding import Grant, decide, not_begun, screened
from agent.evaluate.pairs import Pairs
from agent.evaluate.probes.probe import Measured
from agent.evaluate.suite import SPLITS, ModelSuite, Suite

NOT_WORTH_IT = "the candidate was not promoted, so nothing was paid for a model"


@dataclass(frozen=True, slots=True)
class Found:
    """All that was measured, in the order of the suites; how each objective's test came out; what was not worth it."""

    measured: tuple[Measured, ...]
    decisions: tuple[Deciding, ...]
    left_out: tuple[LeftOut, ...]


def measure(
    pairs: Pairs,
    suites: Sequence[Suite],
    tests: Sequence[TestReport],
    grant: Grant,
    seed: int,
    say: Callable[[str], None],
) -> Found:
    """Measure parent and candidate on all suites, as far as it is worth anything.

    First go the development tasks of the objective and of all suites without a model. A candidate that the screen kills
    on them is shown to no held-out task of any suite. For others the held-out tasks of those other suites follow, which
    can only deny as well, and then the tests. Other suites that need a model come last, and only for a candidate that
    was promoted. `grant` is asked once, before the first trial of the first test.
    """
    objectives = [suite for suite in suites if suite.objective]
    dear = [suite for suite in suites if not suite.objective and isinstance(suite, ModelSuite)]
    cheap = [suite for suite in suites if suite not in dear]
    say("measuring parent and candidate in pairs")
    measured = pairs.measure([(suite, "dev") for suite in cheap])
    sought = {suite.name for suite in objectives}
    why = screened(tests, [one for one in measured if one.suite in sought])
    decisions = [not_begun(suite, why) for suite in objectives if why]
    if not why:
        measured += pairs.measure([(suite, "heldout") for suite in cheap if not suite.objective])
    if objectives and not why:
        allowance = grant(objectives)
        for suite in objectives:
            decision, unit = decide(pairs, suite, allowance, seed, say)
            decisions.append(decision)
            measured.append(unit)
    promoted = not why and all(decision.outcome == "promote" for decision in decisions)
    if promoted:
        measured += pairs.measure([(suite, split) for suite in dear for split in SPLITS])
    names = [suite.name for suite in suites]
    measured.sort(key=lambda one: (names.index(one.suite), SPLITS.index(one.split)))
    left_out = () if promoted else tuple(LeftOut(suite=suite.name, task="", why=NOT_WORTH_IT) for suite in dear)
    return Found(tuple(measured), tuple(decisions), left_out)
