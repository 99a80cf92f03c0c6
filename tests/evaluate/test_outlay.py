"""What measuring takes is said beforehand: held against the trials that an evaluation in memory really pays for."""

import random
from collections import Counter

import numpy as np
import pytest
from scipy.special import expit, logit

from agent.edits.diff import diff
from agent.edits.unified import unified_diff
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.foresight import foresee, known_of
from agent.evaluate.suite import Task
from agent.evaluate.trial import MemoryTrials
from agent.workspace import parse_settings
from sandbox.broker.usage import Price
from tests.evaluate.test_attempts import CodingSuite, Desk, Trial, came_to
from tests.evaluate.world import alone, answering
from tests.loop.nulls import SETTINGS, Population, answer, base, child

LEVEL = 25_000_000
DEV, HELD, REPEATS = 30, 60, 3
TOKENS = Price(input=3_000_000, output=15_000_000, write_5m=3_750_000, write_1h=6_000_000, read=300_000)


class Objective(CodingSuite):
    """An objective with a model. `shift`: how much better a candidate does than its parent, in log odds."""

    name, digest, exam, objective, repeats = "tested", "sha256:" + "4" * 64, "sha256:" + "4" * 64, True, REPEATS

    def __init__(self, shift):
        super().__init__()
        self._shift = shift
        self._times = Counter()

    def tasks(self, split):
        return tuple(Task(f"{split}-{n}", f"f{n}") for n in range(HELD if split == "heldout" else DEV))

    def trial(self, split, task_id, scaffold, desk, candidate):
        own = candidate.removeprefix("sha256:") in str(scaffold[0].source)
        odds = np.clip(random.Random(f"{split} {task_id}").betavariate(0.6, 0.6), 1e-4, 1 - 1e-4)
        # No trial's luck depends on which trials were run before it.
        key = (candidate, own, split, task_id)
        self._times[key] += 1
        won = random.Random(f"{key} {self._times[key]}").random() < expit(logit(odds) + self._shift * own)
        return Trial(CodingSuite(lambda *_: came_to(1_000_000 if won else 0)), split, task_id, candidate)


class Skill(Population):
    name, digest, exam, objective = "skill", "sha256:" + "5" * 64, "sha256:" + "5" * 64, False


class Dear(CodingSuite):
    name, digest, exam = "dear", "sha256:" + "6" * 64, "sha256:" + "6" * 64


def paid(suites, count, folder):
    """The trials that each of so many candidates of one parent takes, and what came of its test."""
    trials, found, wall, parent = MemoryTrials(), [], answering(answer, folder), base()
    for number in range(count):
        tree = child({"x": number + 1})
        with Evaluator(
            wall, wall.prepare(), suites, parse_settings(SETTINGS), trials, desk=Desk(), workers=1
        ) as evaluator:
            evidence = evaluator.evaluate(
                "0" * 40, parent, tree, diff(parent, tree), unified_diff(parent, tree), 1, 1, grant=alone
            )
            found.append((evaluator.trials_run, evidence.decisions[0]))
    return found


@pytest.mark.parametrize(("shift", "outcome"), [(0.0, "stop"), (6.0, "promote")])
def test_all_that_is_measured_beside_the_test_is_counted_and_the_parents_own_side_once(tmp_path, shift, outcome):
    suites = [Objective(shift), Skill(), Dear()]
    rest = known_of(suites[0], {}, TOKENS, 1_000, suites[1:]).beside
    run = [(trials, decision.outcome, decision.looks[-1].pairs) for trials, decision in paid(suites, 2, tmp_path)]
    top = rest.promoted.trials if outcome == "promote" else 0
    (first, was, pairs), (second, was_too, pairs_too) = run

    assert was == was_too == outcome
    assert first == rest.candidate.trials + rest.parent.trials + 3 * pairs + top
    assert second == rest.candidate.trials + 2 * pairs_too + max(0, pairs_too - pairs) + top * 2 // 3


def test_what_each_part_costs_is_what_its_own_trials_cost():
    known = known_of(Objective(0), {}, TOKENS, 1_000, [Skill(), Dear()])
    each, rest = known.price.micro_usd, known.beside

    assert rest.candidate.trials == 2 * (DEV * REPEATS + 64)
    assert rest.candidate.micro_usd == 2 * DEV * REPEATS * each
    assert rest.candidate.milliseconds == 1_000 * rest.candidate.trials
    assert (rest.promoted.trials, rest.promoted.micro_usd) == (3 * 4, 3 * 4 * each)
    assert rest.parent.trials * 2 == rest.candidate.trials
    assert "of suite dear, tokens are a default" in known.price_from


@pytest.mark.parametrize(("shift", "which"), [(0.0, "idle"), (0.75, "better")])
def test_what_is_foreseen_of_a_candidate_is_what_candidates_take(tmp_path, shift, which):
    """A shift of 0.75 in log odds is about the smallest gain that is found."""
    suites, count = [Objective(shift), Skill(), Dear()], 16
    one = foresee(suites[0], LEVEL, 0, known_of(suites[0], {}, TOKENS, None, suites[1:]))
    really = sum(trials for trials, _ in paid(suites, count, tmp_path))

    assert one.parent.trials + count * getattr(one, which).trials == pytest.approx(really, rel=0.08)
