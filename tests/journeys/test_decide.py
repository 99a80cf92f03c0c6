"""From a candidate that waits to a successor that anyone can verify, and every way in which that is refused."""

import json
import shutil
import subprocess

import pytest

from agent.lineage.deep import last_deep_review
from agent.lineage.repository import Repository
from agent.lineage.succession import read_log


def sign_elsewhere(desk, candidate, tmp_path, key="alice", reviewer="alice"):
    """Export the request, sign it as somebody, and return the signed file."""
    exported, signed = tmp_path / "request.json", tmp_path / "signed.json"
    assert desk.successor("review", "export", candidate, "--to", str(exported)).code == 0
    said = desk.successor(
        "review", "sign", str(exported), "--key", str(desk.key(key)), "--reviewer", reviewer, "--to", str(signed)
    )
    assert said.code == 0, said.document
    return signed


def assert_refused(desk, said, message):
    """Refused with its own message, exit 1, and nothing was committed."""
    assert said.code == 1, said.document
    text = f"{said.error['what']}: {said.error['why']}"
    assert message in text
    assert desk.branches() == []
    assert desk.successor("audit", str(desk.folder), "--root", desk.root).document["successors"] == 0


def test_a_person_approves_and_an_auditor_with_a_clone_verifies(waiting, tmp_path):
    desk, candidate = waiting
    assert [c["id"] for c in desk.successor("review", "list").document["candidates"]] == [candidate]

    said = desk.successor("review", "approve", candidate, "--key", str(desk.key("alice")))

    assert said.code == 0, said.document
    assert said.document["state"] == "committed"
    assert desk.branches() == [f"successor/{candidate}"]
    commit = said.document["commit"]
    assert desk.git("rev-parse", f"successor/{candidate}") == commit
    message = desk.git("log", "-1", "--format=%B", commit)
    assert f"Successor-Id: {candidate}" in message
    assert "Gate-Evidence: sha256:" in message
    assert "Reviewed-by: alice" in message
    subprocess.run(["git", "clone", "-q", str(desk.folder), str(tmp_path / "clone")], check=True)
    audit = desk.successor("audit", str(tmp_path / "clone"), "--root", desk.root)
    assert (audit.code, audit.document["ok"], audit.document["successors"]) == (0, True, 1)
    weak = [note for note in audit.document["notes"] if "level reduced" in note]
    assert [candidate in note for note in weak] == ([True] if desk.wall == "bubblewrap" else [])
    status = desk.successor("status").document
    assert status["parent"] == commit
    entries = desk.successor("lineage").document["entries"]
    assert [(e["kind"], e["by"]) for e in entries] == [("genesis", []), ("successor", ["alice"])]


def test_what_is_shown_is_what_is_signed(waiting):
    desk, candidate = waiting

    sheet = desk.successor("review", "show", candidate).document

    assert sheet["request"]["diff"] == sheet["diff_digest"]
    assert "whole_and_parts" in sheet["diff"]
    assert sheet["verdict"]["allowed"] is True
    assert sheet["evidence"]["sandbox"]["level"] == {"docker": "container", "bubblewrap": "reduced"}[desk.wall]
    assert {(c["suite"], c["split"]) for c in sheet["evidence"]["comparisons"]} == {
        ("search", "dev"), ("search", "heldout"), ("edit", "dev"), ("edit", "heldout"),
    }  # fmt: skip
    (gain,) = [c for c in sheet["evidence"]["comparisons"] if (c["suite"], c["split"]) == ("search", "heldout")]
    assert gain["gain_low_ppm"] > 0


def test_who_looked_at_the_whole_way_says_so_and_the_next_way_begins_there(waiting, tmp_path):
    desk, candidate = waiting
    shown = desk.successor("review", "show", candidate, "--deep").document
    way = shown["whole_way"]
    assert (way["since"], way["successors"], way["diff"]) == (shown["base_commit"], [], shown["diff"])
    exported, signed = tmp_path / "request.json", tmp_path / "signed.json"
    assert desk.successor("review", "export", candidate, "--to", str(exported)).code == 0
    line = ("review", "sign", str(exported), "--key", str(desk.key("alice")), "--reviewer", "alice")
    assert desk.successor(*line, "--since", "0" * 40, "--to", str(signed)).code == 0
    assert_refused(desk, desk.successor("review", "import", str(signed)), "the last deep review was at")

    said = desk.successor("review", "approve", candidate, "--deep", "--key", str(desk.key("alice")))

    assert (said.code, said.document["state"]) == (0, "committed")
    with Repository.open(desk.folder) as repository:
        commit = said.document["commit"]
        assert last_deep_review(repository, read_log(repository), commit) == commit
    assert desk.successor("audit", str(desk.folder), "--root", desk.root).code == 0


def test_a_person_rejects_and_the_rejection_is_kept(waiting):
    desk, candidate = waiting

    said = desk.successor("review", "reject", candidate, "--reason", "too clever", "--key", str(desk.key("alice")))

    assert (said.code, said.document["state"]) == (0, "rejected")
    assert desk.branches() == []
    entries = desk.successor("lineage").document["entries"]
    assert [(e["kind"], e["reason"]) for e in entries][1:] == [("rejected", "too clever")]
    audit = desk.successor("audit", str(desk.folder), "--root", desk.root).document
    assert (audit["ok"], audit["successors"], audit["rejections"]) == (True, 0, 1)
    again = desk.successor("review", "approve", candidate, "--key", str(desk.key("alice")))
    assert_refused(desk, again, "does not wait for review")


def test_a_comment_sends_a_candidate_back(waiting):
    desk, candidate = waiting

    said = desk.successor(
        "review", "request-changes", candidate, "--comment", "say why", "--key", str(desk.key("alice"))
    )

    assert (said.code, said.document["state"]) == (0, "superseded")
    assert desk.branches() == []


def test_a_review_signed_elsewhere_counts(waiting, tmp_path):
    desk, candidate = waiting

    said = desk.successor("review", "import", str(sign_elsewhere(desk, candidate, tmp_path)))

    assert (said.code, said.document["state"]) == (0, "committed")


def test_an_unsigned_review_is_refused(waiting, tmp_path):
    desk, candidate = waiting
    signed = sign_elsewhere(desk, candidate, tmp_path)
    envelope = json.loads(signed.read_bytes())
    envelope["signatures"] = []
    signed.write_bytes(json.dumps(envelope, sort_keys=True, separators=(",", ":")).encode())

    assert_refused(desk, desk.successor("review", "import", str(signed)), "not signed")


def test_a_signature_by_an_unknown_key_is_refused(waiting):
    desk, candidate = waiting

    said = desk.successor("review", "approve", candidate, "--key", str(desk.key("mallory")))

    assert_refused(desk, said, "unknown key")


def test_an_unknown_key_in_the_name_of_a_known_person_is_refused(waiting, tmp_path):
    desk, candidate = waiting
    signed = sign_elsewhere(desk, candidate, tmp_path, key="mallory", reviewer="alice")

    assert_refused(desk, desk.successor("review", "import", str(signed)), "unknown key")


def test_a_diff_altered_after_signing_is_refused(waiting, tmp_path):
    desk, candidate = waiting
    signed = sign_elsewhere(desk, candidate, tmp_path)
    digest = desk.successor("review", "show", candidate).document["diff_digest"].removeprefix("sha256:")
    blob = desk.folder / ".successor" / "blobs" / digest[:2] / digest[2:]
    blob.write_bytes(blob.read_bytes().replace(b'+    split: Literal["whole"', b'+    splat: Literal["whole"'))

    said = desk.successor("review", "import", str(signed))

    assert said.code in (1, 3)
    assert "not what its name says" in said.error["what"]
    assert desk.branches() == []


def test_a_review_of_one_candidate_used_for_another_is_refused(waiting, tmp_path):
    from tests.journeys.conftest import change

    desk, first = waiting
    signed = sign_elsewhere(desk, first, tmp_path)
    said = desk.propose(change("scaffold/tokens.py", '] = "whole",', '] = "parts",'))
    second = said.document["id"]
    assert said.document["state"] == "awaiting_review", said.document
    # The attacker edits the signed document so that it names the other candidate.
    envelope = json.loads(signed.read_bytes())
    import base64

    payload = base64.b64decode(envelope["payload"]).replace(first.encode(), second.encode())
    envelope["payload"] = base64.b64encode(payload).decode()
    signed.write_bytes(json.dumps(envelope, sort_keys=True, separators=(",", ":")).encode())

    assert_refused(desk, desk.successor("review", "import", str(signed)), "the signature is wrong")


def test_history_with_one_byte_changed_fails_the_audit(waiting, tmp_path):
    desk, candidate = waiting
    commit = desk.successor("review", "approve", candidate, "--key", str(desk.key("alice"))).document["commit"]
    body = subprocess.run(
        ["git", "cat-file", "commit", commit], cwd=desk.folder, capture_output=True, check=True
    ).stdout.replace(b"Reviewed-by: alice", b"Reviewed-by: alicf")
    forged = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"], cwd=desk.folder, input=body, capture_output=True,
        check=True,
    ).stdout.decode().strip()  # fmt: skip
    desk.git("update-ref", f"refs/heads/successor/{candidate}", forged)

    audit = desk.successor("audit", str(desk.folder), "--root", desk.root)

    assert audit.code == 1
    assert audit.document["ok"] is False
    assert any(candidate in f["reason"] or forged in f["where"] for f in audit.document["findings"])


def test_a_wrong_root_proves_nothing(waiting):
    desk, _ = waiting

    audit = desk.successor("audit", str(desk.folder), "--root", "sha256:" + "0" * 64)

    assert audit.code == 1
    assert audit.document["ok"] is False


def test_an_approval_killed_before_the_commit_is_finished_by_the_next_command(waiting):
    """The decision is stored before it is committed; a process that dies between the two must not lose it."""
    desk, candidate = waiting
    key = desk.folder / ".successor" / "keys" / "gate"
    aside = key.with_name("gate.aside")
    shutil.move(key, aside)
    said = desk.successor("review", "approve", candidate, "--key", str(desk.key("alice")))
    assert said.code != 0
    assert desk.branches() == []
    shutil.move(aside, key)

    desk.successor("resume", "--sandbox", desk.wall)

    assert desk.branches() == [f"successor/{candidate}"]
    assert desk.successor("audit", str(desk.folder), "--root", desk.root).code == 0


@pytest.fixture
def two_asked(waiting, tmp_path):
    """A workspace whose root names alice, bob and dave, and asks for two of them."""
    desk, candidate = waiting
    keys = {"alice": desk.key("alice"), "bob": tmp_path / "bob", "dave": tmp_path / "dave"}
    trust = ("--key", str(keys["alice"]))
    for name in ("bob", "dave"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys[name])], check=True)
        assert desk.successor("trust", "add-reviewer", name, "--public", f"{keys[name]}.pub", *trust).code == 0
    assert desk.successor("trust", "set-threshold", "approve", "2", *trust).code == 0
    return desk, candidate, keys


def approved(desk, candidate, key):
    said = desk.successor("review", "approve", candidate, "--key", str(key))
    return said.code, said.document.get("state"), said.document.get("approvals")


def test_two_people_are_asked_for_where_the_root_says_so(two_asked):
    desk, candidate, keys = two_asked

    assert approved(desk, candidate, keys["alice"]) == (0, "awaiting_review", {"given": 1, "needed": 2})

    again = desk.successor("review", "approve", candidate, "--key", str(keys["alice"]))
    assert_refused(desk, again, "approved twice")
    assert approved(desk, candidate, keys["bob"]) == (0, "committed", {"given": 2, "needed": 2})
    assert desk.successor("audit", str(desk.folder), "--root", desk.root).code == 0


def test_an_approval_whose_key_was_revoked_counts_no_more_and_is_in_nobodys_way(two_asked):
    desk, candidate, keys = two_asked
    assert approved(desk, candidate, keys["bob"])[1] == "awaiting_review"
    revoked = desk.successor("trust", "revoke-key", f"{keys['bob']}.pub", "--key", str(keys["alice"]))
    assert revoked.code == 0, revoked.document

    assert approved(desk, candidate, keys["alice"]) == (0, "awaiting_review", {"given": 1, "needed": 2})
    assert desk.branches() == []
    assert approved(desk, candidate, keys["dave"]) == (0, "committed", {"given": 2, "needed": 2})
    assert desk.successor("audit", str(desk.folder), "--root", desk.root).code == 0


@pytest.mark.parametrize("name", ["cdoesnotexist", "../../etc", "--key"])
def test_an_unknown_candidate_is_named_in_one_line(waiting, name):
    desk, _ = waiting

    said = desk.successor("review", "approve", "--key", str(desk.key("alice")), "--", name)

    assert said.code == 2
    assert said.error["kind"] == "UnknownId"
