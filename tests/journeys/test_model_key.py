"""The key of the model: only the process that speaks to the server has it, and nothing that it leaves behind."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.broker.scripted import KEY
from tests.journeys.conftest import IDENTITY, ROOT, without_a_model
from tests.journeys.stand_in import BETTER, Rules, oracles, reached, standing_in, told

LOOK_AROUND = """
env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'; ls -laR /run /work /cand /task /tmp
cat /run/broker/* /root/.* /home/*/.* /etc/successor* 2>&1
grep -rIl sk-ant / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev 2>/dev/null
"""
HOOKS = ("pre-commit", "post-commit", "reference-transaction", "post-checkout", "post-index-change", "pre-push")


def spied_on(desk, folder):
    """Let every hook of the workspace, a filter and a file-system monitor write down their environment."""
    spy = folder / "spy"
    spy.write_text(f"#!/bin/sh\nenv >> {folder}/spied\ncat 2>/dev/null\nexit 0\n")
    spy.chmod(0o755)
    for hook in HOOKS:
        (desk.folder / ".git" / "hooks").mkdir(exist_ok=True)
        (desk.folder / ".git" / "hooks" / hook).symlink_to(spy)
    desk.git("config", "core.fsmonitor", str(spy))
    desk.git("config", "filter.spy.clean", str(spy))
    desk.git("config", "filter.spy.smudge", str(spy))
    (desk.folder / ".git" / "info").mkdir(exist_ok=True)
    (desk.folder / ".git" / "info" / "attributes").write_text("* filter=spy\n")
    return folder / "spied"


def holding(content):
    """Processes of this machine in whose environment or command line `content` is, and what they are."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        for part in ("environ", "cmdline"):
            try:
                if content in (process / part).read_bytes():
                    found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
            except OSError:  # it has ended
                continue
    return found


def files_with(content, *folders):
    return [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and content in path.read_bytes()
    ]


def start(desk, scratch, server, *args):
    scratch.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "agent", *args, "--workspace", str(desk.folder)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**without_a_model(), **reached(server), "TMPDIR": str(scratch)},
    )  # fmt: skip


@pytest.fixture
def scratch(tmp_path):
    """Where temporary files go: the users of sandboxes must be able to walk there."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


def test_the_key_is_in_one_process_and_in_nothing_that_it_does(lean, scratch, tmp_path):
    spied = spied_on(lean, tmp_path)
    begun, holders, kept = threading.Event(), {}, []

    def before(body, turn):
        begun.wait(60)
        holders.update(holding(KEY.encode()))
        kept.extend(files_with(KEY.encode(), scratch, lean.folder))

    rules = Rules({words: LOOK_AROUND + script for words, script in oracles(lean.folder).items()}, BETTER, before)
    with standing_in(rules) as server:
        process = start(lean, scratch, server, "run", "--yes", "--sandbox", lean.wall)
        begun.set()
        out, err = process.communicate(timeout=600)
        requests = [told(body) for body in server.script.requests]

    assert process.returncode == 0, err.decode()
    # What was found inside went to the model, as a curious scaffold would send it.
    assert any("SCAFFOLD_MODEL=claude-opus-5-5" in request or "/run/broker" in request for request in requests)
    assert [request for request in requests if KEY in request] == []
    assert holders.keys() == {process.pid}, holders
    assert KEY.encode() not in out + err
    assert kept == files_with(KEY.encode(), scratch, lean.folder) == []
    assert not spied.exists() or KEY not in spied.read_text()


def test_a_decision_made_where_the_key_is_set_shows_it_to_no_hook(waiting, tmp_path):
    desk, candidate = waiting
    spied = spied_on(desk, tmp_path)

    said = desk.successor("review", "approve", candidate, "--key", str(desk.key("alice")), ANTHROPIC_API_KEY=KEY)

    assert said.code == 0, said.document
    assert not spied.exists() or KEY not in spied.read_text()
    # The spies are awake: an ordinary commit wakes them.
    env = {**os.environ, "ANTHROPIC_API_KEY": KEY}
    argv = ["git", *IDENTITY, "commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(argv, cwd=desk.folder, env=env, check=True, capture_output=True)
    assert KEY in spied.read_text()
