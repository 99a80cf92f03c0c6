"""Trials with a model: named by it, interleaved, run again when the provider failed, and never paid beyond a budget."""

from dataclasses import dataclass, replace

import pytest

from agent.errors import BudgetSpent, CandidateTooDear, ModelDown, Refused
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.pairs import Pairs
from agent.evaluate.suite import ModelSuite, SkillSuite, Task
from agent.evaluate.trial import Attempted, MemoryTrials, TrialKey
from sandbox.broker.ledger import Budget, Budgets, Exhausted, Ledger, Spent
from sandbox.broker.usage import Usage
from sandbox.errors import SandboxBroken
from tests.evaluate.world import MAIN, answering, said, tiny_tree

SPENT = Spent(2, Usage(input=100, output=20, read=1_000), 50)


def came_to(score, failure="none", note="", spent=SPENT, exchanges=("sha256:a",)):
    return Attempted(score, failure, note, spent, exchanges)


class Desk:
    """A model's desk without a model: what a scorer asks of one."""

    def __init__(self, identity="m-1", budgets=None):
        self.identity = identity
        self.ledger = Ledger(budgets or Budgets())


@dataclass
class Trial:
    suite: "CodingSuite"
    split: str
    task: str
    account: str

    def run(self, starter, limits):
        self.suite.ran.append((self.split, self.task, self.account))
        found = self.suite.outcomes(self.split, self.task, len(self.suite.ran))
        if isinstance(found, Exception):
            raise found
        return found


class CodingSuite:
    name, digest, objective, entry_points = "coding", "sha256:" + "3" * 64, False, ("solve",)
    repeats, graded, left_out, exam = 1, "apart", (), "sha256:" + "3" * 64

    def __init__(self, outcomes=lambda split, task, count: came_to(500_000)):
        self.outcomes = outcomes
        self.ran = []

    def tasks(self, split):
        return tuple(Task(f"{split}-{letter}", letter) for letter in "ab")

    def impossible(self, split):
        return frozenset()

    def summary(self, scores):
        return {}

    def trial(self, split, task_id, scaffold, desk, candidate):
        return Trial(self, split, task_id, candidate)


DEV = ("dev-a", "dev-b")


@pytest.fixture
def make(settings, library):
    def evaluator(suite, trials=None, desk=None, script=lambda mounts, command: said(b""), workers=1, **options):
        made = Evaluator(
            answering(script),
            library,
            [suite],
            settings,
            trials or MemoryTrials(),
            desk=desk,
            workers=workers,
            **options,
        )
        open_ones.append(made)
        return made

    open_ones = []
    yield evaluator
    for made in open_ones:
        made.close()


def test_a_suite_is_one_kind_or_the_other():
    assert isinstance(CodingSuite(), ModelSuite)
    assert not isinstance(CodingSuite(), SkillSuite)


def test_a_trial_is_paid_once_for_each_model(make, base):
    suite, trials = CodingSuite(), MemoryTrials()
    for identity in ("m-1", "m-1", "m-2"):
        (scores,) = make(suite, trials, Desk(identity)).score([base], "coding", "dev", DEV)
        assert scores == dict.fromkeys(DEV, 500_000)

    assert len(suite.ran) == 4
    assert {key.model for key in trials.attempts_of(next(iter(trials._scores)).tree)} == {"m-1", "m-2"}


def test_what_was_spent_is_known_of_stored_trials_too(make, base):
    suite, trials = CodingSuite(), MemoryTrials()
    make(suite, trials, Desk()).score([base], "coding", "dev", DEV)
    again = make(suite, trials, Desk())

    spent = again.spending(base, "coding", DEV)

    assert (spent.calls, spent.input_tokens, spent.cache_read_tokens, spent.micro_usd) == (4, 200, 2_000, 100)
    assert again.trials_run == 0


def test_without_a_model_nothing_of_it_runs(make, base):
    suite = CodingSuite()
    with pytest.raises(Refused, match="coding needs a model"):
        make(suite).score([base], "coding", "dev", DEV)
    assert suite.ran == []


def test_a_trial_that_the_provider_failed_is_run_again_and_all_of_it_is_paid(make, base):
    def outcomes(split, task, count):
        return came_to(None, "provider", "529") if count < 3 else came_to(1_000_000, exchanges=("sha256:last",))

    trials = MemoryTrials()
    evaluator = make(CodingSuite(outcomes), trials, Desk())
    (scores,) = evaluator.score([base], "coding", "dev", ("dev-a",))

    assert scores == {"dev-a": 1_000_000}
    ((_, kept),) = trials.attempts_of(next(iter(trials._scores)).tree).items()
    assert (kept.spent.calls, kept.spent.micro_usd, kept.exchanges) == (6, 150, ("sha256:last",))


def test_a_trial_that_the_provider_always_fails_has_no_score(make, base):
    trials = MemoryTrials()
    suite = CodingSuite(lambda *_: came_to(None, "provider", "529"))
    evaluator = make(suite, trials, Desk())
    with pytest.raises(ModelDown, match=r"dev-a could not be measured: provider: 529 \(3 times\)"):
        evaluator.score([base], "coding", "dev", DEV)

    assert trials._scores == {}
    assert [kept.score for kept in trials._attempts.values()] == [None]
    assert len(suite.ran) == 3


def test_a_spent_budget_ends_it_all_and_what_was_left_then_counts_for_nothing(make, base):
    desk, trials = Desk(budgets=Budgets(run=Budget(micro_usd=10))), MemoryTrials()

    def outcomes(split, task, count):
        if count == 2:
            assert isinstance(desk.ledger.reserve("x", 1, 11), Exhausted)
            return came_to(0, "agent")
        return came_to(500_000)

    evaluator = make(CodingSuite(outcomes), trials, desk)
    with pytest.raises(BudgetSpent, match="budget of the run is spent"):
        evaluator.score([base], "coding", "dev", DEV)

    assert [key.task for key in trials._scores] == ["dev-a"]


def test_a_spent_budget_of_one_candidate_ends_that_one(make, base):
    desk = Desk(budgets=Budgets(candidate=Budget(micro_usd=10)))

    def outcomes(split, task, count):
        desk.ledger.reserve(account, 1, 11)
        return came_to(0, "agent")

    evaluator = make(CodingSuite(outcomes), desk=desk)
    account = evaluator.shown(base).digest
    with pytest.raises(CandidateTooDear):
        evaluator.score([base], "coding", "dev", DEV)
    assert desk.ledger.stopped is None


def test_a_scaffold_that_breaks_its_wall_each_time_has_solved_nothing(make, base):
    evaluator = make(CodingSuite(lambda *_: SandboxBroken("crash")), desk=Desk())
    assert evaluator.score([base], "coding", "dev", ("dev-a",)) == [{"dev-a": 0}]


def test_a_comparison_runs_each_task_so_many_times_and_takes_turns(make, base, settings):
    other = tiny_tree({"scaffold/__main__.py": MAIN + b"\n# more\n"})
    marks = {"stored": 100_000, "parent": 200_000, "candidate": 600_000}
    suite = CodingSuite()
    suite.repeats = 3
    evaluator = make(suite, desk=Desk())
    seen = {evaluator.shown(base).digest: "parent", evaluator.shown(other).digest: "candidate"}

    def trial(split, task, scaffold, desk, account):
        side = next(seen[digest] for digest in seen if digest.removeprefix("sha256:") in str(scaffold[0].source))
        order.append((split, task, side, account))
        return Trial(CodingSuite(lambda *_: came_to(marks[side])), split, task, account)

    order = []
    suite.trial = trial
    pairs = Pairs(evaluator._scorer, settings, base, other)
    dev, heldout = pairs.measure([(suite, "dev"), (suite, "heldout")])

    assert (pairs.trials, len(order)) == (36, 36)
    found = dev.comparison
    assert (found.repeats, found.tasks, found.parent_ppm, found.candidate_ppm) == (3, 2, 200_000, 600_000)
    assert (found.model, found.graded) == ("m-1", "apart")
    assert found.parent_spent == found.candidate_spent
    assert found.candidate_spent.calls == 3 * 2 * 2
    assert heldout.comparison.split == "heldout"
    # All of it is booked on the candidate, and no side has a stretch of its own.
    assert {account for *_, account in order} == {evaluator.shown(other).digest}
    first, last = ([side for *_, side, _ in part] for part in (order[:18], order[18:]))
    assert abs(first.count("candidate") - last.count("candidate")) <= 2


def test_the_store_keeps_accounts_and_no_score_of_what_was_not_measured():
    trials = MemoryTrials()
    key = TrialKey("t", "s", "dev", "q", "r", "l", 0, 0, "m")
    trials.note(key, came_to(None, "verifier"))
    assert (dict(trials.get_many([key])), trials.attempts([key])[key].failure) == ({}, "verifier")
    trials.note(replace(key, task="p"), came_to(7))
    trials.note(key, came_to(8))
    assert trials.attempts([key])[key].spent == SPENT + SPENT  # what was broken off was paid for as well
    assert set(trials.attempts_of("t")) == {key, replace(key, task="p")}
    assert trials.attempts_of("u") == {}
