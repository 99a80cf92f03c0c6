"""Bytes and characters that people, files and candidates put into the program's mouth."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from agent.edits.diff import diff
from agent.edits.tree import File
from agent.edits.unified import unified_diff
from agent.gate.signer import MachineKey
from agent.lineage.repository import Repository
from agent.loop.blobs import Blobs

ROOT = Path(__file__).parents[2]
ESCAPES = "\x1b[31m\x9b31m\u202ex"
NOT_UTF8 = os.fsdecode(b"\xff\xfe")


def successor(*arguments, stdin=b"", **environment):
    """Run the program as a user does; no input may end in a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "agent", *arguments],
        input=stdin,
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()[-400:]
    return done


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("people") / "alice.pub"
    path.write_text(MachineKey.generate().key.line + "\n")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory, key):
    folder = tmp_path_factory.mktemp("made") / "ws"
    assert successor("init", str(folder), "--reviewer", "alice", "--key", str(key)).returncode == 0
    assert successor("status", "--workspace", str(folder)).returncode == 0
    return folder


@pytest.fixture
def workspace(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "ws", symlinks=True))


@pytest.mark.parametrize("name", [NOT_UTF8, ESCAPES, "", "a:b"])
def test_a_reviewer_of_an_impossible_name(tmp_path, key, name):
    done = successor("init", str(tmp_path / "ws"), "--reviewer", name, "--key", str(key), "--json")

    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["kind"] == "Misuse"
    assert not (tmp_path / "ws").exists()


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.parametrize("command", [("review", "show", NOT_UTF8), ("halt", "--reason", NOT_UTF8), ("show", ESCAPES)])
def test_arguments_that_are_not_utf8(workspace, command, as_json):
    done = successor(*command, "--workspace", str(workspace), *as_json)

    assert done.returncode == 2
    assert not as_json or json.loads(done.stdout)


@pytest.mark.parametrize("name", [NOT_UTF8, ESCAPES, "x" * 200])
def test_a_proposer_of_an_impossible_name_is_refused_before_anything_is_paid_for(workspace, name):
    done = successor(
        "propose", "--patch", "-", "--by", name, "--workspace", str(workspace), stdin=b"diff --git a/x b/x\n"
    )

    assert done.returncode == 2
    assert b"cannot be a name" in done.stderr


def test_a_patch_without_an_end(workspace):
    done = successor("propose", "--patch", "/dev/zero", "--by", "x", "--workspace", str(workspace), "--json")

    assert json.loads(done.stdout)["error"]["why"] == "more than 8388608 bytes"


def plant(workspace, *, transition=True, **columns):
    """Write a candidate and its transition into the store by hand."""
    row = {
        "id": "c1", "state": "denied", "proposer": "x", "base_commit": "0" * 40, "tree": "sha256:" + "0" * 64,
        "created": 1, "run": None, "trials": 0, "parts": "{}",
    } | columns  # fmt: skip
    with sqlite3.connect(workspace / ".successor" / "state.db") as db:
        db.execute(f"INSERT INTO candidates VALUES ({','.join('?' * len(row))})", tuple(row.values()))
        if transition:
            db.execute(
                "INSERT INTO transitions (candidate, source, target, at, note) VALUES (?,?,?,?,?)",
                (row["id"], "", row["state"], 1, ESCAPES),
            )
        db.execute("INSERT INTO runs (started, proposer, wanted, message) VALUES (1, 'x', 1, ?)", (ESCAPES,))
    db.close()


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.parametrize("command", [("status",), ("review", "list")])
def test_nothing_that_is_shown_acts_on_a_terminal(workspace, command, as_json):
    plant(workspace, id=ESCAPES, proposer=ESCAPES, state="awaiting_review")
    done = successor(*command, "--workspace", str(workspace), *as_json)

    assert done.returncode == 0
    assert not any(mark in done.stdout.decode() for mark in ("\x1b", "\x9b", "\u202e"))


@pytest.mark.parametrize(
    "columns",
    [
        {"state": "emperor"},
        {"parts": "{"},
        {"parts": "[]"},
        {"parts": '{"diff": 3}'},
        {"parts": "[" * 100_000},
        {"transition": False},
    ],
    ids=["state", "half", "list", "number", "deep", "no transition"],
)
def test_a_damaged_row_is_one_clear_line(workspace, columns):
    plant(workspace, **columns)
    command = ("show", "c1") if columns.get("state") == "emperor" else ("status",)
    done = successor(*command, "--workspace", str(workspace))

    assert done.returncode == 3
    assert b"is damaged" in done.stderr


def test_an_approved_candidate_that_cannot_be_committed_stops_nobody_else(workspace):
    """Set by hand, or left by a process that died and then outlived its approval: every command that writes met it."""
    plant(workspace, state="approved")
    done = successor("propose", "--patch", "-", "--by", "x", "--workspace", str(workspace), stdin=b"no patch")

    assert b"this is not a git-style diff" in done.stderr


def test_a_terminal_that_cannot_show_a_character(workspace):
    plant(workspace, state="denied")
    done = successor("lineage", "--workspace", str(workspace), PYTHONIOENCODING="ascii", PYTHONUTF8="0")

    assert done.returncode == 0


def test_a_summary_of_other_changes_than_are_signed(workspace):
    """The diff is what is signed; "What changes" above it came from a part of the store that nothing bound to it."""
    with Repository.open(workspace) as repository:
        commit = repository.head()
        base = repository.tree(commit)
    path = "scaffold/tokens.py"
    evil = base.with_file(path, File(base[path].content + b"\nEVIL = 1\n"))
    kind = base.with_file(path, File(base[path].content + b"\nKIND = 1\n"))
    blobs = Blobs(workspace / ".successor" / "blobs")
    parts = {"diff": blobs.put(unified_diff(base, evil)), "rationale": blobs.put(b"")}
    plant(
        workspace,
        base_commit=commit,
        tree=evil.digest,
        parts=json.dumps(parts | {"patch": blobs.put(diff(base, evil).to_json())}),
    )
    assert successor("show", "c1", "--workspace", str(workspace)).returncode == 0
    with sqlite3.connect(workspace / ".successor" / "state.db") as db:
        other = json.dumps(parts | {"patch": blobs.put(diff(base, kind).to_json())})
        db.execute("UPDATE candidates SET parts = ?", (other,))
    db.close()
    done = successor("show", "c1", "--workspace", str(workspace))

    assert done.returncode == 3
    assert b"KIND" not in done.stdout
