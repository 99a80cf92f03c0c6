"""Staged trees are exact, readable by the sandbox's user, and gone when nobody needs them."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agent.edits.tree import File, Tree
from agent.errors import SandboxDown
from agent.evaluate.staging import PREFIX, Staging
from sandbox.scratch import sweep

TREE = Tree({"a.py": File(b"x\r\n\xff"), "bin/run": File(b"#!/bin/sh\n", executable=True)})


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def staging(temporary):
    made = Staging()
    yield made
    made.close()


def test_a_tree_is_staged_byte_for_byte_once(staging):
    folder = staging.folder(TREE)

    assert (folder / "a.py").read_bytes() == b"x\r\n\xff"
    assert os.access(folder / "bin/run", os.X_OK)
    assert staging.folder(TREE) == folder


def test_another_user_can_walk_to_it(staging):
    folder = staging.folder(TREE)

    assert all(stat.S_IMODE(path.stat().st_mode) == 0o755 for path in (folder, folder / "bin"))
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o711


def test_closing_removes_everything_and_staging_again_works(staging, temporary):
    staging.folder(TREE)
    staging.close()
    staging.close()
    assert list(temporary.iterdir()) == []

    assert staging.folder(TREE).is_dir()


LEAVE = """
import os, signal, sys
from agent.edits.tree import File, Tree
from agent.evaluate.staging import Staging
staging = Staging()
print(staging.folder(Tree({"a": File(b"")})), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_by_the_next(staging, temporary):
    killed = subprocess.run(
        [sys.executable, "-c", LEAVE],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    left = Path(killed.stdout.strip())
    assert left.is_dir()

    staging.folder(TREE)
    assert not left.parent.exists()


def test_what_another_living_process_uses_is_left_alone(staging, temporary):
    other = Staging()
    folder = other.folder(TREE)
    sweep(PREFIX, temporary)

    assert folder.is_dir()
    other.close()


def test_a_link_of_that_name_is_not_followed(temporary, tmp_path_factory):
    victim = tmp_path_factory.mktemp("victim")
    (victim / "in-use").write_text("")
    (temporary / "successor-stage-x").symlink_to(victim)
    sweep(PREFIX, temporary)

    assert (victim / "in-use").exists()


def test_a_disk_that_cannot_be_written_is_said(temporary, monkeypatch):
    shutil.rmtree(temporary)

    with pytest.raises(SandboxDown, match="could not be staged"):
        Staging().folder(TREE)
