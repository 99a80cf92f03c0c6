"""One error for a whole run, end to end: real runs, law, store and repository over candidates whose worth is known."""

import json
import sqlite3
from contextlib import contextmanager

import pytest

from agent.candidate import State
from agent.errors import BudgetSpent, CandidateTooDear
from agent.evaluate import measuring
from agent.evaluate.alpha import ErrorBudget
from agent.loop.allowance import Allowances, Law
from agent.loop.store import Store
from tests.loop.nulls import LOOKS, World, better, null, part


def decisions(world):
    """Of each candidate, in order: what its test said."""
    store = world.store()
    found = [
        part(store, entry, "evidence.json")["decisions"][0]
        for entry in store.candidates()
        if "evidence.json" in entry.parts
    ]
    store.close()
    return found


def accounts(world):
    store = world.store()
    budgets = [Allowances(store).budget(run.id) for run in store.runs()]
    with store.reading() as db:
        looks = db.execute("SELECT used, spent_ppb FROM heldout_looks").fetchall()
    store.close()
    return [budget for budget in budgets if budget], looks


def test_a_long_run_of_candidates_that_do_nothing_promotes_none_and_one_that_helps_is_found_among_them(tmp_path):
    world = World(tmp_path / "w")
    summary = world.run([null(number) for number in range(24)] + [better()])

    found = decisions(world)
    assert [one["outcome"] for one in found] == ["stop"] * 24 + ["promote"]
    assert {entry.state for entry in summary.candidates[:24]} == {State.DENIED}
    (budget,), ((used, spent),) = accounts(world)
    assert (budget.tested, budget.promoted, budget.reserved) == (25, 1, {})
    # What was given adds up to no more than the run had, and what was promoted was paid back.
    given = [one["allowance"]["given_ppb"] for one in found]
    assert budget.spent_ppb == sum(given[:24]) <= budget.alpha_ppb == 50_000_000
    assert sum(given) <= budget.alpha_ppb
    assert (used, spent) == (25, sum(one["allowance"]["level_ppb"] for one in found))
    assert spent <= 100_000_000
    assert all(one["allowance"]["level_ppb"] <= 100_000_000 // LOOKS for one in found)
    # And giving up pays: the idle took fewer pairs than the plan had.
    assert sum(one["looks"][-1]["pairs"] for one in found[:24]) < 0.8 * sum(one["looks"][0]["of"] for one in found[:24])


def test_a_candidate_that_is_worse_on_development_tasks_takes_neither_a_look_nor_error(tmp_path):
    world = World(tmp_path / "w")
    world.run([better() | {"dev": -400_000}, better()])

    killed, promoted = decisions(world)
    assert (killed["outcome"], killed["allowance"], killed["looks"]) == ("not_begun", None, [])
    assert "surely worse" in killed["why"]
    (budget,), ((used, _),) = accounts(world)
    assert (budget.screened_out, budget.tested, used) == (1, 1, 1)
    # The error that was not taken is there for the one after it.
    assert promoted["allowance"]["given_ppb"] > budget.alpha_ppb // 2


def test_what_a_person_brings_is_a_run_of_one_and_takes_a_look_like_any_other(tmp_path):
    world = World(tmp_path / "w")
    entry = world.propose(null(3))

    assert entry.state is State.DENIED
    (one,) = decisions(world)
    given = one["allowance"]
    assert (given["run_candidates"], given["given_ppb"], given["looks_used"]) == (1, 50_000_000, 1)
    assert given["level_ppb"] == 100_000_000 // LOOKS
    world.run([null(4)])
    assert decisions(world)[1]["allowance"]["looks_used"] == 2


@pytest.mark.parametrize("error", [CandidateTooDear, BudgetSpent])
def test_a_test_that_was_broken_off_has_used_its_level_up_once_it_is_over(tmp_path, monkeypatch, error):
    world, begun = World(tmp_path / "w"), []

    def broken(*_):
        begun.append(1)
        raise error("no money is left")

    with monkeypatch.context() as patched:
        patched.setattr(measuring, "decide", broken)
        world.run([better(), null(5)])
    (budget,), ((used, _),) = accounts(world)
    assert (budget.promoted, used, len(begun)) == (0, budget.tested, budget.tested)
    if error is CandidateTooDear:  # this one failed, and the next was drafted
        assert (budget.tested, budget.reserved) == (2, {})
        assert budget.spent_ppb > 0
    else:  # the run ended; the test is still open, and goes on with what it was given
        assert (budget.tested, len(budget.reserved), budget.spent_ppb) == (1, 1, 0)
        world.run([], wanted=0)
        (settled,), ((still, _),) = accounts(world)
        assert (settled.tested, settled.promoted, settled.reserved, still) == (1, 1, {}, 1)


def test_a_run_ends_when_no_look_is_left_and_says_what_to_do(tmp_path):
    world = World(tmp_path / "w")
    world.run([null(0)])
    store = world.store()
    with store.writing() as db:
        db.execute("UPDATE heldout_looks SET used = ?", (LOOKS,))
    store.close()
    paid = world.paid

    summary = world.run([better()])

    assert summary.ending == "heldout_exhausted"
    assert f"{LOOKS} candidates were shown" in summary.message
    assert "new held-out tasks" in summary.message
    assert (summary.candidates, world.paid) == ((), paid)


@pytest.mark.parametrize(
    ("before", "after", "each"),
    [
        ((50_000_000, 60), (50_000_000, 120), 413_165),  # more looks share what there is
        ((50_000_000, 1), (50_000_000, 60), 0),  # one look had all of it: no number of looks brings more
        ((50_000_000, 60), (50_000_000, 1), 0),
    ],
)
def test_a_setting_that_is_changed_later_brings_no_error_that_was_spent(tmp_path, before, after, each):
    store = Store(tmp_path, clock=lambda: 0)
    with store.writing() as db:
        db.execute("INSERT INTO heldout_looks VALUES ('d', 'search', 1, ?)", (before[0] // before[1],))
    (looks,) = Allowances(store).looks({"d": "search"}, Law(50_000_000, *after))
    store.close()

    assert looks.held.next_ppb == each


class Killed(BaseException):
    """The process is gone."""


def killing(at, *, committed):
    """A store whose process dies in its `at`th transaction, before or after that becomes true."""

    class Dying(Store):
        transactions = 0

        @contextmanager
        def writing(self):
            Dying.transactions += 1
            now = Dying.transactions
            if now > at:
                raise Killed  # nothing more happens in a process that is gone
            with super().writing() as db:
                yield db
                if now == at and not committed:
                    raise Killed
            if now == at:
                raise Killed

    return Dying


def transactions_of_one(tmp_path):
    dying = killing(10_000, committed=True)
    world = World(tmp_path / "count")
    world.run([better()], store=dying)
    return world, dying.transactions


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody disturbed."""
    world, transactions = transactions_of_one(tmp_path_factory.mktemp("whole"))
    return decisions(world), accounts(world), world.paid, transactions


@pytest.mark.parametrize("committed", [True, False])
def test_a_run_that_is_killed_anywhere_neither_loses_error_nor_spends_it_twice(whole, tmp_path, committed):
    found, (budgets, looks), paid, transactions = whole
    assert found[0]["outcome"] == "promote"
    assert transactions > 8
    for at in range(2, transactions + 1):
        world = World(tmp_path / f"{at}")
        with pytest.raises(Killed):
            world.run([better()], store=killing(at, committed=committed))
        for budget in accounts(world)[0]:
            assert ErrorBudget.from_document(budget.document()).left_ppb >= 0
        # `resume` goes on with what is open; what had not been drafted yet is drafted by another run.
        left = world.store()
        drafted = bool(left.candidates())
        left.close()
        world.run([better()], wanted=0 if drafted else 1)

        assert decisions(world) == found, at
        assert accounts(world) == (budgets, looks), at
        # One job of trials may be paid that was not kept, because the process died on the way to the store.
        assert paid <= world.paid <= paid + 32, at


def test_a_damaged_budget_is_named_in_one_line(tmp_path):
    from agent.errors import StoreBroken

    store = Store(tmp_path, clock=lambda: 0)
    overdrawn = ErrorBudget(50_000_000, 2).reserve("c1").document() | {"spent_ppb": 50_000_000}
    with store.writing() as db:
        db.execute("INSERT INTO error_budgets VALUES ('run 1', ?)", (json.dumps(overdrawn),))
    with pytest.raises(StoreBroken, match="overdrawn"):
        Allowances(store).budget(1)
    store.close()


def test_what_was_measured_before_tests_had_a_budget_is_to_be_proposed_again(tmp_path):
    from tests.loop.test_store import entry

    store = Store(tmp_path, clock=lambda: 0)
    for name, state in (("c1", State.AWAITING_REVIEW), ("c2", State.DENIED), ("c3", State.SCREENED)):
        store.draft(entry(name, state=state), "")
    store.close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        for table in ("error_budgets", "heldout_looks", "allowances"):
            db.execute(f"DROP TABLE {table}")
        db.execute("PRAGMA user_version = 2")
    db.close()

    store = Store(tmp_path, clock=lambda: 0)
    states = {one.id: one.state for one in store.candidates()}
    assert states == {"c1": State.SUPERSEDED, "c2": State.DENIED, "c3": State.SCREENED}
    assert "propose it again" in store.transitions("c1")[-1].note
    assert Allowances(store).budget(1) is None
    store.close()
