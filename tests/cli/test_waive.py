"""`successor waive`: from a denied candidate to one that waits for review, on a real workspace with real keys."""

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.candidate import State
from agent.cli.app import app
from agent.edits.apply import apply
from agent.edits.diff import diff
from agent.lineage.audit import audit
from agent.loop.store import Entry, Store
from tests.lineage.world import World, longer

MEASURED = ("evidence.json", "facts.json", "verdict.json")


def put(world: World, change=longer, proposer: str = "codemod", name: str = "cafe") -> str:
    """A candidate that was measured, judged and denied, in the store and in the log."""
    dossier = world.draft(name, change=change, proposer=proposer)
    with world.open() as repository:
        base = repository.tree(world.tip("main"))
    tree = change(base)
    patch = diff(base, tree)
    assert apply(base, patch) == tree
    store = Store(world.folder / ".successor", clock=lambda: world.clock)
    blobs = {name: store.blobs.put(dossier.files[name]) for name in ("diff", *MEASURED)}
    blobs |= {"patch": store.blobs.put(patch.to_json()), "rationale": store.blobs.put(b"it is long")}
    store.draft(Entry(name, State.DRAFTED, proposer, world.tip("main"), tree.digest, world.clock, None, 0, blobs), "")
    for state in (State.SCREENED, State.EVALUATED, State.JUDGED, State.DENIED):
        store.advance(name, state, note="too many lines")
    store.close()
    world.reject(dossier, kind="denied", by="gate")
    return name


@pytest.fixture
def place(tmp_path):
    world = World.create(tmp_path / "workspace", start=int(time.time()) - 3600)
    keys = world.folder / ".successor" / "keys"
    keys.mkdir(parents=True)
    (world.folder / ".git" / "info" / "exclude").write_text("/.successor/\n")
    world.gate.save(keys / "gate", "gate")
    world.evaluator.save(keys / "evaluator", "evaluator")
    for name in ("alice", "bob"):
        world.people[name].save(tmp_path / name, name)
    return world


def run(world, *words, code=0, plain=False):
    done = CliRunner().invoke(app, [*words, "--workspace", str(world.folder), *([] if plain else ["--json"])])
    assert done.exit_code == code, done.output
    return done.stdout if plain else json.loads(done.stdout)


def waive(world, tmp_path: Path, *words, by="alice", **given):
    return run(world, "waive", *words, "--reason", "one table", "--key", str(tmp_path / by), **given)


def test_a_waived_candidate_waits_shows_its_waiver_and_is_committed_by_another_person(place, tmp_path):
    put(place)
    done = waive(place, tmp_path, "candidate", "ca", "--rule", "size")
    assert (done["entry"], done["state"], done["rules"]) == (2, "awaiting_review", ["size"])
    sheet = run(place, "review", "show", "cafe")
    assert sheet["verdict"]["allowed"]
    assert [one["rule"] for one in sheet["verdict"]["waived"]] == ["size"]
    assert [(one["by"], one["reason"], one["entry"]) for one in sheet["waivers"]] == [(["alice"], "one table", 2)]
    shown = run(place, "review", "show", "cafe", plain=True)
    assert "waived  size: too many lines" in shown
    assert "waived: size, for this candidate, by alice (entry 2, holds to entry 51): one table" in shown
    assert run(place, "waive", "list")["waivers"][0]["candidate"] == "cafe"

    committed = run(place, "review", "approve", "cafe", "--key", str(tmp_path / "bob"))
    report = audit(place.folder, place.root.fingerprint)
    assert committed["branch"] == "successor/cafe"
    assert report.ok, report.findings
    assert "rests on waivers: cafe (size, entry 2)" in report.notes
    assert [one["kind"] for one in run(place, "lineage")["entries"]] == ["genesis", "denied", "waived", "successor"]


def test_a_rule_is_waived_by_two_people_one_after_the_other(place, tmp_path):
    change = str(tmp_path / "waiver.json")
    alone = waive(place, tmp_path, "rules", "size", code=2)
    assert "needs 2 signatures" in alone["error"]["what"]
    assert waive(place, tmp_path, "rules", "size", "--decisions", "2", "--to", change)["signatures"] == 1
    again = run(place, "waive", "sign", change, "--key", str(tmp_path / "alice"), code=1)
    assert "alice signed the waiver twice" in again["error"]["what"]
    done = run(place, "waive", "sign", change, "--key", str(tmp_path / "bob"))
    assert (done["entry"], done["candidate"], done["decisions"]) == (1, None, 2)
    assert audit(place.folder, place.root.fingerprint).ok


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["candidate", "cafe", "--rule", "modes"], 2, "the rule modes did not deny cafe"),
        (["candidate", "none", "--rule", "size"], 2, "no candidate"),
        (["rules", "modes"], 1, "the rule modes cannot be waived"),
        (["rules", "nothing"], 1, "there is no such rule"),
    ],
)
def test_what_cannot_be_waived_is_refused_with_a_reason(place, tmp_path, words, code, reason):
    put(place)
    error = waive(place, tmp_path, *words, code=code)["error"]

    assert reason in f"{error['what']}: {error['why']}"
    assert len(run(place, "lineage")["entries"]) == 2


def test_who_proposed_a_candidate_cannot_waive_for_it_and_a_stranger_neither(place, tmp_path):
    from agent.gate.signer import MachineKey

    put(place, proposer="alice")
    MachineKey.generate().save(tmp_path / "mallory", "mallory")
    words = ("candidate", "cafe", "--rule", "size")
    assert "alice may not waive this" in waive(place, tmp_path, *words, code=2)["error"]["what"]
    assert "nobody in the trust root" in waive(place, tmp_path, *words, by="mallory", code=2)["error"]["what"]
    assert waive(place, tmp_path, *words, by="bob")["state"] == "awaiting_review"


def test_a_candidate_that_waits_or_was_never_measured_has_nothing_to_waive(place, tmp_path):
    put(place)
    words = ("candidate", "cafe", "--rule", "size")
    waive(place, tmp_path, *words)

    assert "it is awaiting_review" in waive(place, tmp_path, *words, code=2)["error"]["why"]


def test_a_waiver_that_was_recorded_before_a_kill_is_not_signed_twice(place, tmp_path):
    put(place)
    place.waive(place.dossiers["cafe"], "alice")
    done = waive(place, tmp_path, "candidate", "cafe", "--rule", "size")

    assert (done["entry"], done["state"]) == (None, "awaiting_review")
    assert [one["kind"] for one in run(place, "lineage")["entries"]] == ["genesis", "denied", "waived"]
