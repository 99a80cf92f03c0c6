"""The whole evidence of a successor made again, behind a real wall: the same, part by part; and what was altered is named."""

import shutil
import sqlite3
import subprocess

import pytest

from tests.journeys.conftest import Desk, human


@pytest.fixture
def own(measured, tmp_path):
    """The workspace with a candidate that waits, to be changed."""
    original, candidate = measured
    shutil.copytree(original.folder, tmp_path / "ws", symlinks=True)
    return Desk(tmp_path / "ws", original.people, original.wall, original.root), candidate


def parts(said):
    return {part["name"]: (part["outcome"], part["why"]) for part in said.document["parts"]}


def test_all_that_was_measured_without_a_model_comes_out_the_same(own):
    desk, candidate = own
    assert desk.successor("review", "approve", candidate, "--key", str(desk.key("alice"))).code == 0
    with sqlite3.connect(desk.folder / ".successor" / "state.db") as db:
        db.execute("UPDATE trials SET score_ppm = 7")  # what is known is not believed
    said = desk.successor("replay", candidate, "--sandbox", desk.wall)
    found = parts(said)

    assert (said.code, said.document["reproduced"]) == (0, True), found
    assert said.document["source"] == "entry 1 of the gate log"
    for name in ("diff", "facts", "verdict", "conditions", "tests kept", "tests scaffold", "comparison search heldout",
                 "comparison edit dev", "decision search", "probe parent_replay", "probe planted_faults"):  # fmt: skip
        assert found[name] == ("same", ""), name
    assert {name for name, (outcome, _) in found.items() if outcome == "not_run"} >= {"left out coding"}
    by_branch = desk.successor("replay", f"successor/{candidate}", "--judgement")
    assert (by_branch.code, parts(by_branch)["verdict"]) == (0, ("same", ""))
    assert "reproduced" in human(desk, "replay", candidate, "--judgement")


def test_evidence_that_was_made_up_is_named(own, tmp_path):
    import json

    from agent.digest import canonical_json
    from agent.loop.blobs import Blobs

    desk, candidate = own
    blobs = Blobs(desk.folder / ".successor" / "blobs")
    with sqlite3.connect(desk.folder / ".successor" / "state.db") as db:
        (row,) = db.execute("SELECT parts FROM candidates WHERE id = ?", (candidate,)).fetchone()
        stored = json.loads(row)
        evidence = json.loads(blobs.get(stored["evidence.json"]))
        evidence["comparisons"][0]["gain_ppm"] += 1
        evidence["tests"][0]["passed"] += 1
        stored["evidence.json"] = blobs.put(canonical_json(evidence))
        db.execute("UPDATE candidates SET parts = ? WHERE id = ?", (json.dumps(stored), candidate))
    said = desk.successor("replay", candidate, "--sandbox", desk.wall)
    found = parts(said)

    assert (said.code, said.document["reproduced"]) == (1, False)
    assert {name for name, (outcome, _) in found.items() if outcome == "differs"} == {
        "facts", "tests kept", f"comparison {evidence['comparisons'][0]['suite']} {evidence['comparisons'][0]['split']}",
    }  # fmt: skip
    assert "passed" in found["tests kept"][1]


def test_what_has_no_evidence_cannot_be_replayed(own):
    desk, candidate = own
    nothing = desk.successor("replay", "main")
    assert (nothing.code, nothing.error["what"]) == (2, "main has no evidence")
    assert desk.successor("replay", "nobody").code == 2
    assert desk.successor("replay", candidate, "--judgement", "--transcripts").code == 2
    subprocess.run(["git", "branch", "stray", "main"], cwd=desk.folder, check=True)
    assert desk.successor("replay", "stray").code == 2
