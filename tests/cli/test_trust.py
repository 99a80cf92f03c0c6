"""The trust root through the commands, on a real workspace with real keys."""

import json
import subprocess

import pytest
from typer.testing import CliRunner

from agent.cli.app import app
from agent.lineage.audit import audit
from tests.lineage.world import World


@pytest.fixture
def place(tmp_path):
    world = World.create(tmp_path / "workspace")
    keys = world.folder / ".successor" / "keys"
    keys.mkdir(parents=True)
    (world.folder / ".git" / "info" / "exclude").write_text("/.successor/\n")
    world.gate.save(keys / "gate", "gate")
    world.evaluator.save(keys / "evaluator", "evaluator")
    for name in ("alice", "bob"):
        world.people[name].save(tmp_path / name, name)
    return world


def run(world, *words, code=0):
    done = CliRunner().invoke(app, [*words, "--workspace", str(world.folder), "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def new_key(folder, name):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    return folder / name


def test_people_are_added_and_keys_taken_away_by_people_of_the_root(place, tmp_path):
    carol = new_key(tmp_path, "carol")
    added = run(place, "trust", "add-reviewer", "carol", "--public", f"{carol}.pub", "--key", str(tmp_path / "alice"))
    assert (added["version"], added["entry"]) == (2, 1)
    run(place, "trust", "add-reviewer", "bob", "--public", f"{new_key(tmp_path, 'two')}.pub", "--key", str(carol))
    run(place, "trust", "revoke-key", f"{tmp_path / 'alice'}.pub", "--key", str(carol))
    shown = run(place, "trust", "show")

    assert shown["workspace"] == place.root.fingerprint != shown["fingerprint"]
    assert {person["name"]: len(person["keys"]) for person in shown["root"]["persons"]} == {
        "alice": 1, "bob": 2, "carol": 1,
    }  # fmt: skip
    refused = run(place, "trust", "set-threshold", "approve", "2", "--key", str(tmp_path / "alice"), code=2)
    assert "nobody in the trust root has the key" in refused["error"]["what"]
    assert audit(place.folder, place.root.fingerprint).ok


def test_a_change_that_needs_two_people_waits_for_the_second(place, tmp_path):
    alice, bob, change = (str(tmp_path / name) for name in ("alice", "bob", "change.json"))
    run(place, "trust", "set-threshold", "root", "2", "--key", alice)
    assert (
        "needs 2 signatures"
        in run(place, "trust", "set-threshold", "approve", "2", "--key", alice, code=2)["error"]["what"]
    )
    waits = run(place, "trust", "set-threshold", "approve", "2", "--key", alice, "--to", change)
    assert (waits["signatures"], waits["file"]) == (1, change)
    assert "signed twice" in run(place, "trust", "sign", change, "--key", alice, code=1)["error"]["what"]
    assert run(place, "trust", "sign", change, "--key", bob)["version"] == 3
    assert run(place, "trust", "show")["root"]["thresholds"] == {"approve": 2, "root": 2}
    assert "does not follow" in run(place, "trust", "sign", change, "--key", bob, code=1)["error"]["what"]
    assert audit(place.folder, place.root.fingerprint).ok


def test_a_machines_key_is_rotated_and_the_new_one_lies_in_its_place(place, tmp_path):
    before = (place.folder / ".successor/keys/gate").read_bytes()
    run(place, "trust", "rotate", "gate", "--key", str(tmp_path / "alice"))
    assert (place.folder / ".successor/keys/gate").read_bytes() != before
    assert not (place.folder / ".successor/keys/gate.new").exists()
    run(place, "trust", "set-threshold", "approve", "2", "--key", str(tmp_path / "bob"))  # signed by the new key
    run(place, "trust", "rotate", "evaluator", "--key", str(tmp_path / "bob"))

    assert audit(place.folder, place.root.fingerprint).ok
    assert (
        "no machine" in run(place, "trust", "rotate", "people", "--key", str(tmp_path / "bob"), code=2)["error"]["what"]
    )


def test_what_would_leave_the_root_unsound_is_refused(place, tmp_path):
    alice = str(tmp_path / "alice")
    assert "malformed" in run(place, "trust", "set-threshold", "approve", "9", "--key", alice, code=1)["error"]["what"]
    twice = run(place, "trust", "add-reviewer", "eve", "--public", f"{tmp_path / 'bob'}.pub", "--key", alice, code=1)
    assert "a key appears twice" in twice["error"]["why"]
    (tmp_path / "no.json").write_text('{"root": 1}')
    assert (
        "is no change"
        in run(place, "trust", "sign", str(tmp_path / "no.json"), "--key", alice, code=2)["error"]["what"]
    )
    assert run(place, "trust", "show")["root"]["version"] == 1


def test_a_successor_is_revoked_and_the_workspace_rolled_back_by_commands(place, tmp_path):
    place.approve(place.draft("a1"), "alice")
    place.approve(place.draft("b2", "successor/a1"), "bob")
    key = str(tmp_path / "alice")
    difference = run(place, "diff", "genesis", "b2")
    assert [one["candidate"] for one in difference["decisions"]] == ["a1", "b2"]
    assert difference["decisions"][1]["by"] == ["bob"]
    assert "+# a1\n+# b2" in difference["diff"]
    assert run(place, "rollback", "a1")["commit"] == place.tip("successor/a1")
    assert run(place, "revoke", "a1", "--reason", "it is slow", "--key", key)["revoked"] == ["a1", "b2"]
    assert (
        "no successor is called" in run(place, "revoke", "zz", "--reason", "x", "--key", key, code=2)["error"]["what"]
    )
    assert "was revoked" in run(place, "rollback", "b2", code=1)["error"]["why"]
    rows = {
        row["candidate"]: row["revoked_by"] for row in run(place, "lineage")["entries"] if row["kind"] == "successor"
    }
    assert rows == {"a1": 3, "b2": 3}
    assert run(place, "rollback", "newest")["commit"] == place.tip("main")
    exported = run(place, "export", "--to", str(tmp_path / "all.bundle"))
    assert exported["ok"]
    assert audit(tmp_path / "all.bundle", place.root.fingerprint).revoked == ["a1", "b2"]
    assert "is there already" in run(place, "export", "--to", str(tmp_path / "all.bundle"), code=2)["error"]["what"]
    assert "a1" in (tmp_path / "all.bundle.html").read_text()


def test_a_witness_signs_what_grew_and_nothing_else(place, tmp_path):
    run_ = CliRunner().invoke
    key, seen, cosigned = (str(tmp_path / name) for name in ("w1", "seen", "cosigned"))
    vkey = json.loads(run_(app, ["witness", "keygen", key, "--name", "w.example/1", "--json"]).stdout)["vkey"]
    sign = ["witness", "sign", str(place.folder), "--root", place.root.fingerprint, "--key", key, "--name", "w.example/1",
            "--state", seen, "--to", cosigned, "--json"]  # fmt: skip
    place.approve(place.draft("a1"), "alice")
    assert json.loads(run_(app, sign).stdout)["size"] == 2
    run(place, "witness", "record", cosigned)
    place.approve(place.draft("b2", "successor/a1"), "alice")
    assert json.loads(run_(app, sign).stdout)["size"] == 4
    look = run_(app, ["audit", str(place.folder), "--root", place.root.fingerprint, "--witness", vkey, "--json"])
    assert json.loads(look.stdout)["notes"] == ["w.example/1 has seen all but the last 2 entries"]

    from tests.attacks.corpus import git

    git(place.folder, "update-ref", "refs/heads/gate-log", git(place.folder, "rev-parse", "gate-log~1"))
    git(place.folder, "update-ref", "-d", "refs/heads/successor/b2")
    done = run_(app, sign)
    assert done.exit_code == 1
    assert "shorter than it was" in done.stdout


def test_a_witness_that_the_root_names_is_demanded_and_can_still_come_late(place, tmp_path):
    run_ = CliRunner().invoke
    key, seen, cosigned, alice = (str(tmp_path / name) for name in ("w1", "seen", "cosigned", "alice"))
    vkey = json.loads(run_(app, ["witness", "keygen", key, "--name", "w.example/1", "--json"]).stdout)["vkey"]
    look = ["audit", str(place.folder), "--root", place.root.fingerprint, "--json"]
    sign = ["witness", "sign", *look[1:4], "--key", key, "--name", "w.example/1", "--state", seen, "--to", cosigned]
    added = run(place, "trust", "add-witness", vkey, "--most-behind", "1", "--key", alice)
    asked = run(place, "trust", "show")["root"]["witnesses"]
    place.approve(place.draft("a1"), "alice")
    assert run_(app, look).exit_code == 0
    place.approve(place.draft("b2", "successor/a1"), "alice")

    assert (added["version"], asked) == (2, {"keys": [vkey], "needed": 1, "most_behind": 1})
    late = run_(app, look)
    assert (late.exit_code, json.loads(late.stdout)["findings"][0]["slug"]) == (1, "not-witnessed")
    assert run_(app, sign).exit_code == 0  # whom the demand waits for is not kept out by it
    run(place, "witness", "record", cosigned)
    assert run_(app, look).exit_code == 0
    run(place, "trust", "set-witnessing", "--most-behind", "5", "--key", alice)
    refused = run(place, "trust", "set-witnessing", "--needed", "2", "--key", alice, code=1)
    assert "no more than there are" in refused["error"]["why"]
    assert "no witness is called" in run(place, "trust", "remove-witness", "x", "--key", alice, code=2)["error"]["what"]
    run(place, "trust", "remove-witness", "w.example/1", "--key", alice)
    assert run(place, "trust", "show")["root"]["witnesses"] == {"keys": [], "needed": 0, "most_behind": 0}
    assert audit(place.folder, place.root.fingerprint).ok
