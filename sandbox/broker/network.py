"""The connections to an upstream: HTTP/1.1 by h11 on sockets of the loop itself, one request at a time on each.

Loaded by what opens an upstream. A pool and a client of a library, with what they trace, lock and shield, took an
eighth of what a call cost the broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import h11

from sandbox.broker.ends import Ends
from sandbox.broker.upstream import Address, Cut, Silent, Unreachable

_HEAD_BYTES = 100 * 1024


class Wire:
    """One connection. Everything raises `UpstreamFailed`, and after that there is nothing left but to close it."""

    def __init__(self, ends: Ends) -> None:
        self._ends = ends
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)

    @classmethod
    async def open(cls, address: Address, seconds: float) -> Wire:
        """Connect, within so many seconds, and know who is at the other end."""
        loop, ends = asyncio.get_running_loop(), Ends()
        try:
            async with asyncio.timeout(seconds):
                if address.path:
                    await loop.create_unix_connection(lambda: ends, address.path)
                else:
                    await loop.create_connection(lambda: ends, address.host, address.port)
                if address.secret is not None:
                    await ends.secure(address.secret, address.host)
        except BaseException as error:
            ends.abort()
            if isinstance(error, OSError | UnicodeError):  # of the network, of the certificate, of time; of a name
                raise Unreachable(type(error).__name__) from error
            raise
        return cls(ends)

    @property
    def is_quiet(self) -> bool:
        """Whether a connection that rests may be used again."""
        return self._ends.is_quiet

    async def ask(self, request: h11.Request, body: bytes, silence: float) -> h11.Response:
        """Send a request in one piece, and return the head of the answer; `silence` is the most seconds without one."""
        said = (request, h11.Data(data=body), h11.EndOfMessage())
        self._ends.send(b"".join(self._http.send(event) or b"" for event in said))
        while isinstance(event := await self._next(silence), h11.InformationalResponse):
            pass
        if not isinstance(event, h11.Response):
            raise Cut("no answer")
        return event

    async def pieces(self, silence: float) -> AsyncIterator[bytes]:
        """Yield the body of the answer as it comes, with at most so many seconds between two pieces."""
        while isinstance(event := await self._next(silence), h11.Data):
            yield bytes(event.data)

    def rest(self) -> bool:
        """End a call; return whether another can follow on this connection.

        What came behind the answer would be taken for the answer to the next call, which may be another sandbox's.
        """
        done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        done = done and not self._http.trailing_data[0]
        if done:
            self._http.start_next_cycle()
        return done

    def close(self) -> None:
        """Hang up."""
        self._ends.abort()

    async def closed(self) -> None:
        """Wait until it is hung up."""
        await self._ends.closed()

    async def _next(self, silence: float) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                self._http.receive_data(await self._taken(silence))
        except h11.RemoteProtocolError as error:
            raise Cut(type(error).__name__) from error
        return event

    async def _taken(self, silence: float) -> bytes:
        try:
            if self._ends.has_something:
                return await self._ends.take()
            async with asyncio.timeout(silence):
                return await self._ends.take()
        except TimeoutError as error:
            raise Silent(type(error).__name__) from error
        except OSError as error:
            raise Cut(type(error).__name__) from error
