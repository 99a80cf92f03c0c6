"""A run outlives whatever a proposer brings."""

from types import SimpleNamespace

import pytest

from agent.candidate import State
from agent.edits.tree import File, Tree
from agent.errors import BudgetSpent, CandidateTooDear
from agent.loop.lifecycle import MAX_CHANGED_BYTES, MAX_CHANGED_FILES, Lifecycle
from agent.loop.run import Run
from agent.loop.store import Store
from agent.propose.proposer import Proposal
from agent.workspace import Zones

BASE = Tree({"scaffold/a.py": File(b"x = 1\n")})


@pytest.fixture
def run(tmp_path):
    store, lines = Store(tmp_path / ".successor", clock=lambda: 5), []
    repository = SimpleNamespace(tree=lambda _: BASE)
    settings = SimpleNamespace(zones=Zones(mind=["scaffold/**"], kept=["suites/**"]))
    made = Run(Lifecycle(repository, store, None, None, lines.append), settings, None, "claude", None, 0, 400)

    def draft(files):
        return made._draft("a" * 40, Proposal(Tree(files), "why", 0, 1), None), lines, store

    draft.made = made
    yield draft
    store.close()


@pytest.mark.parametrize(
    "files",
    [
        {"scaffold/big.py": File(b"x" * (MAX_CHANGED_BYTES + 1))},
        {f"scaffold/{n}.py": File(b"") for n in range(MAX_CHANGED_FILES + 1)},
    ],
)
def test_a_proposal_that_nobody_could_judge_is_said_to_be_one_and_is_no_candidate(run, files):
    entry, lines, store = run({**BASE, **files})

    assert entry is None
    assert "cannot be judged" in lines[-1]
    assert store.candidates() == ()


def test_a_proposal_made_a_second_time_is_no_second_candidate(run):
    files = {"scaffold/a.py": File(b"x = 2\n")}
    first, _, _ = run(files)
    second, lines, store = run(files)

    assert second is None
    assert f"{first.id} was proposed before" in lines[-1]
    assert len(store.candidates()) == 1


@pytest.mark.parametrize("error", [CandidateTooDear, BudgetSpent])
def test_money_that_ends_while_the_parent_is_looked_at_ends_the_run_in_good_order(run, error, monkeypatch):
    def spent(*_):
        raise error("the budget is spent")

    monkeypatch.setattr(Run, "_finish_open", spent)

    assert run.made._until_stopped(1, 1) == ("budget_exhausted", "the budget is spent")


@pytest.mark.parametrize(
    ("found", "ending"), [((False, True), "done"), ((False, False), "nothing_found"), ((), "done")], ids=str
)
def test_a_proposer_that_finds_nothing_once_is_asked_again(run, found, ending, monkeypatch):
    answers = iter(found)
    monkeypatch.setattr(Run, "_finish_open", lambda self: None)
    monkeypatch.setattr(Run, "_may_go_on", lambda self: None)
    monkeypatch.setattr(Run, "_one", lambda self, number, seed: next(answers))

    assert run.made._until_stopped(1, len(found))[0] == ending
    assert next(answers, None) is None


def test_a_proposer_is_told_what_was_tried_and_what_became_of_it_and_never_why(run):
    entry, _, store = run({"scaffold/a.py": File(b"x = 2\n")})
    store.advance(entry.id, State.DENIED, note="the held-out gain is -0.2")

    told = run.made._told_of(store.candidate(entry.id))

    assert told.startswith("denied: scaffold/a.py")
    assert "held-out" not in told


def test_a_proposer_is_not_told_the_names_of_heldout_tasks_that_people_brought(run):
    files = {**BASE, "scaffold/b.py": File(b""), "suites/coding/a-heldout-task/task.toml": File(b"")}
    entry, _, store = run(files)

    told = run.made._told_of(store.candidate(entry.id))

    assert "scaffold/b.py" in told
    assert told.endswith("what no proposer may change")
    assert "suites" not in told
