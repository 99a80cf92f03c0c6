"""An engine that is started again in the middle of a trial: the trial is run again, and never scored as it was."""

import signal
import threading
import time
from contextlib import closing

import pytest

from agent.errors import SandboxDown
from agent.evaluate import executor as executor_module
from agent.evaluate.executor import Executor, Job
from sandbox.contract import Command, Ending, Limits
from sandbox.docker_backend import DockerBackend
from sandbox.docker_engine import Engine
from sandbox.docker_image import THIS_MACHINE
from sandbox.ownership import APP, APP_VALUE
from tests.sandbox.second_engine import second_engine

pytestmark = [
    pytest.mark.docker,
    # The engine's client leaves its socket to the garbage collector when nobody listens.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]
SMALL = Limits(memory=256 << 20, tmp=16 << 20, work=32 << 20)


@pytest.fixture(scope="module")
def second():
    engine = second_engine()
    try:
        engine.start()
        yield engine
    finally:
        engine.close()


@pytest.fixture
def backend(second, cache):
    with closing(DockerBackend(cache, THIS_MACHINE, Engine(second.address), warm=1)) as made:
        made.prepare()
        yield made


def ready(backend):
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for shelf in list(backend._pool._shelves.values()):
            if shelf.ready:
                return shelf.ready[0]
        time.sleep(0.01)
    raise AssertionError("none stands ready")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_a_trial_that_loses_its_engine_is_run_again(second, backend, number):
    with backend.start((), SMALL) as sandbox:
        sandbox.run(Command(("true",), 30))
    lost = ready(backend)

    def restart():
        second.stop(number)
        second.start()

    done = {}
    job = Job((), Command(("sh", "-c", "sleep 4; echo whole"), 30))
    restarting = threading.Timer(1.0, restart)
    restarting.start()
    try:
        Executor(backend, SMALL, 1, lambda: None).run([job], done.__setitem__)
    finally:
        restarting.join()
    assert done[0].retries >= 1
    assert (done[0].outcome.ending, done[0].outcome.stdout) == (Ending.EXITED, b"whole\n")

    # What stood ready is dead, is not handed out, and something else stands ready in its place.
    assert ready(backend).name != lost.name
    with backend.start((), SMALL) as sandbox:
        assert sandbox._container.name != lost.name
        assert sandbox.run(Command(("echo", "fine"), 30)).stdout == b"fine\n"
    backend.close()
    assert Engine(second.address).containers(f"{APP}={APP_VALUE}") == []


def test_an_engine_that_does_not_come_back_is_down_and_no_score(second, backend, monkeypatch):
    monkeypatch.setattr(executor_module, "AWAY_SECONDS", (0.2, 0.2))
    done = {}
    stopping = threading.Timer(1.0, second.stop, [signal.SIGTERM])
    stopping.start()
    try:
        with pytest.raises(SandboxDown):
            Executor(backend, SMALL, 1, lambda: None).run([Job((), Command(("sleep", "20"), 30))], done.__setitem__)
    finally:
        stopping.join()
        second.start()
    assert done == {}
