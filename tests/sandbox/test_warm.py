"""Containers that stand ready, on a real engine: each serves once, sees only what it was given, and leaves nothing."""

import gc
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.contract import Command, Ending, Limits, Mount
from sandbox.docker_backend import DockerBackend
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable, SandboxBroken
from sandbox.ownership import APP, APP_VALUE
from sandbox.slots import PREFIX
from sandbox.transfer import stage
from tests.eventually import eventually

pytestmark = pytest.mark.docker
SMALL = Limits(memory=256 << 20, tmp=16 << 20, work=32 << 20)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def prepared(cache):
    made = DockerBackend(cache, warm=1)
    try:
        made.check()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    made.prepare()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A temporary folder of our own, so that folders which other tests make meanwhile are not taken for left ones."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))


@pytest.fixture(params=["direct", "streamed"])
def warm(prepared, request, monkeypatch):
    """A backend with nothing ready yet, whose commands are spoken with over pipes or over the engine's stream."""
    if request.param == "direct" and not prepared._direct:
        pytest.skip("this engine maps users, or has kernels of its own")
    monkeypatch.setattr(prepared, "_direct", request.param == "direct")
    prepared.close()
    return prepared


def tree(folder, **files):
    stage({name.replace("_", "/"): (text.encode(), name == "program") for name, text in files.items()}, folder)
    return folder


def ready(backend):
    """Wait until one stands ready, and return it."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with backend._pool._changed:
            found = [one for shelf in backend._pool._shelves.values() for one in shelf.ready]
        if found:
            return found[0]
        time.sleep(0.01)
    raise AssertionError("none stands ready")


def use(backend, *argv, mounts=(), **given):
    with backend.start(mounts, SMALL) as sandbox:
        return sandbox._container.name, sandbox.run(Command(argv, 30, **given))


def containers(pid):
    found = Engine().containers(f"{APP}={APP_VALUE}")
    return {one["Id"] for one in found if one["Labels"]["successor.owner.pid"] == str(pid)}


def slot_folders():
    return set(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"))


def test_what_stood_ready_serves_with_its_own_tree_and_never_again(warm, tmp_path):
    names, said = [], []
    for number in range(4):
        mount = Mount(tree(tmp_path / str(number), a=f"tree {number}", b_c="deep"), "/cand")
        expected = ready(warm).name if number else None
        name, outcome = use(warm, "sh", "-c", "cat /cand/a; find /cand -type f", mounts=(mount,))
        assert expected in (None, name)
        names.append(name)
        said.append(outcome.stdout.decode().replace("/cand/", " ").split())
    assert len(set(names)) == 4
    assert [sorted(one) for one in said] == [sorted(["tree", str(number), "a", "b/c"]) for number in range(4)]


def test_a_filled_slot_shows_what_a_mounted_folder_shows(warm, tmp_path):
    """Names, contents, modes and times: nothing tells a candidate whether its container had been waiting."""
    folder = tree(tmp_path / "t", a="x", program="#!/bin/sh", deep_er_f="y")
    look = ("find", "/cand", "-printf", "%p %M %s %T@ %l\n", "-type", "f", "-exec", "cat", "{}", ";")
    cold = use(warm, *look, mounts=(Mount(folder, "/cand"),))[1]
    standing = ready(warm)
    name, outcome = use(warm, *look, mounts=(Mount(folder, "/cand"),))
    assert name == standing.name
    assert sorted(outcome.stdout.splitlines()) == sorted(cold.stdout.splitlines()) != []


def test_a_slot_cannot_be_written_and_is_not_the_staged_tree(warm, tmp_path):
    folder = tree(tmp_path / "t", a="x")
    use(warm, "true", mounts=(Mount(folder, "/cand"),))
    ready(warm)
    attempts = "echo y > /cand/a; echo y > /cand/new; chmod 777 /cand/a /cand; rm /cand/a; mkdir /cand/d; ln /cand/a /work/a; cat /cand/a"
    _, outcome = use(warm, "sh", "-c", attempts, mounts=(Mount(folder, "/cand"),))
    assert outcome.stdout == b"x"
    assert {path.name: path.read_text() for path in folder.iterdir()} == {"a": "x"}
    assert stat.S_IMODE((folder / "a").stat().st_mode) == 0o644


def test_a_lasting_folder_is_mounted_itself(warm, tmp_path):
    folder = tree(tmp_path / "corpus", a="x")
    mounts = (Mount(folder, "/corpus", lasting=True), Mount(tree(tmp_path / "t", b="y"), "/cand"))
    use(warm, "true", mounts=mounts)
    bound = Engine()._api.inspect_container(ready(warm).name)["HostConfig"]["Mounts"]
    sources = {mount["Target"]: mount["Source"] for mount in bound}
    assert sources["/corpus"] == str(folder)
    assert PREFIX in sources["/cand"]
    assert use(warm, "cat", "/corpus/a", "/cand/b", mounts=mounts)[1].stdout == b"xy"


def test_the_command_s_input_is_whole_behind_the_request(warm):
    use(warm, "true")
    ready(warm)
    content = bytes(range(256)) * 20_000
    _, outcome = use(warm, "cat", stdin=content)
    assert outcome.stdout == content


def test_one_that_was_killed_while_it_waited_is_not_handed_out(warm):
    use(warm, "true")
    dead = ready(warm)
    Engine().kill(dead.name)
    name, outcome = use(warm, "echo", "fine")
    assert name != dead.name
    assert outcome.stdout == b"fine\n"


def test_one_past_half_of_its_life_is_not_handed_out(warm):
    use(warm, "true")
    old = ready(warm)
    old._born -= 1800
    assert use(warm, "true")[0] != old.name


def test_closing_leaves_nothing(warm, tmp_path):
    """Containers, slots, threads, descriptors and mounts."""

    def measure():
        gc.collect()  # others leave descriptors to it
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    def mounts():
        return {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}

    mount = Mount(tree(tmp_path / "t", a="x"), "/cand")
    use(warm, "true", mounts=(mount,))
    warm.close()
    others = slot_folders()
    before, mounted = measure(), mounts()
    for _ in range(3):
        use(warm, "true", mounts=(mount,))
    ready(warm)
    warm.close()
    assert containers(os.getpid()) == set()
    assert all(now <= then for now, then in zip(measure(), before, strict=True))
    left, until = mounts() - mounted, time.monotonic() + 20
    while left:  # those of others, who use the same engine, go in time
        assert time.monotonic() < until
        left &= mounts()
        time.sleep(0.05)
    assert slot_folders() <= others


def test_the_pipes_of_a_command_are_closed_to_everybody_else(warm):
    """Whoever could write to them from outside would speak in the command's name."""
    with warm.start((), SMALL) as sandbox:
        pipes = sandbox._container.pipes
        if pipes is None:
            return
        parent = pipes.folder.parent
        assert stat.S_IMODE(parent.stat().st_mode) == 0o700
        # Their names are gone as soon as they are open; whoever reads every file inside would hang at them.
        peek = "ls -A /opt/successor/pipes; touch /opt/successor/pipes/in; cat /opt/successor/pipes/out"
        outcome = sandbox.run(Command(("sh", "-c", peek), 20))
        assert outcome.stdout == b""
        assert (outcome.stderr.count(b"Read-only"), outcome.stderr.count(b"No such file")) == (1, 1)


def test_a_command_that_leaves_its_outputs_to_a_daemon_is_not_waited_for(warm):
    started = time.monotonic()
    _, outcome = use(warm, "sh", "-c", "echo said; setsid sleep 60 & exit 3")
    assert (outcome.ending, outcome.exit_code, outcome.stdout) == (Ending.EXITED, 3, b"said\n")
    assert time.monotonic() - started < 45  # before the daemon ends


def test_a_kill_from_another_thread_ends_a_command_at_once(warm):
    with warm.start((), SMALL) as sandbox:
        threading.Timer(0.5, sandbox.kill).start()
        started = time.monotonic()
        outcome = sandbox.run(Command(("sleep", "60"), 90))
    assert (outcome.ending, outcome.exit_code) == (Ending.KILLED, None)
    assert time.monotonic() - started < 45  # before it would have ended by itself


def test_a_kill_before_the_command_and_one_after_it(warm):
    with warm.start((), SMALL) as sandbox:
        sandbox.kill()
        assert sandbox.run(Command(("echo", "x"), 90)).ending is Ending.KILLED
    with warm.start((), SMALL) as sandbox:
        assert sandbox.run(Command(("echo", "x"), 90)).stdout == b"x\n"
        sandbox.kill()
    sandbox.kill()


def test_a_request_that_the_guest_cannot_follow_is_broken_not_scored(warm, monkeypatch):
    from sandbox import docker_settings

    real = docker_settings.request
    monkeypatch.setattr(docker_settings, "request", lambda *given: real(*given).replace(b'"/work"', b'"/nope"'))
    with pytest.raises(SandboxBroken, match=r"begun|did not say begin"):
        use(warm, "true")


def test_under_a_kernel_of_its_own_nothing_stands_ready(cache):
    """gVisor remembers what a folder held, so that what is put into a slot might not be seen."""

    class Elsewhere(Engine):
        def describe(self):
            return {**super().describe(), "DefaultRuntime": "runsc"}

    backend = DockerBackend(cache, engine=Elsewhere(), warm=2)
    backend.prepare()
    assert backend._pool.take(None) is None
    backend.close()


CHILD = """
import os, sys, time
from pathlib import Path
from sandbox.contract import Command, Limits, Mount
from sandbox.docker_backend import DockerBackend
backend = DockerBackend(Path(sys.argv[1]), warm=2)
mount = Mount(Path(sys.argv[2]), "/cand")
limits = Limits(memory=256 << 20, tmp=16 << 20, work=32 << 20)
for _ in range(2):
    with backend.start((mount,), limits) as sandbox:
        sandbox.run(Command(("true",), 30))
while not any(shelf.ready for shelf in backend._pool._shelves.values()):
    time.sleep(0.01)
print("ready", flush=True)
if sys.argv[3] == "wait":
    with backend.start((mount,), limits) as sandbox:
        sandbox.run(Command(("sleep", "60"), 90))
"""


def child(cache, folder, what):
    line = [sys.executable, "-c", CHILD, str(cache), str(folder), what]
    return subprocess.Popen(
        line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": tempfile.gettempdir()},
        # Who runs the tests in the background may have told all children to ignore Ctrl-C; a user's shell does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # no threads are in the way
    )  # fmt: skip


def test_a_process_that_forgets_to_close_leaves_nothing(prepared, cache, tmp_path):
    with child(cache, tree(tmp_path / "t", a="x"), "end") as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, b"")
    assert containers(process.pid) == set()


def test_an_interrupted_process_leaves_nothing(prepared, cache, tmp_path):
    with child(cache, tree(tmp_path / "t", a="x"), "wait") as process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode != 0
    assert containers(process.pid) == set()


def test_after_a_hard_kill_the_next_command_leaves_nothing(prepared, cache, tmp_path):
    """Neither containers, ready or at work, nor slots; and what is somebody else's stays."""
    theirs = Path(tempfile.mkdtemp(prefix=PREFIX))
    (theirs / "precious").touch()
    before = slot_folders()
    with child(cache, tree(tmp_path / "t", a="x"), "wait") as process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.5)
        there = containers(process.pid)  # looked at before: another command on this engine may be the next
        process.kill()
        process.communicate(timeout=60)
    left = slot_folders() - before
    assert there != set()
    assert left != set()

    with closing(DockerBackend(cache)) as backend:
        backend.prepare()

        def nothing_is_left():
            backend.reap()
            return containers(process.pid) == set()

        # What the engine was still making for the killed one comes to light late; the patrol looks again, as here.
        eventually(nothing_is_left, seconds=60)
    assert slot_folders() & left == set()
    assert (theirs / "precious").exists()
    (theirs / "precious").unlink()
    theirs.rmdir()
