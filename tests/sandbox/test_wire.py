"""A command that is talked with while it runs, behind each wall."""

import socket
import threading
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from sandbox.choose import choose
from sandbox.contract import MIB, Command, Ending, Limits
from sandbox.errors import BackendUnavailable

LIMITS = Limits(memory=256 * MIB, tmp=16 * MIB, work=32 * MIB, output=MIB)

ECHO = """
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(b"heard " + line)
    sys.stdout.buffer.flush()
sys.stderr.write("the end")
"""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def backend(request, cache):
    try:
        made = choose(request.param, cache)
        made.prepare()
    except BackendUnavailable as error:
        pytest.skip(f"{request.param}: {error}")
    yield made
    made.close()


@contextmanager
def talking(backend, code, stdin=b"", deadline=30):
    """Run `code` over a wire; gives our end, and has the outcome when left."""
    ours, theirs = socket.socketpair()
    talk = SimpleNamespace(wire=ours, outcome=None)

    def run():
        command = Command(("python", "-c", code), deadline, stdin, wire=theirs)
        with backend.start((), LIMITS) as sandbox:
            talk.outcome = sandbox.run(command)

    ours.settimeout(60)
    with ours, theirs:
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield talk
        finally:
            with suppress(OSError):
                talk.wire.shutdown(socket.SHUT_WR)
            thread.join()


def test_what_is_said_is_answered_while_the_command_runs(backend):
    with talking(backend, ECHO, stdin=b"first\n") as talk, talk.wire.makefile("rwb") as file:
        assert file.readline() == b"heard first\n"
        for number in range(20):
            file.write(b"%d\n" % number)
            file.flush()
            assert file.readline() == b"heard %d\n" % number

    assert (talk.outcome.ending, talk.outcome.exit_code) == (Ending.EXITED, 0)
    assert (talk.outcome.stdout, talk.outcome.stderr) == (b"", b"the end")


def test_the_other_side_hears_that_a_command_has_ended_and_all_that_it_said(backend):
    with talking(backend, "import sys; sys.stdout.write('x' * 500_000)") as talk, talk.wire.makefile("rb") as file:
        assert len(file.read()) == 500_000


def test_a_command_hears_that_the_other_side_has_no_more_to_say(backend):
    with talking(backend, "import sys; sys.stdout.write(sys.stdin.read()[::-1])") as talk:
        talk.wire.sendall(b"abc")
        talk.wire.shutdown(socket.SHUT_WR)
        with talk.wire.makefile("rb") as file:
            assert file.read() == b"cba"


def test_a_side_that_hangs_up_ends_nothing_but_the_talk(backend):
    code = "import sys; sys.stdin.read(); print('x' * 200_000, flush=True); sys.stderr.write('still here')"
    with talking(backend, code) as talk:
        talk.wire.close()

    assert (talk.outcome.ending, talk.outcome.stderr) == (Ending.EXITED, b"still here")


def test_a_flood_from_the_command_ends_it(backend):
    with talking(backend, "while True: print('x' * 10_000)") as talk:
        pass

    assert talk.outcome.ending is Ending.OUTPUT_LIMIT


def test_a_flood_to_the_command_ends_it(backend):
    with (
        talking(backend, "import time; time.sleep(60)") as talk,
        pytest.raises(OSError, match=r"Broken pipe|reset|not connected"),
    ):
        talk.wire.sendall(bytes(32 * MIB))

    assert talk.outcome.ending is Ending.OUTPUT_LIMIT


def test_a_command_that_answers_nobody_meets_its_deadline(backend):
    with talking(backend, "import time; time.sleep(60)", deadline=0.5) as talk:
        assert talk.wire.recv(1) == b""

    assert talk.outcome.ending is Ending.TIMED_OUT
