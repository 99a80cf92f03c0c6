"""The life of a container: what is left behind, by whom it is removed, and what happens when the engine lets us down."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox import docker_settings
from sandbox.contract import Command, Limits, Mount
from sandbox.docker_backend import DockerBackend
from sandbox.docker_container import SECONDS_TO_LIVE
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable, SandboxBroken
from sandbox.ownership import APP, APP_VALUE, labels, this_process
from tests.eventually import eventually

pytestmark = pytest.mark.docker
SMALL = Limits(memory=256 << 20, tmp=16 << 20, work=32 << 20)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def backend(cache):
    made = DockerBackend(cache)
    try:
        made.check()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def engine(backend):
    return Engine()


@pytest.fixture
def make(backend, engine):
    """Make containers that stay until the test is over."""
    made = []
    _, image, _ = backend._ready

    def create(given, *, seconds=600):
        container = engine.create(docker_settings.container(image, {}, SMALL, given, seconds))
        made.append(container)
        with suppress(SandboxBroken):  # nobody's containers may be removed at once, by another command on this engine
            engine.start(container)
        return container

    yield create
    for container in made:
        engine.remove(container)


def everybodys(engine):
    """Return the containers of this framework on the engine, by whichever process."""
    return {one["Id"] for one in engine.containers(f"{APP}={APP_VALUE}")}


def ours(engine):
    """Return the containers of this process; others may be at work on the same engine."""
    pid = str(os.getpid())
    found = engine.containers(f"{APP}={APP_VALUE}")
    return {one["Id"] for one in found if one["Labels"]["successor.owner.pid"] == pid}


def descriptors():
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_the_reaper_removes_what_is_ours_and_abandoned_and_nothing_else(backend, engine, make):
    me = this_process()
    later = int(time.time()) + 600
    gone = subprocess.Popen(["true"])
    gone.wait()
    dead = labels(me, "run", later) | {"successor.owner.pid": str(gone.pid)}
    foreign = dict(dead)
    del foreign["successor.owner.boot"]

    abandoned = make(dead)
    expired = make(labels(me, "run", 1))
    living = make(labels(me, "run", later))
    not_ours = make(foreign)
    strangers = make({"app": "successor", "com.docker.compose.project": "successor-sandbox"})

    reaped = set(backend.reap())
    # Not asked is who removed them: another command that began on this engine just now may have been the first.
    eventually(lambda: not {abandoned, expired} & everybodys(engine))
    assert not {living, not_ours, strangers} & reaped
    for container in (living, not_ours, strangers):
        assert engine.state(container)["Running"]


def test_what_a_killed_process_leaves_is_removed_by_the_next(backend, engine, cache):
    code = f"""
from pathlib import Path
from sandbox.contract import Limits
from sandbox.docker_backend import DockerBackend
backend = DockerBackend(Path({str(cache)!r}))
with backend.start((), Limits(memory=256 << 20, tmp=16 << 20, work=32 << 20)) as sandbox:
    print(sandbox._container.name, flush=True)
    input()
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    with child:
        container = child.stdout.readline().decode().strip()
        assert engine.state(container)["Running"]
        assert container not in backend.reap()
        assert container in everybodys(engine)
        child.send_signal(signal.SIGKILL)

    DockerBackend(cache).prepare()
    eventually(lambda: container not in everybodys(engine))


def test_a_container_ends_by_itself_when_nobody_comes_back(engine, make):
    container = make({}, seconds=1)
    until = time.monotonic() + 30
    while engine.state(container)["Running"]:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_after_trials_nothing_of_them_is_left(backend, engine):
    def run():
        with backend.start((), SMALL) as sandbox:
            assert sandbox.run(Command(("cat",), 30, b"x")).stdout == b"x"

    run()
    backend.close()
    before = (ours(engine), descriptors(), threading.active_count())
    for _ in range(3):
        run()
    backend.close()
    containers, open_before, threads = before
    assert ours(engine) == containers
    assert threading.active_count() <= threads
    assert descriptors() <= open_before


def test_a_failing_caller_leaves_no_container(backend, engine):
    before = ours(engine)
    with pytest.raises(ZeroDivisionError), backend.start((), SMALL):
        assert 1 / (len(ours(engine)) - len(before) - 1)
    backend.close()
    assert ours(engine) == before


def test_a_container_killed_from_outside_is_broken_not_scored(backend, engine):
    with backend.start((), SMALL) as sandbox:
        killer = threading.Timer(1.0, engine.kill, [sandbox._container.name])
        killer.start()
        with pytest.raises(SandboxBroken, match="ended under its command"):
            sandbox.run(Command(("sleep", "30"), 20))
        killer.join()


def test_a_container_removed_from_outside_is_broken_not_scored(backend, engine):
    with backend.start((), SMALL) as sandbox:
        engine.remove(sandbox._container.name)
        with pytest.raises(SandboxBroken):
            sandbox.run(Command(("true",), 20))


def test_an_engine_that_does_not_answer_is_broken_not_scored(backend, tmp_path):
    with backend.start((), SMALL) as sandbox:
        sandbox._engine = Engine(f"unix://{tmp_path}/no.sock")
        with pytest.raises(SandboxBroken, match="engine"):
            sandbox.run(Command(("true",), 20))


def test_an_image_that_is_gone_is_broken_not_scored(backend, cache):
    other = DockerBackend(cache)
    other.prepare()
    other._ready = (other._ready[0], "sha256:" + "0" * 64, other._ready[2])
    with pytest.raises(SandboxBroken, match="make a container"), other.start((), SMALL):
        pass


def test_a_folder_that_is_not_there_is_not_made_by_the_engine(backend, tmp_path):
    with pytest.raises(SandboxBroken, match="/cand"), backend.start((Mount(tmp_path / "no", "/cand"),), SMALL):
        pass
    assert not (tmp_path / "no").exists()


def test_a_deadline_longer_than_the_container_lives_is_refused(backend):
    with backend.start((), SMALL) as sandbox, pytest.raises(ValueError, match="deadline"):
        sandbox.run(Command(("true",), SECONDS_TO_LIVE))


def test_preparing_again_finds_the_same_and_says_nothing(backend, cache):
    said = []
    assert DockerBackend(cache).prepare(said.append) == backend.prepare()
    assert said == []


def test_threads_share_a_backend(backend):
    outputs = []

    def run(number):
        with backend.start((), SMALL) as sandbox:
            outputs.append(sandbox.run(Command(("echo", str(number)), 60)).stdout)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outputs) == [b"0\n", b"1\n", b"2\n", b"3\n"]


def test_a_base_that_cannot_be_had_is_said_with_the_mend(backend, tmp_path):
    with pytest.raises(BackendUnavailable, match="cannot be had") as refused:
        DockerBackend(tmp_path, base="localhost:9/no/such:1").prepare()
    assert "host" in refused.value.mend


def test_the_image_holds_only_the_inside(backend, engine):
    inside, image, _ = backend._ready
    known = engine.image(image)
    assert known["Config"]["User"] == "10001:10001"
    assert known["Config"]["Labels"]["successor.inside"] == inside.digest
    assert len(known["RootFS"]["Layers"]) == 1
