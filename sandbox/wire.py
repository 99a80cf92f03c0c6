"""Talking with a command while it runs: what it is given to read, and where what it says goes at once."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

_PIECE = 256 * 1024
_ALWAYS_WRITABLE = 64 * 1024


class Wire:
    """Our end of `Command.wire`: what the command said waits here until the other side takes it, and the reverse.

    Nothing is held back from a side that reads slowly: what waits is bounded by `cap`, the most that may pass in all,
    in each direction.
    """

    def __init__(self, connection: socket.socket, cap: int) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._room_in, self._room_out = cap, cap
        self._waiting = bytearray()
        self._gone = False
        self.open = True
        """Whether more may come for the command."""
        self.overflowed = False

    def fileno(self) -> int:
        """The descriptor to watch."""
        return self._connection.fileno()

    @property
    def events(self) -> int:
        """What to watch it for, as `selectors` understands it; 0 when there is nothing to wait for."""
        return self.open * selectors.EVENT_READ | bool(self._waiting) * selectors.EVENT_WRITE

    def put(self, piece: bytes | memoryview) -> None:
        """Take what the command said. When the other side has gone there is nobody to tell, which is no error."""
        self._room_out -= len(piece)
        self.overflowed = self.overflowed or self._room_out < 0
        if not self.overflowed and not self._gone:
            self._waiting += piece
            self._send()

    def exchange(self, events: int) -> bytes:
        """Send and receive as `events` says is possible; return what came for the command."""
        if events & selectors.EVENT_WRITE:
            self._send()
        return self._receive() if events & selectors.EVENT_READ else b""

    def finish(self, until: float) -> None:
        """Pass on what still waits, once the command is dead, and hang up.

        A side that does not listen by `until` has lost it; one that still speaks hears that nobody is there.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(self, selectors.EVENT_WRITE)
            while self._waiting and (left := until - time.monotonic()) > 0:
                if selector.select(left):
                    self._send()
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _send(self) -> None:
        try:
            del self._waiting[: self._connection.send(self._waiting)]
        except BlockingIOError:
            return
        except OSError:
            self._gone = True
            self._waiting.clear()

    def _receive(self) -> bytes:
        try:
            piece = self._connection.recv(_PIECE)
        except BlockingIOError:
            return b""
        except OSError:
            piece = b""
        self.open = bool(piece)
        self._room_in -= len(piece)
        self.overflowed = self.overflowed or self._room_in < 0
        return piece


class Feed:
    """What a command is given to read: its first bytes, then what comes over the wire, then the end."""

    def __init__(self, first: bytes, wire: Wire | None) -> None:
        self._pending = bytearray(first)
        self._wire = wire
        self._refused = False

    @property
    def waiting(self) -> bool:
        """Whether there are bytes that the command has not taken."""
        return bool(self._pending)

    @property
    def over(self) -> bool:
        """Whether nothing more will come, so that the command may be told that its input has ended."""
        return self._refused or not (self._pending or (self._wire is not None and self._wire.open))

    def add(self, piece: bytes) -> None:
        """Put what came over the wire behind what waits."""
        if not self._refused:
            self._pending += piece

    def write(self, send: Callable[[bytes], int]) -> None:
        """Give the command what it takes now. It may not want the rest, which is its right."""
        try:
            del self._pending[: send(bytes(self._pending[:_ALWAYS_WRITABLE]))]
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            self._refused = True
            self._pending.clear()


class Watched(Protocol):
    """Something a selector can watch."""

    def fileno(self) -> int:
        """The descriptor."""
        ...


def watch(selector: selectors.BaseSelector, what: Watched, events: int) -> None:
    """Have `selector` watch `what` for exactly these events; 0 stands for not at all."""
    known = selector.get_map().get(what)
    if not events:
        if known is not None:
            selector.unregister(what)
    elif known is None:
        selector.register(what, events)
    elif known.events != events:
        selector.modify(what, events)
