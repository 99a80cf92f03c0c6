"""The sockets on the way to an upstream, for the HTTP of httpcore2: asyncio's own, and one write for one request.

Loaded by what opens an upstream. Half of what a call costs the broker goes away with the layers that this leaves out.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, cast

import httpcore2

_READ_AHEAD = 256 * 1024


class Network(httpcore2.AsyncNetworkBackend):
    """Opens connections. Everything raises the errors of httpcore2."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> Wire:
        """Connect to a host."""
        del local_address, socket_options  # nobody here asks for any
        loop = asyncio.get_running_loop()
        return await _opened(loop.create_connection(_Ends, host, port), timeout)

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> Wire:
        """Connect to a socket in the file system."""
        del socket_options
        return await _opened(asyncio.get_running_loop().create_unix_connection(_Ends, path), timeout)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class Wire(httpcore2.AsyncNetworkStream):
    """One connection. What is written leaves with the next read, in one piece: who asks then waits for an answer."""

    def __init__(self, transport: asyncio.Transport, ends: _Ends) -> None:
        self._transport = transport
        self._ends = ends
        self._unsent: list[bytes] = []

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Send what is to be sent, and return what came; nothing when nothing comes any more."""
        try:
            async with asyncio.timeout(timeout):
                await self._send()
                return await self._ends.take(max_bytes)
        except TimeoutError as error:
            raise httpcore2.ReadTimeout from error
        except OSError as error:
            raise httpcore2.ReadError from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Lay something by for sending."""
        del timeout
        if buffer:
            self._unsent.append(buffer)

    async def aclose(self) -> None:
        """Hang up."""
        self._unsent.clear()
        self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> Wire:
        """Go on in secret, once it is known who is at the other end."""
        loop = asyncio.get_running_loop()

        async def secured() -> tuple[asyncio.Transport, _Ends]:
            await self._send()
            name = server_hostname
            made = await loop.start_tls(self._transport, self._ends, ssl_context, server_hostname=name)
            if made is None:
                raise ConnectionAbortedError
            return made, self._ends

        return await _opened(secured(), timeout, otherwise=self._transport.abort)

    def get_extra_info(self, info: str) -> Any:
        """Say what httpcore2 asks of a connection: whether it may be used again, and whether it is secret."""
        if info == "is_readable":
            return self._ends.has_something or _readable(self._transport.get_extra_info("socket"))
        return self._transport.get_extra_info(info)

    async def _send(self) -> None:
        if self._unsent:
            said, self._unsent = b"".join(self._unsent), []
            self._transport.write(said)
        await self._ends.drained()


class _Ends(asyncio.Protocol):
    """What came and was not taken yet, and whether there is room to send."""

    def __init__(self) -> None:
        self._came = bytearray()
        self._over = False
        self._error: Exception | None = None
        self._transport: asyncio.Transport | None = None
        self._full = False
        self._waiting: asyncio.Future[None] | None = None

    @property
    def has_something(self) -> bool:
        """Whether bytes or the end have come."""
        return bool(self._came) or self._over

    async def take(self, most: int) -> bytes:
        """Return what came, once something did. Raises `OSError` when the connection broke."""
        while not self.has_something:
            await self._change()
        if not self._came and self._error is not None:
            raise ConnectionResetError(type(self._error).__name__) from self._error
        taken = bytes(self._came[:most])
        del self._came[:most]
        if self._transport is not None and len(self._came) < _READ_AHEAD:
            self._transport.resume_reading()
        return taken

    async def drained(self) -> None:
        """Wait until more can be sent, or nothing can."""
        while self._full and not self._over:
            await self._change()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or begin anew above TLS."""
        self._transport = cast("asyncio.Transport", transport)  # what goes both ways, whichever loop made it

    def data_received(self, data: bytes) -> None:
        """Keep it until it is taken."""
        self._came += data
        if self._transport is not None and len(self._came) >= _READ_AHEAD:
            self._transport.pause_reading()
        self._changed()

    def eof_received(self) -> bool:
        """Nothing more comes; what is under way is hung up by whoever asked."""
        self._over = True
        self._changed()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Neither way goes any more."""
        self._over, self._error, self._transport = True, exc, None
        self._changed()

    def pause_writing(self) -> None:
        """Wait with sending."""
        self._full = True

    def resume_writing(self) -> None:
        """Send on."""
        self._full = False
        self._changed()

    async def _change(self) -> None:
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _changed(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


async def _opened(
    opening: Coroutine[Any, Any, tuple[asyncio.Transport, _Ends]],
    seconds: float | None,
    otherwise: Callable[[], None] = lambda: None,
) -> Wire:
    try:
        async with asyncio.timeout(seconds):
            return Wire(*await opening)
    except TimeoutError as error:
        otherwise()
        raise httpcore2.ConnectTimeout from error
    except OSError as error:  # of the network, of the certificate
        otherwise()
        raise httpcore2.ConnectError from error


def _readable(socket: Any) -> bool:
    """Whether something came that the loop has not read yet: an idle connection that speaks is being closed."""
    if socket is None or socket.fileno() < 0:
        return True
    poll = select.poll()
    poll.register(socket.fileno(), select.POLLIN)
    return bool(poll.poll(0))
