"""Bytes that come out of a command: kept up to a cap, never more."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from sandbox.contract import Ending

_PIECE = 256 * 1024
_ALWAYS_WRITABLE = 64 * 1024


class Capture:
    """Two streams, standard output and standard error, each kept up to `cap` bytes."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._streams = {"stdout": bytearray(), "stderr": bytearray()}
        self.overflowed = False

    def feed(self, stream: str, piece: bytes | memoryview) -> None:
        """Keep what fits of `piece`; note when something did not."""
        kept = self._streams[stream]
        room = self._cap - len(kept)
        kept += piece[:room]
        self.overflowed = self.overflowed or len(piece) > room

    @property
    def stdout(self) -> bytes:
        """What was kept of standard output."""
        return bytes(self._streams["stdout"])

    @property
    def stderr(self) -> bytes:
        """What was kept of standard error."""
        return bytes(self._streams["stderr"])


def converse(process: subprocess.Popen[bytes], stdin: bytes, capture: Capture, until: float) -> Ending | None:
    """Feed `stdin` and read both outputs at once until they close and the process ends.

    Returns None when the process ended by itself, `TIMED_OUT` when the monotonic clock passed `until`, `OUTPUT_LIMIT`
    when a stream went over its cap. The process is left to the caller to kill in the two latter cases.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with selectors.DefaultSelector() as selector:
        for pipe, name in ((process.stdout, "stdout"), (process.stderr, "stderr")):
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, _reader(pipe, name, capture))
        if stdin:
            os.set_blocking(process.stdin.fileno(), False)
            selector.register(process.stdin, selectors.EVENT_WRITE, _writer(process.stdin, stdin))
        else:
            process.stdin.close()
        while selector.get_map():
            left = until - time.monotonic()
            if left <= 0:
                return Ending.TIMED_OUT
            for key, _ in selector.select(left):
                if not key.data():
                    selector.unregister(key.fileobj)
                    _close(key.fileobj)
            if capture.overflowed:
                return Ending.OUTPUT_LIMIT
    try:
        process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        return Ending.TIMED_OUT
    return None


def _close(pipe: object) -> None:
    with suppress(BrokenPipeError):
        pipe.close()  # type: ignore[attr-defined]  # selectors type every file object as int | HasFileno


def _reader(pipe: IO[bytes], name: str, capture: Capture) -> Callable[[], bool]:
    """Return a step that reads once; it answers whether there may be more."""

    def step() -> bool:
        try:
            piece = os.read(pipe.fileno(), _PIECE)
        except BlockingIOError:
            return True
        capture.feed(name, piece)
        return bool(piece)

    return step


def _writer(pipe: IO[bytes], content: bytes) -> Callable[[], bool]:
    """Return a step that writes once; it answers whether there is more to write."""
    left = memoryview(content)

    def step() -> bool:
        nonlocal left
        try:
            left = left[os.write(pipe.fileno(), left[:_ALWAYS_WRITABLE]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            return False  # the command does not want the rest, which is its right
        return bool(left)

    return step
