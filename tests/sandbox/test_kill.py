"""A kill from another thread ends a sandbox whatever it is doing at that moment, behind every wall."""

import secrets
import threading
import time

import pytest

from sandbox.choose import choose
from sandbox.contract import Command, Ending, Limits
from sandbox.errors import BackendUnavailable
from tests.conformance.walls import alive

SMALL = Limits(memory=256 << 20, tmp=16 << 20, work=32 << 20)
DELAYS = [0, 0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.03, 0.05, 0.3]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def backend(request, cache):
    try:
        made = choose(request.param, cache, warm=2)
    except BackendUnavailable as error:
        pytest.skip(f"{request.param}: {error}")
    made.prepare()
    yield made
    made.close()


@pytest.mark.parametrize("delay", DELAYS)
def test_a_kill_finds_a_sandbox_at_any_moment(backend, delay):
    marker = secrets.token_hex(8)
    with backend.start((), SMALL) as sandbox:
        timer = threading.Timer(delay, sandbox.kill)
        timer.start()
        started = time.monotonic()
        outcome = sandbox.run(Command(("sh", "-c", "setsid sh -c 'sleep 60; :' $0 & sleep 60; :", marker), 90))
        timer.join()
    assert outcome.ending is Ending.KILLED
    assert time.monotonic() - started < 45  # before it would have ended by itself
    assert alive(marker) == []
