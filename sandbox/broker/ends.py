"""One end of a connection, of a sandbox or to a model: what came and was not taken yet, and whether more can be sent.

asyncio's streams would do the same with a layer more, and see no end of what is not being read.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import ssl

_READ_AHEAD = 256 * 1024


class Ends(asyncio.Protocol):
    """The protocol of one socket of the loop. One task at a time waits for it."""

    def __init__(self, *, answers: bool = False) -> None:
        """`answers`: who is at the other end may be told something after they have said all."""
        self._answers = answers
        self._came = bytearray()
        self._over = False
        self._error: Exception | None = None
        self._transport: asyncio.Transport | None = None
        """What is sent through."""
        self._socket: asyncio.Transport | None = None
        """What is read from: the same, or what lies below TLS. Paused above it, uvloop drops the last that came."""
        self._full = False
        self._waiting: asyncio.Future[None] | None = None
        self.when_over: Callable[[], None] | None = None
        """Called when nothing more comes."""

    @property
    def has_something(self) -> bool:
        """Whether bytes or the end have come."""
        return bool(self._came) or self._over

    @property
    def is_over(self) -> bool:
        """Whether the end has come, whatever lies before it."""
        return self._over

    @property
    def is_closing(self) -> bool:
        """Whether nothing that is sent now would leave."""
        return self._transport is None or self._transport.is_closing()

    @property
    def is_quiet(self) -> bool:
        """Whether all has left and nothing came, not even to the machine: who speaks unasked is hanging up."""
        if self._transport is None or self._socket is None or self.has_something or self.is_closing:
            return False
        if self._transport.get_write_buffer_size() or self._socket.get_write_buffer_size():
            return False
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    async def take(self) -> bytes:
        """Return what came, once something did; nothing when nothing comes any more.

        Raises `OSError` when the connection broke.
        """
        while not self.has_something:
            await self._change()
        if not self._came and self._error is not None:
            raise ConnectionResetError(type(self._error).__name__) from self._error
        taken = bytes(self._came)
        self._came.clear()
        if len(taken) >= _READ_AHEAD and self._socket is not None:
            self._socket.resume_reading()
        return taken

    def send(self, content: bytes) -> bool:
        """Send something; return whether that was all that can wait to leave, and `drained` should be waited for."""
        if self._transport is not None:
            self._transport.write(content)
        return self._full

    async def drained(self) -> None:
        """Wait until more can be sent. Raises `OSError` when nothing can."""
        while self._full and self._transport is not None:
            await self._change()
        if self._transport is None:
            raise ConnectionResetError from self._error

    def say_all(self) -> None:
        """Let the other end know that nothing more is sent."""
        if self._transport is not None:
            with suppress(OSError):
                self._transport.write_eof()

    def close(self) -> None:
        """Hang up, once what was sent has left."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    async def closed(self) -> None:
        """Wait until it is hung up."""
        while self._transport is not None:
            await self._change()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = self._socket = cast("asyncio.Transport", transport)  # both ways, whichever loop made it

    async def secure(self, believed: ssl.SSLContext, name: str) -> None:
        """Go on in secret, once it is proven that `name` is at the other end. Raises `OSError`."""
        if self._socket is None:
            raise ConnectionAbortedError
        loop = asyncio.get_running_loop()
        self._transport = await loop.start_tls(self._socket, self, believed, server_hostname=name)
        if self._transport is None:
            raise ConnectionAbortedError

    def data_received(self, data: bytes) -> None:
        """Keep it until it is taken."""
        self._came += data
        if self._socket is not None and len(self._came) >= _READ_AHEAD:
            self._socket.pause_reading()
        self._changed()

    def eof_received(self) -> bool:
        """Nothing more comes; without `answers` that hangs up."""
        self._end()
        return self._answers

    def connection_lost(self, exc: Exception | None) -> None:
        """Neither way goes any more."""
        self._error, self._transport, self._socket = exc, None, None
        self._end()

    def pause_writing(self) -> None:
        """Wait with sending."""
        self._full = True

    def resume_writing(self) -> None:
        """Send on."""
        self._full = False
        self._changed()

    def _end(self) -> None:
        self._over = True
        self._changed()
        if self.when_over is not None:
            self.when_over()

    async def _change(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _changed(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
