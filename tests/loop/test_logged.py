"""A store that was moved aside, or is another clone's: the gate log remembers looks and decisions for it."""

import json

import pytest

from agent.candidate import Deciding, State
from agent.errors import Refused
from agent.lineage.repository import Repository
from agent.loop.allowance import Allowances
from agent.loop.logged import learn
from agent.loop.store import Store
from tests.loop.nulls import World, better, null, part


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "w")


def lose_the_store(world):
    for file in (world.folder / ".successor").glob("state.db*"):
        file.unlink()


def looks(world):
    store = world.store()
    with store.reading() as db:
        found = db.execute("SELECT used, spent_ppb FROM heldout_looks").fetchall()
    store.close()
    return found


def used_by(world, entry):
    store = world.store()
    found = part(store, store.candidate(entry.id), "evidence.json")["decisions"][0]["allowance"]["looks_used"]
    store.close()
    return found


def test_looks_at_heldout_tasks_go_on_where_they_were_when_the_store_is_lost(world):
    world.run([null(0), null(1)])
    ((used, spent),) = looks(world)
    lose_the_store(world)

    summary = world.run([null(2)])

    (entry,) = summary.candidates
    assert (used, used_by(world, entry)) == (2, 3)
    assert looks(world) == [(3, spent * 3 // 2)]


def test_a_candidate_that_was_decided_is_not_tested_again_in_a_new_store(world):
    (first,) = world.run([null(0)]).candidates
    assert first.state is State.DENIED
    lose_the_store(world)
    paid = world.paid

    assert world.run([null(0)]).candidates == ()
    with pytest.raises(Refused, match=f"{first.id} was decided before.*entry 1 of the gate log: denied"):
        world.propose(null(0))
    assert world.paid == paid


def test_what_a_store_counted_itself_is_not_counted_again(world):
    world.run([null(0), better()])
    before = looks(world)
    with Repository.open(world.folder) as repository:
        store = world.store()
        for _ in range(2):
            learn(repository, store)
        store.close()

    assert looks(world) == before
    assert before[0][0] == 2


def test_looks_that_no_decision_tells_of_have_cost_as_much_as_the_one_after_them(world, tmp_path):
    world.run([null(0), null(1), null(2)])
    ((_, spent),) = looks(world)
    store = world.store()
    decisions = part(store, store.candidates()[-1], "evidence.json")["decisions"]
    store.close()
    new = Store(tmp_path / "new", clock=lambda: 0)
    with new.writing() as db:
        Allowances(new).learn("c9", [Deciding.model_validate_json(json.dumps(decisions[0]))])(db)
        assert db.execute("SELECT used, spent_ppb FROM heldout_looks").fetchall() == [(3, spent)]
    new.close()


def test_an_entry_that_cannot_be_read_is_named_and_nothing_is_tested_on_a_guess(world, monkeypatch):
    world.run([null(0)])
    lose_the_store(world)

    def lost(read, root, index):
        raise Refused(f"entry {index} is missing from the gate log")

    monkeypatch.setattr("agent.loop.logged.read_entry", lost)
    with pytest.raises(Refused, match="entry 0 of the gate log cannot be read") as refused:
        world.run([null(1)])
    assert "successor audit" in refused.value.mend
