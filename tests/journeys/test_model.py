"""With a model: a generation improves itself, is measured by trials that cost money, decided, audited and replayed."""

import json
import shutil
import sqlite3
import subprocess

import pytest

from tests.journeys.conftest import human
from tests.journeys.stand_in import MICRO_USD, TOKENS, Rules, reached, standing_in

MODEL = "claude-opus-5-5"
SIDES = ("parent_spent", "candidate_spent")


@pytest.fixture
def own(improved, tmp_path):
    """The workspace that improved itself, to be changed; its candidate, and what `run` said."""
    original, candidate, said = improved
    shutil.copytree(original.folder, tmp_path / "ws", symlinks=True)
    return type(original)(tmp_path / "ws", original.people, original.wall, original.root), candidate, said


def rows(desk, what):
    with sqlite3.connect(f"file:{desk.folder}/.successor/state.db?mode=ro", uri=True) as db:
        return db.execute(what).fetchall()


def test_a_generation_improves_itself_and_everything_about_it_can_be_seen(improved):
    desk, candidate, said = improved

    assert (said["ending"], len(said["candidates"])) == ("done", 1)
    assert f"{MODEL} proposes, through the parent's own scaffold" in said["err"]
    # What is said of money is what went through the server: no call more, none less.
    calls, usd = said["answers"], f"${said['answers'] * MICRO_USD / 1e6:.4f}"
    assert said["spent"]["calls"] == calls
    assert sum(said["spent"]["tokens"].values()) == calls * TOKENS
    assert said["spent"]["micro_usd"] == calls * MICRO_USD
    assert said["message"].endswith(f"; {calls} calls of the model, {calls * TOKENS:,} tokens, {usd}")
    status = desk.successor("status").document
    assert status["last_run"]["message"] == said["message"]
    assert [c["proposer"] for c in status["candidates"]] == ["claude"]
    assert usd in human(desk, "status")

    sheet = desk.successor("review", "show", candidate).document
    assert "whole_and_parts" in sheet["diff"]
    assert sheet["evidence"]["left_out"] == []
    coding = [c for c in sheet["evidence"]["comparisons"] if c["suite"] == "coding"]
    assert {(c["split"], c["tasks"], c["model"], c["graded"]) for c in coding} == {
        ("dev", 2, MODEL, "apart"), ("heldout", 2, MODEL, "apart"),
    }  # fmt: skip
    assert [(c["parent_ppm"], c["candidate_ppm"]) for c in coding] == [(1_000_000, 1_000_000)] * 2
    shown = human(desk, "review", "show", candidate)
    for comparison in coding:
        for spent in (comparison[side] for side in SIDES):
            calls = spent["calls"]
            # Two tasks, each of them solved by a command and a last word.
            assert calls == 2 * 2
            assert (spent["input_tokens"], spent["output_tokens"]) == (20 * calls, 50 * calls)
            assert (spent["cache_write_tokens"], spent["cache_read_tokens"]) == (300 * calls, 900 * calls)
            assert spent["micro_usd"] == calls * MICRO_USD
            assert f"{calls} calls, {calls * TOKENS:,} tokens, ${calls * MICRO_USD / 1e6:.4f}" in shown
    skill = [c for c in sheet["evidence"]["comparisons"] if c["suite"] != "coding"]
    assert {(c["model"], c["graded"], c["parent_spent"]["calls"]) for c in skill} == {("", "host", 0)}


def test_a_person_approves_it_and_a_clone_proves_it(own, tmp_path):
    desk, candidate, _ = own

    said = desk.successor("review", "approve", candidate, "--key", str(desk.key("alice")))

    assert (said.code, said.document["state"]) == (0, "committed")
    subprocess.run(["git", "clone", "-q", str(desk.folder), str(tmp_path / "clone")], check=True)
    audit = desk.successor("audit", str(tmp_path / "clone"), "--root", desk.root)
    assert (audit.code, audit.document["ok"], audit.document["successors"]) == (0, True, 1)


def test_every_trial_is_reproduced_from_what_was_said(improved):
    desk, candidate, _ = improved

    again = desk.successor("replay", candidate, "--transcripts", "--sandbox", desk.wall)

    assert (again.code, again.document["reproduced"]) == (0, True), again.document
    assert {(t["split"], t["task"], t["calls"], t["recorded_ppm"], t["again_ppm"]) for t in again.document["trials"]} == {
        (split, task, 2, 1_000_000, 1_000_000)
        for split, tasks in {"dev": ("median-even", "roman-numerals"), "heldout": ("duration-words", "legacy-rounding")}.items()
        for task in tasks
    }  # fmt: skip


def said_in(desk, task):
    """Files of what was said in the trials on a task."""
    found = rows(desk, f"SELECT exchanges FROM attempts WHERE task = '{task}'")  # a name of ours
    digests = [digest.removeprefix("sha256:") for (one,) in found for digest in json.loads(one)]
    return [
        path for digest in digests for path in (desk.folder / ".successor" / "transcripts").rglob(f"*{digest[2:]}*")
    ]


def test_what_was_tampered_with_or_goes_another_way_is_named(own):
    desk, candidate, _ = own
    for path in said_in(desk, "median-even"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)
    for path in said_in(desk, "roman-numerals"):
        path.unlink()
    # To a scaffold that asks something else than what was recorded, a record of another trial is the same.
    with sqlite3.connect(desk.folder / ".successor" / "state.db") as db:
        db.execute(
            "UPDATE attempts SET exchanges = (SELECT exchanges FROM attempts other WHERE other.task = 'legacy-rounding'"
            " AND other.tree = attempts.tree) WHERE task = 'duration-words'"
        )

    again = desk.successor("replay", candidate, "--transcripts", "--sandbox", desk.wall)

    assert (again.code, again.document["reproduced"]) == (1, False)
    trials = {t["task"]: t for t in again.document["trials"]}
    assert {task: t["why"] for task, t in trials.items()} == {
        "median-even": "what was said is not there any more",
        "roman-numerals": "what was said is not there any more",
        "duration-words": "",
        "legacy-rounding": "",
    }
    other = trials["duration-words"]
    assert (other["reproduced"], other["strangers"], other["unasked"], other["again_ppm"]) == (False, 1, 2, 0)
    assert trials["legacy-rounding"]["reproduced"]


def test_bench_says_what_a_solved_task_costs(own):
    desk, _, _ = own
    with standing_in(Rules()) as server:
        said = desk.successor("bench", "--suite", "coding", "--sandbox", desk.wall, **reached(server))
        # Everything is known from the run: it is told, and not paid again.
        assert server.script.requests == []

    assert said.code == 0, said.document
    spent = said.document["spent"]["coding"]
    assert (said.document["suites"]["coding"]["solved"], spent["solved"], spent["calls"]) == (1_000_000, 2, 4)
    assert spent["micro_usd"] == 4 * MICRO_USD
    told = human(desk, "bench", "--suite", "coding", "--sandbox", desk.wall, **reached(server))
    assert f"tokens {4 * TOKENS:,}  tokens per solved task {2 * TOKENS:,}  ${4 * MICRO_USD / 1e6:.4f}" in told
