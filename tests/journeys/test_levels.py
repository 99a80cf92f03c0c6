"""A workspace that demands a level of its wall: nothing is paid for behind a lesser one."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.journeys.conftest import ROOT, better


def successor(*args, stdin=b""):
    argv = [sys.executable, "-m", "agent", *map(str, args), "--json"]
    done = subprocess.run(argv, input=stdin, capture_output=True, cwd=ROOT, env=os.environ, timeout=300, check=False)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def commit(folder):
    identity = ["-c", "user.name=t", "-c", "user.email=t@t.invalid"]
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    subprocess.run(["git", *identity, "commit", "-qm", "x"], cwd=folder, check=True)


@pytest.fixture
def hardened(tmp_path, people):
    """A workspace whose own policy asks for a kernel of its own."""
    code, _ = successor(
        "init", tmp_path / "ws", "--reviewer", "alice", "--key", people / "alice.pub", "--sandbox-level", "hardened"
    )
    assert code == 0
    return tmp_path / "ws"


@pytest.mark.bubblewrap
@pytest.mark.parametrize("command", ["run", "propose"])
def test_a_workspace_that_demands_a_kernel_of_its_own_pays_for_nothing_without_one(hardened, command):
    subprocess.run(["git", "switch", "-qc", "idea"], cwd=hardened, check=True)
    better(hardened)
    commit(hardened)
    words = {"run": ("run", "--yes"), "propose": ("propose", "--branch", "idea", "--by", "carol")}[command]
    subprocess.run(["git", "switch", "-q", "main"], cwd=hardened, check=True)
    code, said = successor(*words, "--sandbox", "bubblewrap", "--workspace", hardened)

    assert (code, said["error"]["kind"]) == (1, "Refused"), said
    assert "level hardened" in said["error"]["what"]
    assert "runtime" in said["error"]["mend"]
    _, status = successor("status", "--workspace", hardened)
    assert status["candidates"] == []
    assert status["last_run"] is None


def test_its_policy_is_proved_by_its_examples(hardened):
    code, said = successor("policy", "test", "--workspace", hardened)

    assert (code, said["findings"]) == (0, [])


@pytest.mark.bubblewrap
def test_a_runtime_is_not_forgotten_by_asking_for_another_wall(hardened, people):
    """What successor.toml demands of the engine cannot be had from bubblewrap, and nothing less is given instead."""
    shutil.rmtree(hardened / ".git")
    shutil.rmtree(hardened / ".successor")
    settings = hardened / "successor.toml"
    settings.write_text(settings.read_text().replace("[sandbox]\n", '[sandbox]\nruntime = "runsc"\n', 1))
    subprocess.run(["git", "init", "-qb", "main"], cwd=hardened, check=True)
    commit(hardened)
    successor("init", hardened, "--reviewer", "alice", "--key", people / "alice.pub")
    for command in (("run", "--yes"), ("bench",)):
        code, said = successor(*command, "--sandbox", "bubblewrap", "--workspace", hardened)

        assert (code, said["error"]["kind"]) == (3, "BackendUnavailable"), said
        assert "runsc" in said["error"]["what"]
