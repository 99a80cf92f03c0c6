"""A drill goes to a person like any candidate, is told afterwards, and cannot become a successor by any way."""

import json
import sqlite3
from contextlib import contextmanager

import pytest

from agent.candidate import State
from agent.errors import Refused
from agent.gate.dossier import NAMES, Dossier
from agent.gate.signer import MachineKey
from agent.gate.verdict import Verdict
from agent.lineage.repository import Repository
from agent.lineage.succession import commit_successor, read_log
from agent.loop.drilling import Drilling
from agent.loop.drills import Drill, Drills
from agent.loop.judging import part_of
from agent.loop.store import Store
from tests.journeys.conftest import human
from tests.journeys.test_decide import assert_refused, sign_elsewhere


def drill_in(desk):
    """Put a drill among what waits, and return its ID, which no command tells."""
    said = desk.successor("review", "drill")
    assert (said.code, said.document) == (0, {"waiting": 2}), said.document
    with store_of(desk) as store:
        (waiting,) = [one for one, _ in Drills(store).entries() if one.state is State.AWAITING_REVIEW]
    return waiting.id


@contextmanager
def store_of(desk):
    store = Store(desk.folder / ".successor", clock=lambda: 0)
    yield store
    store.close()


@pytest.fixture
def drilled(waiting):
    """A workspace in which a candidate and a drill wait, and the IDs of both."""
    desk, candidate = waiting
    return desk, candidate, drill_in(desk)


def drills(desk):
    return desk.successor("review", "drills").document


def test_who_approves_a_drill_is_told_what_was_wrong_and_nothing_reaches_git(drilled):
    desk, _, drill = drilled
    before = desk.git("for-each-ref")

    said = desk.successor("review", "approve", drill, "--key", str(desk.key("alice")))

    assert (said.code, said.document["state"], said.document["commit"]) == (0, "failed", None)
    assert said.document["drill"]["noticed"] is False
    assert desk.git("for-each-ref") == before
    told = drills(desk)
    assert [(one["candidate"], one["by"], one["noticed"]) for one in told["ended"]] == [(drill, "alice", False)]
    assert told["reviewers"] == [{"name": "alice", "noticed": 0, "of": 1}]
    assert told["ended"][0]["told"] == said.document["drill"]["told"]
    assert desk.successor("audit", str(desk.folder), "--root", desk.root).document["successors"] == 0
    assert "alice noticed 0 of 1" in human(desk, "review", "drills")


@pytest.mark.parametrize("decision", [("reject", "--reason"), ("request-changes", "--comment")])
def test_who_does_not_let_a_drill_pass_has_noticed_it_and_the_gate_log_is_not_told(drilled, decision):
    desk, candidate, drill = drilled
    command, option = decision
    before = desk.git("for-each-ref")

    said = desk.successor("review", command, drill, option, "it refuses nothing", "--key", str(desk.key("alice")))

    assert (said.code, said.document["drill"]["noticed"]) == (0, True)
    assert desk.git("for-each-ref") == before
    assert drills(desk)["reviewers"] == [{"name": "alice", "noticed": 1, "of": 1}]
    assert [one["id"] for one in desk.successor("review", "list").document["candidates"]] == [candidate]


def test_a_drill_looks_like_a_candidate_until_it_is_decided(drilled):
    desk, candidate, drill = drilled

    listed = {one["id"]: one for one in desk.successor("review", "list").document["candidates"]}
    shown = {one: desk.successor("review", "show", one).document for one in (candidate, drill)}
    stands = {one["id"]: one for one in desk.successor("status").document["candidates"]}

    assert listed.keys() == stands.keys() == {candidate, drill}
    assert listed[candidate].keys() == listed[drill].keys()
    assert shown[candidate].keys() == shown[drill].keys()
    assert [step["to"] for step in shown[drill]["history"]] == [step["to"] for step in shown[candidate]["history"]]
    assert shown[drill]["verdict"]["allowed"] is True
    assert "drill" not in json.dumps([listed[drill], shown[drill], stands[drill]])
    assert drills(desk) == {"ended": [], "reviewers": []}
    assert shown[drill]["evidence"]["candidates_tried"] > 0
    assert max(one["candidate_ppm"] for one in shown[drill]["evidence"]["comparisons"]) <= 1_000_000
    spans = [[step["at"] - sheet["history"][0]["at"] for step in sheet["history"]] for sheet in shown.values()]
    assert spans[0] == spans[1]
    for sheet in shown.values():
        assert sheet["request"]["diff"] == sheet["diff_digest"]


def test_the_key_of_nobody_ends_no_drill(drilled):
    desk, _, drill = drilled

    assert_refused(desk, desk.successor("review", "approve", drill, "--key", str(desk.key("mallory"))), "unknown key")

    assert drills(desk)["ended"] == []


def test_a_second_drill_waits_until_the_first_is_decided(drilled):
    desk, _, drill = drilled

    assert "waits for review already" in desk.successor("review", "drill").error["what"]
    desk.successor("review", "reject", drill, "--reason", "no", "--key", str(desk.key("alice")))

    assert drill_in(desk) != drill


def test_a_drill_that_nobody_looked_at_in_its_time_makes_room_for_another(drilled):
    desk, _, drill = drilled
    late = Store(desk.folder / ".successor", clock=lambda: 2**33)
    with Repository.open(desk.folder) as repository:
        parent = repository.resolve("main")

        made = Drilling(repository, late, parent, seed=1).make()

    assert (late.candidate(drill).state, late.candidate(made.id).state) == (State.EXPIRED, State.AWAITING_REVIEW)
    late.close()
    ended = drills(desk)
    assert [(one["candidate"], one["by"], one["noticed"]) for one in ended["ended"]] == [(drill, "", None)]
    assert ended["reviewers"] == []


def test_a_drill_counts_neither_as_waiting_for_the_loop_nor_as_told_to_a_proposer(drilled):
    desk, candidate, _ = drilled
    with store_of(desk) as store:
        assert [one.id for one in store.candidates()] == [candidate]
        assert [one.id for one in store.candidates([State.AWAITING_REVIEW])] == [candidate]


@pytest.mark.parametrize("decision", [("approve",), ("reject", "--reason", "no")])
def test_a_candidate_that_somebody_marks_as_a_drill_is_not_decided_as_one(waiting, decision):
    """Else its rejection would never reach the log, and whoever approves it would be told that nothing is committed."""
    desk, candidate = waiting
    with Repository.open(desk.folder) as repository:
        root = read_log(repository).root
    own = Drill(flaw="turned", told="made up", gate=root.gate[0], evaluator=root.evaluator[0])
    stranger = Drill(flaw="turned", told="made up", gate=new_key(), evaluator=new_key())
    command, *options = decision
    for mark in (own, stranger):
        with sqlite3.connect(desk.folder / ".successor" / "state.db") as db:
            db.execute("INSERT OR REPLACE INTO drills VALUES (?,?)", (candidate, mark.model_dump_json()))

        said = desk.successor("review", command, candidate, *options, "--key", str(desk.key("alice")))

        assert (said.code, said.error["kind"]) == (3, "StoreBroken")
        assert "is marked as a drill and is none" in said.error["what"]
    assert desk.branches() == []
    assert drills(desk)["ended"] == []


def new_key():
    return MachineKey.generate().key.line


@pytest.mark.parametrize("change", [{"gate": "ssh-ed25519 AAAA"}, {"flaw": 3}, {"more": ""}])
def test_a_drill_that_was_damaged_is_said_to_be(drilled, change):
    desk, _, drill = drilled
    with sqlite3.connect(desk.folder / ".successor" / "state.db") as db:
        (text,) = db.execute("SELECT drill FROM drills").fetchone()
        db.execute("UPDATE drills SET drill = ?", (json.dumps(json.loads(text) | change),))

    said = desk.successor("review", "approve", drill, "--key", str(desk.key("alice")))

    assert (said.code, said.error["kind"]) == (3, "StoreBroken")


def of_an_older_form(store, entry):
    return {"evidence.json": store.blobs.put(b'{"schema":"successor.evidence/v3"}')}


def let_go_by_people(store, entry):
    verdict = json.loads(part_of(store, entry, "verdict.json"))
    verdict["results"][0] |= {"holds": False, "outcome": "does_not_hold"}
    waived = [{"rule": verdict["results"][0]["id"], "entry": 1, "waiver": "sha256:" + "0" * 64}]
    text = json.dumps(verdict | {"waived": waived})
    assert Verdict.model_validate_json(text).allowed
    return {"verdict.json": store.blobs.put(text.encode())}


@pytest.mark.parametrize("alter", [of_an_older_form, let_go_by_people])
def test_numbers_that_do_not_stand_for_the_law_of_now_are_not_lent(waiting, alter):
    desk, candidate = waiting
    with store_of(desk) as store:
        store.attach(candidate, alter(store, store.candidate(candidate)))

    said = desk.successor("review", "drill")

    assert (said.code, said.error["kind"]) == (2, "Misuse")
    assert "modelled on" in said.error["what"]


def test_a_drill_that_somebody_makes_a_candidate_of_in_the_store_is_refused_as_signed_by_no_machine(drilled):
    desk, _, drill = drilled
    with sqlite3.connect(desk.folder / ".successor" / "state.db") as db:
        db.execute("DELETE FROM drills")

    assert_refused(
        desk, desk.successor("review", "approve", drill, "--key", str(desk.key("alice"))), "a key of another role"
    )


def test_the_approval_of_a_drill_is_worth_nothing_at_the_gate(drilled, tmp_path):
    """Whoever holds the gate's key and the person's own signature still cannot commit it."""
    desk, _, drill = drilled
    envelope = sign_elsewhere(desk, drill, tmp_path).read_bytes()
    with store_of(desk) as store:
        dossier = Dossier({name: part_of(store, store.candidate(drill), name) for name in NAMES})
    gate = MachineKey.load(desk.folder / ".successor" / "keys" / "gate")

    with Repository.open(desk.folder) as repository, pytest.raises(Refused, match="a key of another role"):
        commit_successor(repository, dossier, (envelope,), gate=gate, now=0, title="")

    assert desk.branches() == []


def test_a_signed_drill_that_was_altered_is_refused_as_any_candidate_is(drilled):
    desk, _, drill = drilled
    digest = desk.successor("review", "show", drill).document["diff_digest"].removeprefix("sha256:")
    blob = desk.folder / ".successor" / "blobs" / digest[:2] / digest[2:]
    blob.write_bytes(blob.read_bytes() + b"\n")

    said = desk.successor("review", "approve", drill, "--key", str(desk.key("alice")))

    assert said.code in (1, 3)
    assert "not what its name says" in said.error["what"]


def test_a_workspace_that_measured_nothing_so_far_has_nothing_to_model_a_drill_on(desk):
    said = desk.successor("review", "drill")

    assert said.code == 2
    assert "modelled on" in said.error["what"]
