"""The deciding comparison: planned before its first trial, no trial that is not due, and cheap denials before it."""

import json

import pytest

from agent.candidate import TestReport
from agent.edits.diff import diff
from agent.edits.tree import File
from agent.edits.unified import unified_diff
from agent.evaluate.alpha import MOST_LEVEL_PPB
from agent.evaluate.deciding import plan_of, rounds
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.frozen import FROZEN_FILE, freeze, written
from agent.evaluate.measuring import NOT_WORTH_IT
from agent.evaluate.pairs import Unit
from agent.evaluate.plan import Plan
from agent.evaluate.probes.probe import result
from agent.evaluate.suite import Task
from agent.evaluate.trial import MemoryTrials
from agent.workspace import parse_settings
from tests.evaluate.test_attempts import CodingSuite, Desk, came_to
from tests.evaluate.world import alone, answering
from tests.loop.nulls import SETTINGS, Population, answer, base, better, child, null


class Coding(CodingSuite):
    def tasks(self, split):
        return tuple(Task(f"{split}-{number}", f"f{number}") for number in range(12))


@pytest.fixture
def measure(tmp_path):
    """Evaluate a candidate with these gains; returns the evidence and what was asked of the scaffolds, in order."""

    def measure(gains, suites=(), grant=alone, trials=None, kept=None, monitor=None):
        asked = []

        def script(mounts, command):
            tree = "parent" if (mounts[0].source / "scaffold/gains.json").read_text() == "{}\n" else "candidate"
            if not (mounts[0].source / ".env").exists():  # beside bait it is probed, not measured
                asked.append((tree, tuple(json.loads(command.stdin))))
            return answer(mounts, command)

        wall, parent, tree = answering(script, tmp_path), base(), child(gains)
        for path, content in (kept or {}).items():
            parent, tree = (each.with_file(path, File(content)) for each in (parent, tree))
        with Evaluator(
            wall, wall.prepare(), [Population(), *suites], parse_settings(SETTINGS), trials or MemoryTrials(),
            desk=Desk(), workers=1, monitor=monitor,
        ) as evaluator:  # fmt: skip
            evidence = evaluator.evaluate(
                "0" * 40, parent, tree, diff(parent, tree), unified_diff(parent, tree), 1, 1, grant=grant
            )
        return evidence, asked

    return measure


def heldout(asked):
    return [(tree, task) for tree, tasks in asked for task in tasks if task.startswith("heldout")]


def test_only_the_trials_that_are_due_at_the_looks_that_were_taken_are_run(measure):
    evidence, asked = measure(null(1))
    (decision,) = evidence.decisions
    last = decision.looks[-1]

    assert (decision.outcome, last.decision) == ("stop", "stop")
    assert last.pairs < last.of == decision.tasks == 32
    # The parent as it is known, the parent beside the candidate, and the candidate.
    ran = heldout(asked)
    assert len(ran) == 3 * last.pairs
    assert len({task for _, task in ran}) == last.pairs
    looked = next(one for one in evidence.comparisons if one.split == "heldout")
    assert (looked.tasks, looked.families) == (last.pairs, last.families)
    assert (looked.gain_ppm, looked.gain_low_ppm) == (last.gain_ppm, last.gain_low_ppm)


def test_a_candidate_that_is_better_is_promoted_with_an_interval_above_nothing(measure):
    evidence, _ = measure(better())
    (decision,) = evidence.decisions

    assert decision.outcome == "promote"
    assert decision.allowance == alone(())
    assert decision.looks[-1].p_value_ppb <= decision.allowance.level_ppb
    assert decision.looks[-1].gain_low_ppm > 0


class Monitor:
    """Is asked, and finds something."""

    name, blocking = "model_monitor", False

    def __init__(self):
        self.asked = []

    def look(self, subject):
        self.asked.append(subject.tree)
        return result(self, ["suspicion 90 of 100"])


def test_a_monitor_is_asked_about_what_people_may_come_to_see_and_about_nothing_else(measure):
    monitor = Monitor()
    assert "model_monitor" not in [probe.name for probe in measure(null(1), monitor=monitor)[0].probes]
    assert monitor.asked == []

    probe = measure(better(), monitor=monitor)[0].probes[-1]

    assert (probe.name, probe.passed, probe.blocking) == ("model_monitor", False, False)
    assert monitor.asked == [child(better())]


def test_an_evaluation_that_is_taken_up_again_takes_the_same_looks_and_pays_nothing(measure):
    trials = MemoryTrials()
    first, _ = measure(better(), trials=trials)
    again, asked = measure(better(), trials=trials)

    assert (again, asked) == (first, [])


@pytest.mark.parametrize("gains", [better() | {"dev": -400_000}, better()], ids=["a loss on dev tasks", "a lost test"])
def test_what_cannot_pass_is_shown_to_no_heldout_task_and_given_no_error(measure, gains, monkeypatch):
    def refuse(_):
        raise AssertionError("no error was to be given")

    lost = TestReport(
        which="kept", apart=True, expected=9, passed=8, failed=("t",), missing=(), unexpected=(), ended="exited"
    )
    monkeypatch.setattr("agent.evaluate.evaluator.run_tests", lambda *_: [] if "dev" in gains else [lost])
    evidence, asked = measure(gains, grant=refuse)

    assert heldout(asked) == []
    (decision,) = evidence.decisions
    assert (decision.outcome, decision.allowance, decision.looks) == ("not_begun", None, ())
    assert decision.why
    # What was measured is evidence all the same.
    assert [one.split for one in evidence.comparisons] == ["dev"]


def test_error_is_asked_for_once_after_all_that_is_cheap_and_before_the_first_trial_of_the_test(measure):
    seen = []
    asked = []

    def grant(suites):
        seen.append([suite.name for suite in suites])
        return alone(suites)

    _, asked = measure(null(2), grant=grant)

    assert seen == [["search"]]
    first = next(index for index, (_, tasks) in enumerate(asked) if tasks[0].startswith("heldout"))
    assert {task for _, tasks in asked[:first] for task in tasks} == {t.id for t in Population().tasks("dev")}


@pytest.mark.parametrize(("gains", "ran"), [(null(1), 0), (better(), 72)], ids=["idle", "better"])
def test_what_needs_a_model_is_paid_for_only_when_the_candidate_was_promoted(measure, gains, ran):
    coding = Coding(lambda split, task, count: came_to(500_000))
    evidence, _ = measure(gains, suites=[coding])

    assert len(coding.ran) == ran
    left_out = [(one.suite, one.why) for one in evidence.left_out]
    assert left_out == ([] if ran else [("coding", NOT_WORTH_IT)])


def test_an_objective_with_a_model_runs_every_task_once_before_any_twice(measure):
    coding = Coding(lambda split, task, count: came_to((count % 2) * 1_000_000))
    coding.objective, coding.repeats = True, 3
    evidence, _ = measure(better(), suites=[coding])

    decision = next(one for one in evidence.decisions if one.suite == "coding")
    assert (decision.repeats, decision.looks[0].pairs, decision.looks[0].families) == (3, 12, 12)
    tasks = [task for split, task, _ in coding.ran if split == "heldout"]
    assert set(tasks[:36]) == {task.id for task in coding.tasks("heldout")}
    assert all(
        tasks[:36].count(task) == 3 for task in tasks[:36]
    )  # thrice: two of the parent's, one of the candidate's


def test_what_is_run_between_two_looks_is_what_is_due_and_not_yet_run():
    unit = Unit(Population(), "heldout")
    found = rounds(unit, {"a": 1, "b": 1}, {"a": 3, "b": 1, "c": 2})

    assert [(each.tasks, each.turn) for each in found] == [(("c",), 0), (("a", "c"), 1), (("a",), 2)]


def test_no_test_has_a_level_that_the_interval_beside_it_does_not_know():
    unit = Unit(Population(), "heldout")

    assert plan_of(unit, 50_000_000, 1).alpha_ppb == MOST_LEVEL_PPB
    assert plan_of(unit, 1_000, 1).alpha_ppb == 1_000


@pytest.mark.parametrize(("families", "looks"), [(1, 1), (2, 2), (3, 3), (9, 3)])
def test_where_there_are_too_few_families_for_so_many_looks_there_are_fewer(families, looks):
    suite = Population()
    suite.tasks = lambda split: tuple(Task(f"t{number}", f"f{number}") for number in range(families))
    plan = plan_of(Unit(suite, "heldout"), 5_000_000, 1)

    assert isinstance(plan, Plan)
    assert len(plan.due) == looks


def test_the_frozen_set_of_the_parent_is_compared_without_a_trial_of_its_own(measure):
    full = dict.fromkeys((task.id for task in Population().tasks("dev")), 1_000_000)
    file = written(freeze([(Population(), [full])]), "generation 0")
    without, asked_without = measure(better())
    evidence, asked = measure(better(), kept={FROZEN_FILE: file})
    worse, _ = measure(better() | {"dev": -1}, kept={FROZEN_FILE: file})

    (found,) = evidence.frozen
    assert (found.status, found.tasks, found.gain_low_ppm) == ("measured", 32, 0)
    assert without.frozen == ()
    dev, dev_without = (sorted(one for one in each if one[1][0].startswith("dev")) for each in (asked, asked_without))
    assert dev == dev_without
    assert len(dev) == 3
    assert worse.frozen[0].gain_low_ppm < 0


def test_what_the_screen_kills_is_shown_to_no_heldout_task_of_another_suite_either(measure, monkeypatch):
    class Edit(Population):
        name, digest, exam, objective = "edit", "sha256:" + "6" * 64, "sha256:" + "5" * 64, False

    def refuse(_):
        raise AssertionError("no error was to be given")

    lost = TestReport(
        which="kept", apart=True, expected=9, passed=8, failed=("t",), missing=(), unexpected=(), ended="exited"
    )
    with monkeypatch.context() as patched:
        patched.setattr("agent.evaluate.evaluator.run_tests", lambda *_: [lost])
        evidence, asked = measure(better(), suites=[Edit()], grant=refuse)
    assert heldout(asked) == []
    assert [(one.suite, one.split) for one in evidence.comparisons] == [("search", "dev"), ("edit", "dev")]

    evidence, asked = measure(better(), suites=[Edit()])
    assert [(one.suite, one.split) for one in evidence.comparisons] == [
        ("search", "dev"), ("search", "heldout"), ("edit", "dev"), ("edit", "heldout"),
    ]  # fmt: skip
    first = next(place for place, (_, tasks) in enumerate(asked) if tasks[0].startswith("heldout"))
    dev = [tasks for _, tasks in asked[:first]]
    assert len(dev) == 6, "both suites, three runs each"
    assert [len(tasks) for _, tasks in asked[first : first + 3]] == [32] * 3, "the other suite's come before any look"
