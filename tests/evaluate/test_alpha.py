"""The error of a run: never more than was stated, whatever happens and however often it is taken up again."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BudgetSpent, IllegalTransition
from agent.evaluate.alpha import BILLION, ErrorBudget, HeldoutLooks

ALPHA = BILLION // 20
steps = st.lists(st.sampled_from(["screened", "kept", "stopped"]), max_size=60)


def walk(budget, steps):
    """Levels that were used up, levels that were given back, and the budget at the end."""
    used, back = [], []
    for number, step in enumerate(steps):
        if step == "screened":
            budget = budget.pass_over()
            continue
        budget = budget.reserve(f"c{number}")
        (used if step == "stopped" else back).append(budget.reserved[f"c{number}"])
        budget = budget.settle(f"c{number}", promoted=step == "kept")
    return used, back, budget


@given(steps)
def test_the_levels_of_those_not_promoted_never_add_up_to_more_than_the_error(steps):
    used, back, budget = walk(ErrorBudget(ALPHA, 60), steps)

    assert sum(used) == budget.spent_ppb <= ALPHA
    assert all(level >= 1 for level in used + back)
    assert (budget.seen, budget.promoted) == (len(steps), len(back))


@given(steps, st.integers(0, 60))
def test_a_level_and_what_is_spent_never_exceed_the_error_at_any_time(steps, parallel):
    """Also with tests that go on side by side, of which none has ended."""
    _, _, budget = walk(ErrorBudget(ALPHA, 60), steps)
    for number in range(min(parallel, 60 - budget.seen)):
        budget = budget.reserve(f"p{number}")
        assert budget.spent_ppb + sum(budget.reserved.values()) <= ALPHA


def test_without_a_screen_and_a_promotion_all_candidates_get_the_same():
    used, _, _ = walk(ErrorBudget(ALPHA, 50), ["stopped"] * 50)

    assert max(used) - min(used) <= 1
    assert ALPHA - 50 <= sum(used) <= ALPHA


def test_a_promotion_is_paid_back_and_a_screen_leaves_more_for_the_others():
    plain, *_ = walk(ErrorBudget(ALPHA, 50), ["stopped"] * 10)
    kept, *_ = walk(ErrorBudget(ALPHA, 50), ["kept"] * 9 + ["stopped"])
    screened, *_ = walk(ErrorBudget(ALPHA, 50), ["screened"] * 9 + ["stopped"])

    assert kept[-1] > plain[-1]
    assert screened[-1] > 2 * plain[-1]


@given(steps, st.integers(0, 60))
def test_a_budget_that_was_stored_goes_on_as_if_it_had_not_been(steps, when):
    straight = walk(ErrorBudget(ALPHA, 60), steps)[2]
    stored = json.dumps(walk(ErrorBudget(ALPHA, 60), steps[:when])[2].document())
    again = ErrorBudget.from_document(json.loads(stored))
    for number, step in enumerate(steps[when:], when):
        if step == "screened":
            again = again.pass_over()
        else:
            again = again.reserve(f"c{number}").settle(f"c{number}", promoted=step == "kept")

    assert again == straight


def test_a_test_that_was_killed_keeps_its_level():
    budget = ErrorBudget(ALPHA, 5).reserve("a")
    again = ErrorBudget.from_document(json.loads(json.dumps(budget.document())))

    assert again.reserved["a"] == budget.reserved["a"]
    with pytest.raises(IllegalTransition, match="already"):
        again.reserve("a")
    assert again.settle("a", promoted=False).spent_ppb == budget.reserved["a"]


def test_nothing_is_settled_twice_or_without_a_level():
    budget = ErrorBudget(ALPHA, 5).reserve("a").settle("a", promoted=True)

    with pytest.raises(IllegalTransition, match="no level"):
        budget.settle("a", promoted=True)
    with pytest.raises(IllegalTransition, match="no level"):
        budget.settle("b", promoted=False)


def test_one_candidate_more_than_was_said_is_refused():
    budget = ErrorBudget(ALPHA, 2).pass_over().reserve("a")

    assert budget.next_ppb == 0
    for step in (budget.pass_over, lambda: budget.reserve("b")):
        with pytest.raises(BudgetSpent, match="2 candidates"):
            step()


def test_an_error_too_small_to_be_shared_is_refused():
    with pytest.raises(BudgetSpent, match="is spent"):
        ErrorBudget(5, 100).reserve("a")


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha_ppb": 0},
        {"alpha_ppb": BILLION // 2},
        {"alpha_ppb": 0.05},
        {"alpha_ppb": float("nan")},
        {"candidates": 0},
        {"spent_ppb": ALPHA + 1},
        {"spent_ppb": -1},
        {"tested": 11},
        {"tested": True},
        {"promoted": 1},
        {"reserved": {"a": 5}},
        {"reserved": {"a": ALPHA + 1}, "tested": 1},
        {"reserved": {"a": -5}, "tested": 1},
    ],
    ids=str,
)
def test_a_budget_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="error"):
        replace(ErrorBudget(ALPHA, 10), **wrong)


@pytest.mark.parametrize("change", [{"more": 1}, {"reserved": 3}, {"spent_ppb": "0"}], ids=str)
def test_a_document_that_is_not_ours_is_refused(change):
    document = ErrorBudget(ALPHA, 10).document()

    with pytest.raises(ValueError, match="error budget"):
        ErrorBudget.from_document(document | change)
    with pytest.raises(ValueError, match="exactly the fields"):
        ErrorBudget.from_document({name: value for name, value in document.items() if name != "tested"})


def test_runs_of_idle_candidates_are_fooled_no_more_often_than_stated_and_plain_levels_are():
    """2,000 runs of 40 idle candidates. What screens let through depends on chance, and so do all levels."""
    random = np.random.default_rng(7)
    fooled = plain = 0
    for _ in range(2_000):
        budget, wrong = ErrorBudget(ALPHA, 40), False
        for number, (screen, p) in enumerate(random.random((40, 2))):
            if screen < 0.6:
                budget = budget.pass_over()
                continue
            budget = budget.reserve(str(number))
            promoted = p * BILLION <= budget.reserved[str(number)]
            budget = budget.settle(str(number), promoted=bool(promoted))
            wrong |= promoted
            plain += p <= 0.05
        fooled += wrong

    assert 0.03 <= fooled / 2_000 <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 2_000)
    assert plain > 1_000


def test_held_out_looks_are_counted_to_their_end():
    looks = HeldoutLooks(ALPHA, 3)
    for used in (1, 2, 3):
        looks = looks.look()
        assert (looks.used, looks.each_ppb) == (used, ALPHA // 3)
    with pytest.raises(BudgetSpent, match="all 3 looks"):
        looks.look()


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 100)), max_size=30))
def test_looks_never_spend_more_than_their_error_however_many_are_allowed_on_the_way(changes):
    looks = HeldoutLooks(ALPHA, 1)
    for more, percent in changes:
        looks = replace(looks, allowed=looks.used + more)
        if looks.next_ppb:
            looks = looks.look(max(1, looks.next_ppb * percent // 100))
        assert looks.spent_ppb <= ALPHA


def test_a_look_has_no_higher_level_than_there_is_for_it():
    looks = HeldoutLooks(ALPHA, 3).look(1)

    assert (looks.spent_ppb, looks.next_ppb) == (1, ALPHA // 3)
    with pytest.raises(ValueError, match="a lower one"):
        looks.look(ALPHA // 3 + 1)


@pytest.mark.parametrize("wrong", [{"allowed": 0}, {"used": 4}, {"used": -1}, {"alpha_ppb": 0}, {"used": 1.0}], ids=str)
def test_held_out_looks_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="held-out looks"):
        replace(HeldoutLooks(ALPHA, 3), **wrong)
