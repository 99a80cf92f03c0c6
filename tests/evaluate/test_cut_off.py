"""A run that was cut off, killed or at its deadline, is run once more before a candidate or its parent is judged by it."""

import pytest

from agent.edits.diff import diff
from agent.edits.unified import unified_diff
from agent.errors import SandboxDown
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.trial import NO_ANSWER, MemoryTrials
from agent.workspace import parse_settings
from sandbox.contract import Ending
from tests.evaluate.world import alone, answering, said
from tests.loop.nulls import SETTINGS, Population, answer, base, better, child

CUT_OFF = pytest.mark.parametrize("ending", [Ending.KILLED, Ending.TIMED_OUT])


class Machine:
    """One that cuts off the first runs of one side on one split, `times` in all; `trials` outlive an evaluation."""

    def __init__(self, folder, side, split, ending, times):
        self.side, self.split, self.ending, self.times = side, split.encode(), ending, times
        self.trials, self.wall = MemoryTrials(), answering(self.answer, folder)

    def answer(self, mounts, command):
        side = "parent" if (mounts[0].source / "scaffold/gains.json").read_text() == "{}\n" else "candidate"
        if self.times and side == self.side and self.split in command.stdin:
            self.times -= 1
            return said(ending=self.ending)
        return answer(mounts, command)

    def evaluate(self):
        parent, tree = base(), child(better())
        settings = parse_settings(SETTINGS)
        with Evaluator(self.wall, self.wall.prepare(), [Population()], settings, self.trials, workers=1) as evaluator:
            return evaluator.evaluate(
                "0" * 40, parent, tree, diff(parent, tree), unified_diff(parent, tree), 1, 1, grant=alone
            )


@CUT_OFF
@pytest.mark.parametrize("split", ["dev", "heldout"])
@pytest.mark.parametrize("side", ["parent", "candidate"])
def test_one_run_that_was_cut_off_costs_neither_side_anything(tmp_path, side, split, ending):
    evidence = Machine(tmp_path, side, split, ending, times=1).evaluate()

    assert [decision.outcome for decision in evidence.decisions] == ["promote"]
    again = {one.split: one.infrastructure_failures for one in evidence.comparisons}
    assert again.pop(split) > 0, "that it was run again is in the evidence"
    assert list(again.values()) == [0]
    untroubled = Machine(tmp_path, side, split, ending, times=0).evaluate()
    assert [one.candidate_ppm for one in evidence.comparisons] == [one.candidate_ppm for one in untroubled.comparisons]


@CUT_OFF
def test_a_whole_split_that_was_run_again_once_is_within_the_law(tmp_path, ending):
    evidence = Machine(tmp_path, "candidate", "dev", ending, times=1).evaluate()

    (dev,) = [one for one in evidence.comparisons if one.split == "dev"]
    assert dev.infrastructure_failures == dev.tasks * dev.repeats


@pytest.mark.parametrize(("ending", "how"), [(Ending.KILLED, "was killed"), (Ending.TIMED_OUT, "met its deadline")])
@pytest.mark.parametrize("split", ["dev", "heldout"])
def test_a_parent_that_was_cut_off_twice_stops_the_evaluation_for_its_true_reason_and_not_for_ever(
    tmp_path, split, ending, how
):
    machine = Machine(tmp_path, "parent", split, ending, times=8)

    for _ in range(2):  # each asks the parent for two answers, as it is stored and beside the candidate
        with pytest.raises(SandboxDown, match=f"gave no answers to suite search, {split}: the run {how}, twice"):
            machine.evaluate()
    assert NO_ANSWER not in machine.trials._scores.values()
    assert [decision.outcome for decision in machine.evaluate().decisions] == ["promote"]


@CUT_OFF
def test_a_candidate_that_was_cut_off_twice_counts_nothing_in_this_comparison_and_is_not_remembered(tmp_path, ending):
    machine = Machine(tmp_path, "candidate", "dev", ending, times=2)
    evidence = machine.evaluate()

    assert [(one.split, one.candidate_ppm) for one in evidence.comparisons] == [("dev", 0)]
    assert f"suite search, dev: no answers, the run {ending}" in [
        finding for probe in evidence.probes for finding in probe.findings
    ]
    assert NO_ANSWER not in machine.trials._scores.values()
    assert [decision.outcome for decision in machine.evaluate().decisions] == ["promote"]
