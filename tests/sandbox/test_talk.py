"""The conversation with a command in a container, over a real socket pair and a scripted engine."""

import socket
import struct
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.capture import Capture
from sandbox.contract import Ending
from sandbox.docker_talk import Demultiplexer, Talk
from sandbox.errors import SandboxBroken


def frame(stream: int, content: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(content)) + content


@given(
    frames=st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=300)), max_size=12),
    cuts=st.lists(st.integers(1, 40), min_size=1),
)
def test_frames_cut_anywhere_are_put_together(frames, cuts):
    raw = b"".join(frame(stream, content) for stream, content in frames)
    capture = Capture(1 << 20)
    taker = Demultiplexer(capture)
    place = turn = 0
    while place < len(raw):
        size = cuts[turn % len(cuts)]
        taker.feed(raw[place : place + size])
        place, turn = place + size, turn + 1
    assert capture.stdout == b"".join(content for stream, content in frames if stream == 1)
    assert capture.stderr == b"".join(content for stream, content in frames if stream == 2)


def test_bytes_that_are_no_frame_break_the_sandbox_and_score_nothing():
    with pytest.raises(SandboxBroken, match="format"):
        Demultiplexer(Capture(10)).feed(b"HTTP/1.1")


def test_a_frame_that_promises_gigabytes_holds_no_memory():
    capture = Capture(100)
    Demultiplexer(capture).feed(struct.pack(">BxxxL", 1, 0xFFFFFFFF) + bytes(1000))
    assert len(capture.stdout) == 100
    assert capture.overflowed


def test_a_cap_is_for_each_stream():
    capture = Capture(3)
    capture.feed("stdout", b"abc")
    capture.feed("stderr", b"abc")
    assert not capture.overflowed
    capture.feed("stderr", b"d")
    assert (capture.stdout, capture.stderr, capture.overflowed) == (b"abc", b"abc", True)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def soon(seconds=5.0):
    return time.monotonic() + seconds


def test_the_first_frame_may_come_with_the_header(pair):
    ours, theirs = pair
    first = frame(1, b"first ")
    theirs.sendall(first[5:] + frame(1, b"second"))
    theirs.close()
    capture = Capture(100)
    assert Talk(ours, first[:5], b"", capture).run(soon(), lambda: False) is None
    assert capture.stdout == b"first second"


def test_megabytes_go_in_while_megabytes_come_out(pair):
    """An engine that answers before it has read: whoever feeds first and reads later waits for ever."""
    ours, theirs = pair
    content = bytes(5 << 20)

    def engine():
        for _ in range(80):
            theirs.sendall(frame(1, bytes(1 << 16)))
        left = len(content)
        while left:
            left -= len(theirs.recv(1 << 16))
        assert theirs.recv(1) == b""  # the end of the input is passed on
        theirs.close()

    thread = threading.Thread(target=engine)
    thread.start()
    capture = Capture(16 << 20)
    assert Talk(ours, b"", content, capture).run(soon(60), lambda: False) is None
    thread.join()
    assert len(capture.stdout) == 80 << 16


def test_a_stream_held_open_by_survivors_is_not_waited_for(pair):
    ours, theirs = pair
    theirs.sendall(frame(1, b"done"))
    capture = Capture(100)
    assert Talk(ours, b"", b"", capture).run(soon(20), lambda: False) is None
    assert capture.stdout == b"done"


def test_survivors_that_chatter_do_not_hide_that_the_command_is_over(pair):
    ours, theirs = pair
    over = threading.Event()

    def chatter():
        while not over.is_set():
            theirs.sendall(frame(1, b"."))
            time.sleep(0.01)

    thread = threading.Thread(target=chatter)
    thread.start()
    try:
        assert Talk(ours, b"", b"", Capture(1 << 20)).run(soon(20), lambda: False) is None
    finally:
        over.set()
        thread.join()


def test_a_command_that_closed_its_outputs_is_still_waited_for(pair):
    ours, theirs = pair
    theirs.close()
    answers = iter([True, True, False])
    assert Talk(ours, b"", b"", Capture(1)).run(soon(), lambda: next(answers)) is None


def test_silence_ends_at_the_deadline(pair):
    assert Talk(pair[0], b"", b"", Capture(1)).run(soon(0.1), lambda: True) is Ending.TIMED_OUT


def test_closed_outputs_end_at_the_deadline_too(pair):
    pair[1].close()
    assert Talk(pair[0], b"", b"", Capture(1)).run(soon(0.1), lambda: True) is Ending.TIMED_OUT


def test_too_much_output_ends_at_once(pair):
    ours, theirs = pair
    theirs.sendall(frame(2, bytes(1000)))
    assert Talk(ours, b"", b"", Capture(999)).run(soon(), lambda: True) is Ending.OUTPUT_LIMIT


def test_what_is_left_is_drained_to_the_end(pair):
    ours, theirs = pair
    capture = Capture(100)
    talk = Talk(ours, frame(1, b"a")[:3], b"", capture)
    theirs.sendall(frame(1, b"a")[3:] + frame(1, b"b"))
    theirs.close()
    talk.drain()
    assert capture.stdout == b"ab"
