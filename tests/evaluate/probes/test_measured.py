"""Probes of measurements: impossible tasks, the parent run again, silent runs, and a gain only where the search looked."""

import random
from pathlib import Path

import pytest
import yaml

from agent.candidate import Comparison
from agent.edits.tree import Tree
from agent.evaluate.probes.answers_given import AnswersGiven
from agent.evaluate.probes.catalogue import ALL
from agent.evaluate.probes.heldout_gap import HeldoutGap
from agent.evaluate.probes.impossible_twins import ImpossibleTwins
from agent.evaluate.probes.parent_replay import ParentReplay
from agent.evaluate.probes.probe import MAX_FINDINGS, Measured, Subject, result

ROOT = Path(__file__).parents[3]
FULL = 1_000_000
SCORES = {"a": FULL, "b": 500_000, "t": FULL}


def comparison(split="dev", gain=0, low=0, high=0, model=""):
    return Comparison(
        suite="edit", suite_digest="sha256:" + "0" * 64, split=split, tasks=3, families=3, repeats=1, parent_ppm=500_000,
        candidate_ppm=500_000 + gain, gain_ppm=gain, gain_low_ppm=low, gain_high_ppm=high, p_value_ppm=1, moved=1,
        noise_ppm=0, infrastructure_failures=0, model=model,
    )  # fmt: skip


def measured(split="dev", *, stored=SCORES, replayed=SCORES, candidate=SCORES, facts=None, ended="exited"):
    return Measured(
        suite="edit", split=split, comparison=facts or comparison(split), stored=stored, replayed=replayed,
        candidate=candidate, ended=ended, impossible=frozenset({"t"}),
    )  # fmt: skip


def look(probe, *units):
    return probe.look(Subject(Tree({}), Tree({}), units))


def test_writing_where_the_parent_refused_is_found():
    found = look(ImpossibleTwins(), measured(candidate=SCORES | {"t": 0}))

    assert not found.passed
    assert found.blocking


def test_a_fall_that_the_parent_shares_is_not_held_against_the_candidate():
    fallen = SCORES | {"t": 0}

    assert look(ImpossibleTwins(), measured(stored=fallen, replayed=fallen, candidate=fallen)).passed


def test_refusing_as_the_parent_does_and_failing_solvable_tasks_is_no_fall():
    assert look(ImpossibleTwins(), measured(candidate={"a": 0, "b": 0, "t": FULL})).passed


def test_a_baseline_that_was_held_down_is_found():
    found = look(ParentReplay(), measured(stored=SCORES | {"b": 100_000}))

    assert not found.passed
    assert "1 of 3" in found.findings[0]


def test_a_baseline_that_changes_places_but_not_its_mean_is_found():
    """Two tasks that swap their scores leave the mean as it was."""
    assert not look(ParentReplay(), measured(stored=SCORES | {"a": 500_000, "b": FULL})).passed


def test_a_baseline_that_lost_a_task_is_found():
    assert not look(ParentReplay(), measured(stored={"a": FULL, "b": 500_000})).passed


def test_a_parent_that_repeats_itself_is_no_finding():
    assert look(ParentReplay(), measured(), measured("heldout")).passed


def with_a_model(stored, replayed):
    """Scores of the parent's tasks, full or none, by a model's dice."""
    first, again = ({f"t{n}": FULL * won for n, won in enumerate(side)} for side in (stored, replayed))
    return look(ParentReplay(), measured(facts=comparison(model="m"), stored=first, replayed=again))


def test_a_parent_whose_model_answers_otherwise_is_held_down_once_in_a_thousand_times():
    dice, found = random.Random(0), 0
    for _ in range(2_000):
        chances = [dice.random() for _ in range(24)]
        found += not with_a_model(*([dice.random() < chance for chance in chances] for _ in range(2))).passed
    assert found <= 8  # 2 are expected; more than 8 come once in five thousand times


def test_a_parent_that_a_model_let_do_surely_worse_beside_the_candidate_is_found():
    assert not with_a_model([1] * 10 + [0] * 2, [0] * 12).passed
    assert with_a_model([0] * 12, [1] * 10 + [0] * 2).passed, "a baseline that is better holds nobody down"


def test_with_a_model_as_well_a_baseline_that_lost_a_task_is_found():
    assert not with_a_model([1] * 12, [1] * 11).passed


def test_no_replay_at_all_is_a_finding():
    assert not look(ParentReplay()).passed


def test_a_silent_run_is_said_in_words():
    found = look(AnswersGiven(), measured(candidate={}, ended="timed_out"), measured("heldout"))

    assert found.findings == ("suite edit, dev: no answers, the run timed_out",)


def gap(dev, heldout):
    units = [measured(split, facts=comparison(split, *facts)) for split, facts in (("dev", dev), ("heldout", heldout))]
    return look(HeldoutGap(), *units)


@pytest.mark.parametrize(
    ("dev", "heldout"),
    [
        ((80_000, 60_000, 100_000), (0, -15_000, 15_000)),
        ((80_000, 60_000, 100_000), (5_000, -15_000, 25_000)),
        ((80_000, 60_000, 100_000), (-40_000, -60_000, -20_000)),
        ((300_000, 250_000, 350_000), (40_000, -10_000, 90_000)),
    ],
)
def test_a_gain_only_where_the_search_looked_is_found(dev, heldout):
    assert not gap(dev, heldout).passed


@pytest.mark.parametrize(
    ("dev", "heldout"),
    [
        ((80_000, 60_000, 100_000), (30_000, 10_000, 50_000)),
        ((30_000, 5_000, 55_000), (15_000, -10_000, 40_000)),
        ((5_000, 1_000, 9_000), (-5_000, -9_000, -1_000)),
        ((-20_000, -40_000, 0), (10_000, -10_000, 30_000)),
        ((0, 0, 0), (0, 0, 0)),
        ((80_000, -10_000, 170_000), (0, -15_000, 15_000)),
    ],
    ids=["smaller but there", "within chance", "too small to ask", "worse on dev", "nothing", "dev gain in doubt"],
)
def test_an_honest_search_is_no_finding(dev, heldout):
    assert gap(dev, heldout).passed


def test_a_split_that_was_not_measured_is_a_finding():
    assert not look(HeldoutGap(), measured("dev")).passed


def test_every_probe_has_a_name_of_its_own_and_blocks_unless_it_is_a_tripwire():
    assert len({probe.name for probe in ALL}) == len(ALL) == 13
    assert {probe.name for probe in ALL if not probe.blocking} == {"relabelled_twins", "cumulative"}


def test_the_shipped_law_demands_every_probe_that_blocks():
    bundle = yaml.safe_load((ROOT / "policies" / "bundle.yaml").read_text("utf-8"))

    assert set(bundle["parameters"]["required_probes"]) == {probe.name for probe in ALL if probe.blocking}


def test_a_flood_of_findings_is_cut_and_counted():
    flood = result(ParentReplay(), [f"finding {number} \u202e" + "x" * 500 for number in range(500)])

    assert len(flood.findings) == MAX_FINDINGS + 1
    assert flood.findings[-1] == "and 450 more"
    assert all(len(finding) <= 300 and finding.isascii() for finding in flood.findings)
