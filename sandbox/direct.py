"""The conversation with a command over pipes that lead straight to it, past the engine.

An engine copies what a command says three times, and is woken for each line of it on the processors that the command
wants for itself. So a container is made with a folder of named pipes, which the process that becomes the command opens
in the place of the engine's. Who is dead and how it ended is still the engine's and the kernel's to say.
"""

from __future__ import annotations

import fcntl
import os
import selectors
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from sandbox.capture import Capture
from sandbox.contract import Ending
from sandbox.docker_talk import talk_until
from sandbox.errors import SandboxBroken
from sandbox.wire import Feed, Wire, watch

INSIDE = "/opt/successor/pipes"
"""Where the folder is mounted."""

_MODES = {"in": 0o644, "out": 0o622, "err": 0o622}
_PIECE = 1024 * 1024
_ROOM = 1024 * 1024
"""Bytes that a pipe holds, where the kernel allows it: a command writes on, and does not wait for us to read."""
_REST_SECONDS = 0.003
"""Pause between two looks when nobody waits for an answer: else each line that a command writes wakes us, on the
processors that the command wants for itself."""
_DRAIN_SECONDS = 10.0


class Pipes:
    """Three named pipes in a folder, and our ends of them. `parent` must be closed to other users of the machine."""

    def __init__(self, parent: Path) -> None:
        self.folder = parent / "pipes"
        self._open: dict[str, int] = {}
        try:
            self.folder.mkdir()
            self.folder.chmod(0o755)
            for name, mode in _MODES.items():
                os.mkfifo(self.folder / name)
                (self.folder / name).chmod(mode)
                # Our end of the input reads as well, so that it can be opened before there is anybody to read.
                flags = os.O_RDWR if name == "in" else os.O_RDONLY
                self._open[name] = os.open(self.folder / name, flags | os.O_NONBLOCK | os.O_CLOEXEC)
                with suppress(OSError):
                    fcntl.fcntl(self._open[name], fcntl.F_SETPIPE_SZ, _ROOM)
        except OSError as error:
            self.close()
            raise SandboxBroken(f"no pipes could be made: {error.strerror}", mend="Free some disk") from error

    def begin(self) -> None:
        """Let go of the reading end of the input: the command has its own by now, and when it closes that, we know."""
        with suppress(OSError):
            writing = os.open(self.folder / "in", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            os.close(self._open["in"])
            self._open["in"] = writing
        # The names have served. Left there, whoever reads every file inside would hang at the first of them.
        for name in _MODES:
            with suppress(OSError):
                (self.folder / name).unlink()

    def descriptor(self, name: str) -> int | None:
        """Return our end of `in`, `out` or `err`; None once it is closed."""
        return self._open.get(name)

    def shut(self, name: str) -> None:
        """Close one end."""
        descriptor = self._open.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)

    def close(self) -> None:
        """Close all ends. May be called twice."""
        for name in tuple(self._open):
            self.shut(name)


class _Input:
    """Our end of the input, as something a selector can watch."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor


class DirectTalk:
    """One conversation over pipes: fed, read and capped at once, as by `Talk` over the engine's stream."""

    def __init__(self, pipes: Pipes, stdin: bytes, capture: Capture) -> None:
        self._pipes = pipes
        self._capture = capture
        self._feed = Feed(stdin, capture.wire)
        self._outputs = {pipes.descriptor("out"): "stdout", pipes.descriptor("err"): "stderr"}
        self._input = _Input(pipes.descriptor("in") or 0)

    def run(self, until: float, running: Callable[[], bool]) -> Ending | None:
        """Talk until the command is over, and return why it must be killed: None when it ended by itself.

        The end of its outputs is not the end of the command, nor the reverse: what it left running may hold them open.
        """
        with selectors.DefaultSelector() as selector:
            for descriptor in self._outputs:
                assert descriptor is not None
                selector.register(descriptor, selectors.EVENT_READ)
            return talk_until(until, running, lambda: bool(self._outputs), partial(self._step, selector), self._capture)

    def drain(self) -> None:
        """Read what is left once everything is dead, up to the cap: all of it is in the pipes."""
        until = time.monotonic() + _DRAIN_SECONDS
        while self._outputs and not self._capture.overflowed:
            for descriptor in tuple(self._outputs):
                self._read(descriptor)
            if time.monotonic() >= until:
                raise SandboxBroken("somebody outside holds the pipes of a dead container", mend="See who (`lsof`)")

    def _step(self, selector: selectors.BaseSelector, seconds: float) -> None:
        self._watch(selector)
        for key, events in selector.select(seconds):
            if isinstance(key.fileobj, Wire):
                self._feed.add(key.fileobj.exchange(events))
            elif isinstance(key.fileobj, _Input):
                self._feed.write(partial(os.write, key.fileobj.fileno()))
            elif not self._read(key.fd):
                selector.unregister(key.fd)
        if self._capture.wire is None and self._outputs:
            time.sleep(_REST_SECONDS)

    def _watch(self, selector: selectors.BaseSelector) -> None:
        wire = self._capture.wire
        if wire is not None:
            watch(selector, wire, wire.events)
        if self._pipes.descriptor("in") is not None:
            watch(selector, self._input, self._feed.waiting * selectors.EVENT_WRITE)
            if self._feed.over:
                self._pipes.shut("in")

    def _read(self, descriptor: int | None) -> bool:
        """Read once; return whether there may be more."""
        assert descriptor is not None
        try:
            piece = os.read(descriptor, _PIECE)
        except BlockingIOError:
            return True
        if piece:
            self._capture.feed(self._outputs[descriptor], piece)
        else:
            del self._outputs[descriptor]
        return bool(piece)
