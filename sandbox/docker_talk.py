"""The conversation with a command in a container, over the engine's raw stream: fed, read and capped at once.

Format: Docker Engine API, "Attach to a container", stream format: frames of one byte for the stream, three zero bytes,
four bytes of length (big-endian), content.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from sandbox.capture import Capture
from sandbox.contract import Ending
from sandbox.errors import SandboxBroken
from sandbox.wire import Feed, Wire, watch

_PIECE = 256 * 1024
_SMALL = 4096
_GATHER_SECONDS = 0.004
_LOOK_SECONDS = 0.5
_DRAIN_SECONDS = 10.0
_STREAMS = {1: "stdout", 2: "stderr"}


class Demultiplexer:
    """Takes the engine's frames apart as they come, in pieces of any size, without ever holding a whole frame."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._header = bytearray()
        self._stream = ""
        self._left = 0

    def feed(self, piece: bytes) -> None:
        """Pass on the content in `piece`. Raises `SandboxBroken` for bytes that are no frame."""
        view = memoryview(piece)
        while view:
            if self._left == 0:
                taken = view[: 8 - len(self._header)]
                self._header += taken
                view = view[len(taken) :]
                if len(self._header) == 8:
                    self._open_frame()
                continue
            taken = view[: self._left]
            self._capture.feed(self._stream, taken)
            self._left -= len(taken)
            view = view[len(taken) :]

    def _open_frame(self) -> None:
        kind, length = struct.unpack(">BxxxL", self._header)
        if kind not in _STREAMS:
            raise SandboxBroken("the engine's stream is not in its own format", mend="See the engine's log")
        self._stream, self._left = _STREAMS[kind], length
        self._header.clear()


class Talk:
    """One conversation over a non-blocking socket. `early` are bytes that were read together with the HTTP header."""

    def __init__(self, connection: socket.socket, early: bytes, stdin: bytes, capture: Capture) -> None:
        self._connection = connection
        self._capture = capture
        self._feed = Feed(stdin, capture.wire)
        self._frames = Demultiplexer(capture)
        self._open = True
        self._told = False
        self._frames.feed(early)

    def run(self, until: float, running: Callable[[], bool]) -> Ending | None:
        """Talk until the command is over, and return why it must be killed: None when it ended by itself.

        The end of the stream is not the end of the command (it may close its outputs), nor the reverse (what it left
        running may hold them open), so the engine is asked with `running` as well.
        """
        with selectors.DefaultSelector() as selector:
            return talk_until(until, running, lambda: self._open, partial(self._step, selector), self._capture)

    def drain(self) -> None:
        """Read what is left once everything is dead, up to the cap."""
        until = time.monotonic() + _DRAIN_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            while self._open and not self._capture.overflowed:
                left = until - time.monotonic()
                if left <= 0:
                    raise SandboxBroken("the engine did not close the stream of a dead container", mend="Restart it")
                if selector.select(left):
                    self._read()

    def _step(self, selector: selectors.BaseSelector, seconds: float) -> None:
        self._watch(selector)
        for key, events in selector.select(seconds):
            if isinstance(key.fileobj, Wire):
                self._feed.add(key.fileobj.exchange(events))
                continue
            if events & selectors.EVENT_READ:
                self._read()
            if events & selectors.EVENT_WRITE:
                self._feed.write(self._connection.send)

    def _watch(self, selector: selectors.BaseSelector) -> None:
        wire = self._capture.wire
        if wire is not None:
            watch(selector, wire, wire.events)
        watch(selector, self._connection, selectors.EVENT_READ | self._feed.waiting * selectors.EVENT_WRITE)
        if self._feed.over and not self._told:
            self._told = True
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_WR)

    def _read(self) -> None:
        try:
            piece = self._connection.recv(_PIECE)
        except BlockingIOError:
            return
        self._open = bool(piece)
        self._frames.feed(piece)
        if 0 < len(piece) < _SMALL and self._feed.over:
            # A command that says a line at a time wakes the engine for each, and us, on the processors that it wants
            # for itself. Who is in a conversation is answered at once; to anybody else it makes no difference.
            time.sleep(_GATHER_SECONDS)


def talk_until(
    until: float,
    running: Callable[[], bool],
    more: Callable[[], bool],
    step: Callable[[float], None],
    capture: Capture,
) -> Ending | None:
    """Take a `step` of at most so many seconds after another while there is `more` and the command is `running`.

    Returns why the command must be killed, None when it ended by itself.
    """
    looked = time.monotonic()
    while more():
        now = time.monotonic()
        if now >= until:
            return Ending.TIMED_OUT
        if now - looked >= _LOOK_SECONDS:
            looked = now
            if not running():
                return None
        step(min(until - now, _LOOK_SECONDS))
        if capture.overflowed:
            return Ending.OUTPUT_LIMIT
    return _await_end(until, running)


def _await_end(until: float, running: Callable[[], bool]) -> Ending | None:
    """Wait until `running` says no; return `TIMED_OUT` when the monotonic clock passes `until` before that."""
    pause = 0.002
    while running():
        if time.monotonic() >= until:
            return Ending.TIMED_OUT
        time.sleep(pause)
        pause = min(pause * 2, _LOOK_SECONDS)
    return None
