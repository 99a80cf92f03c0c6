"""Bytes that come out of a command: kept up to a cap, never more, or passed on at once over a wire."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import time
from contextlib import suppress
from functools import partial
from typing import IO

from sandbox.contract import Ending
from sandbox.wire import Feed, Wire, watch

_PIECE = 256 * 1024
_FINISH_SECONDS = 5.0


class Capture:
    """Two streams, standard output and standard error, each kept up to `cap` bytes. With a wire, standard output goes
    there and is not kept. The first `heading` bytes of standard error are not the command's and count for nothing."""

    def __init__(self, cap: int, wire: socket.socket | None = None, heading: int = 0) -> None:
        self._cap = cap
        self._heading_size = heading
        self.heading = b""
        self._streams = {"stdout": bytearray(), "stderr": bytearray()}
        self._overflowed = False
        self.wire = Wire(wire, cap) if wire is not None else None

    def feed(self, stream: str, piece: bytes | memoryview) -> None:
        """Keep what fits of `piece`; note when something did not."""
        if self.wire is not None and stream == "stdout":
            self.wire.put(piece)
            return
        if stream == "stderr" and (missing := self._heading_size - len(self.heading)):
            self.heading += bytes(piece[:missing])
            piece = piece[missing:]
        kept = self._streams[stream]
        room = self._cap - len(kept)
        kept += piece[:room]
        self._overflowed = self._overflowed or len(piece) > room

    def close(self) -> None:
        """Pass on what still waits for the other side of the wire. The command is dead by now."""
        if self.wire is not None:
            self.wire.finish(time.monotonic() + _FINISH_SECONDS)

    @property
    def overflowed(self) -> bool:
        """Whether more came than may come."""
        return self._overflowed or (self.wire is not None and self.wire.overflowed)

    @property
    def stdout(self) -> bytes:
        """What was kept of standard output."""
        return bytes(self._streams["stdout"])

    @property
    def stderr(self) -> bytes:
        """What was kept of standard error."""
        return bytes(self._streams["stderr"])


def converse(process: subprocess.Popen[bytes], stdin: bytes, capture: Capture, until: float) -> Ending | None:
    """Feed `stdin`, and what comes over the wire, and read both outputs at once until they close and the process ends.

    Returns None when the process ended by itself, `TIMED_OUT` when the monotonic clock passed `until`, `OUTPUT_LIMIT`
    when a stream went over its cap. The process is left to the caller to kill in the two latter cases.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    ended = _Pipes(process.stdin, process.stdout, process.stderr, stdin, capture).talk(until)
    if ended is not None:
        return ended
    try:
        process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        return Ending.TIMED_OUT
    return None


class _Pipes:
    """The three pipes of a process, and the wire if there is one."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes], first: bytes, capture: Capture) -> None:
        self._stdin = stdin
        self._outputs = {stdout.fileno(): "stdout", stderr.fileno(): "stderr"}
        self._capture = capture
        self._feed = Feed(first, capture.wire)
        for pipe in (stdin, stdout, stderr):
            os.set_blocking(pipe.fileno(), False)

    def talk(self, until: float) -> Ending | None:
        """Talk until both outputs are closed and what was to be read is read or refused."""
        with selectors.DefaultSelector() as selector:
            for descriptor in self._outputs:
                selector.register(descriptor, selectors.EVENT_READ)
            while self._outputs or self._feed.waiting:
                self._watch(selector)
                left = until - time.monotonic()
                if left <= 0:
                    return Ending.TIMED_OUT
                for key, events in selector.select(left):
                    self._step(selector, key.fileobj, events)
                if self._capture.overflowed:
                    return Ending.OUTPUT_LIMIT
        return None

    def _watch(self, selector: selectors.BaseSelector) -> None:
        if self._capture.wire is not None:
            watch(selector, self._capture.wire, self._capture.wire.events)
        if not self._stdin.closed:
            watch(selector, self._stdin, selectors.EVENT_WRITE if self._feed.waiting else 0)
            if self._feed.over:
                with suppress(BrokenPipeError):
                    self._stdin.close()

    def _step(self, selector: selectors.BaseSelector, what: object, events: int) -> None:
        if isinstance(what, Wire):
            self._feed.add(what.exchange(events))
        elif isinstance(what, int):
            if not _read(what, self._outputs[what], self._capture):
                selector.unregister(what)
                del self._outputs[what]
        else:
            self._feed.write(partial(os.write, self._stdin.fileno()))


def _read(descriptor: int, name: str, capture: Capture) -> bool:
    """Read once; return whether there may be more."""
    try:
        piece = os.read(descriptor, _PIECE)
    except BlockingIOError:
        return True
    capture.feed(name, piece)
    return bool(piece)
