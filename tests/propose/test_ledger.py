"""The ledger of a search: budgets hold, nothing is asked twice, and what the answers say."""

import math

import pytest

from agent.propose.ledger import Ledger, paired_gain
from agent.propose.toy import ToyBench, peaks

CODE = "K = {}\n"


@pytest.fixture
def trees(tree_of):
    return [tree_of({"mind/a.py": CODE.format(n)}) for n in range(1, 6)]


@pytest.fixture
def ledger():
    def ledger(trials=1000, most=100, bench=None, checkpoint=lambda: None):
        bench = bench or ToyBench("mind/a.py", peaks({"K": 3}), required=["K"])
        return bench, Ledger(bench, "toy", trials=trials, trees=most, checkpoint=checkpoint)

    return ledger


def test_a_trial_is_asked_for_once(trees, ledger):
    bench, book = ledger()
    assert book.score(trees[:2], ["task-000", "task-001"])
    assert book.score([trees[0], trees[0]], ["task-000", "task-001", "task-002"])
    assert bench.asked == [
        (trees[0].digest, ("task-000", "task-001")),
        (trees[1].digest, ("task-000", "task-001")),
        (trees[0].digest, ("task-002",)),
    ]
    assert (book.trials, book.trees) == (5, 2)


@pytest.mark.parametrize("limits", [{"trials": 5}, {"most": 2}])
def test_a_question_beyond_the_budget_is_not_asked_at_all(trees, ledger, limits):
    bench, book = ledger(**limits)
    assert not book.score(trees[:3], ["task-000", "task-001"])
    assert bench.asked == []
    assert book.score(trees[:2], ["task-000", "task-001"])


def test_a_tree_that_crashed_is_dead_and_never_asked_again(tree_of, ledger):
    bench, book = ledger()
    broken = tree_of({"mind/a.py": "J = 1\n"})
    book.score([broken], ["task-000"])
    book.score([broken], ["task-000", "task-001"])
    assert len(bench.asked) == 1
    assert book.scores(broken, ["task-000"]) is None


def test_a_tree_that_left_out_a_task_counts_as_crashed(trees, ledger):
    class Forgetful(ToyBench):
        def score(self, trees, suite, tasks):
            return [{tasks[0]: 1} for _ in trees]

    _, book = ledger(bench=Forgetful("mind/a.py", peaks({"K": 3})))
    book.score(trees[:1], ["task-000", "task-001"])
    assert book.scores(trees[0], ["task-000"]) is None


def test_scores_that_were_not_asked_for_are_not_guessed(trees, ledger):
    _, book = ledger()
    book.score(trees[:1], ["task-000"])
    assert book.scores(trees[0], ["task-001"]) is None
    assert book.scores(trees[1], ["task-000"]) is None
    assert book.gain(trees[0], trees[1], ["task-000"]) is None


def test_room_keeps_what_is_needed_later(trees, ledger):
    _, book = ledger(trials=100, most=20)
    assert book.room(10, keep=(0, 0)) == 10
    assert book.room(10, keep=(50, 0)) == 5
    assert book.room(10, keep=(0, 12)) == 8
    assert book.room(10, keep=(500, 0)) == 0
    book.score(trees[:3], ["task-000"])
    assert book.room(1, keep=(0, 12)) == 5


def test_a_tree_is_counted_once_however_often_it_is_looked_at(trees, ledger):
    _, book = ledger(most=2)
    for number in range(5):
        assert book.score(trees[:2], [f"task-00{n}" for n in range(number + 1)])
    assert not book.score(trees[2:3], ["task-000"])


def test_the_checkpoint_comes_before_every_question(trees, ledger):
    class Halt(Exception):
        pass

    def halt():
        raise Halt

    bench, book = ledger(checkpoint=halt)
    with pytest.raises(Halt):
        book.score(trees, ["task-000"])
    assert bench.asked == []


def test_a_paired_gain_is_the_mean_difference_and_its_error():
    gain = paired_gain([0, 0, 0, 0], [100, 300, 100, 300])
    assert gain.mean == 200
    assert gain.error == pytest.approx(57.735, abs=0.001)
    assert gain.sigmas == pytest.approx(3.4641, abs=0.0001)
    assert gain.low == pytest.approx(142.265, abs=0.001)


def test_what_says_nothing_has_no_sigmas():
    assert paired_gain([5], [9]).sigmas == 0
    assert paired_gain([5, 5], [5, 5]).sigmas == 0
    assert paired_gain([1, 2], [2, 3]).sigmas == math.inf
    assert paired_gain([2, 3], [1, 2]).sigmas == -math.inf
