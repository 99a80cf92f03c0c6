"""One connection from a sandbox: strict HTTP/1.1 by h11, under caps and deadlines, one call at a time.

Of what the sandbox sends, only method, path and body are used; every other header is read for framing and dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import h11

from sandbox.broker.ends import Ends
from sandbox.broker.policy import ENDPOINTS
from sandbox.broker.refusal import Refusal
from sandbox.broker.rules import Caps

_LINGER_SECONDS = 1.0
_BEFORE_VALUES = (b"[", b"{", b",")
"""Each value of a JSON text but the first follows one of these. Those within strings are counted as well."""
_BYTES_OF_A_VALUE = 64
"""Three bytes of text can become so many of memory."""
_JSON = (("content-type", "application/json"), ("x-should-retry", "false"))
_EVENTS = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-store"))


class Gone(ConnectionError):
    """Nobody takes what is sent any more."""


@dataclass
class Room:
    """Bytes of memory that the requests of one sandbox may take while they are under way."""

    left: int


Answerer = Callable[[str, bytes, "Connection"], Coroutine[Any, Any, None]]
"""Given path, body and the way back, answers one call. Raises `ConnectionError` when the sandbox has gone."""


class Connection:
    """Speaks with one client until it leaves or errs. The way back for whoever answers its calls."""

    def __init__(self, ends: Ends, caps: Caps, room: Room) -> None:
        self._ends = ends
        self._caps = caps
        self._room = room
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=caps.head)
        self._taken = 0
        self._last = False

    async def serve(self, answer: Answerer) -> None:
        """Answer calls, one after the other."""
        try:
            while await self._serve_one(answer):
                self._http.start_next_cycle()
        except (ConnectionError, h11.LocalProtocolError):
            pass
        finally:
            self._give_back()
            await self._hang_up()

    async def turn_away(self, refusal: Refusal) -> None:
        """Say no before anything was asked, and close."""
        try:
            with suppress(ConnectionError, h11.LocalProtocolError):
                await self._refuse(refusal)
        finally:
            await self._hang_up()

    async def _hang_up(self) -> None:
        """Let what was sent leave, within reason; until then this connection counts as one."""
        self._ends.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._caps.write):
                    await self._ends.closed()
        finally:
            self._ends.abort()

    async def _serve_one(self, answer: Answerer) -> bool:
        """Read one call and have it answered; return whether another may follow."""
        try:
            received = await self._receive()
        except h11.RemoteProtocolError as error:
            # h11's hint is 400, or 431 for a head that is too long.
            received = Refusal(
                error.error_status_hint if error.error_status_hint == 431 else 400, "this is not HTTP/1.1"
            )
        except TimeoutError:
            received = Refusal(408, "the request did not come in time")
        if received is None:
            return False
        if isinstance(received, Refusal):
            await self._refuse(received)
            return False  # what follows on this connection cannot be told apart from a body that was not read
        await self._while_there(answer(*received, self))
        await asyncio.sleep(0)  # who asked many things at once does not keep all others waiting
        self._give_back()
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    async def _refuse(self, refusal: Refusal) -> None:
        """Say no for the last time on this connection, and let the client finish what it is saying, within reason.

        While it speaks it would not hear the answer.
        """
        self._last = True
        await self.answer(refusal.status, refusal.body())
        with suppress(OSError, TimeoutError):
            self._ends.say_all()
            async with asyncio.timeout(_LINGER_SECONDS):
                while await self._ends.take():
                    pass

    async def _receive(self) -> tuple[str, bytes] | Refusal | None:
        """Read one request whole; None when the client left instead."""
        if not self._http.trailing_data[0]:  # nothing came along with the call before
            first = await self._wait()
            if not first:
                return None
            self._http.receive_data(first)
        head = await self._next(_now() + self._caps.read_head)
        if not isinstance(head, h11.Request):
            return None
        path = head.target.decode("ascii", "replace")
        refusal = _refuse_head(head.method, path, dict(head.headers), self._caps.request)
        if refusal is not None:
            return refusal
        if self._http.they_are_waiting_for_100_continue:
            await self._put(h11.InformationalResponse(status_code=100, headers=[]))
        body = await self._body(_now() + self._caps.read_body)
        return body if isinstance(body, Refusal) else (path, body)

    async def _wait(self) -> bytes:
        """Return the first bytes of a call; none when the client left, or has nothing more to ask."""
        with suppress(TimeoutError):
            return await self._came(_now() + self._caps.idle)
        return b""

    async def _body(self, until: float) -> bytes | Refusal:
        content = bytearray()
        while isinstance(event := await self._next(until), h11.Data):
            content += event.data
            if not self._takes(len(event.data)):
                return _too_much()
        if not isinstance(event, h11.EndOfMessage):
            raise Gone
        values = sum(map(content.count, _BEFORE_VALUES))
        if values > self._caps.values:
            return Refusal(413, f"a request may have about {self._caps.values} values at most")
        return bytes(content) if self._takes(values * _BYTES_OF_A_VALUE) else _too_much()

    def _takes(self, size: int) -> bool:
        """Take so much of the room; return whether there was so much left."""
        self._taken += size
        self._room.left -= size
        return self._room.left >= 0

    async def _next(self, until: float) -> h11.Event | type[h11.NEED_DATA | h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            piece = await self._came(until)
            if not piece:
                raise Gone
            self._http.receive_data(piece)
        return event

    async def _came(self, until: float) -> bytes:
        """Return what came; nothing when nothing comes any more. Raises `TimeoutError`."""
        if self._ends.has_something:
            return await self._ends.take()
        async with asyncio.timeout_at(until):
            return await self._ends.take()

    async def _while_there(self, answering: Coroutine[Any, Any, None]) -> None:
        """Have a call answered; when the client leaves before it is, stop at once: every token costs."""
        task, left = asyncio.current_task(), False
        assert task is not None

        def leave() -> None:
            nonlocal left
            if not left and self._http.our_state is not h11.DONE:
                left = task.cancel()

        self._ends.when_over = leave
        try:
            if self._ends.is_over:
                leave()
            await answering
        except asyncio.CancelledError:
            if left and not task.uncancel():  # nobody else wants this to end
                raise Gone from None
            raise
        finally:
            self._ends.when_over = None
        if left:
            if not task.uncancel():
                with suppress(asyncio.CancelledError):  # our own, which came when there was nothing left to stop
                    await asyncio.sleep(0)
            raise Gone

    async def answer(self, status: int, body: bytes) -> None:
        """Send a whole answer in JSON."""
        headers = [*_JSON, ("content-length", str(len(body)))]
        if status == 200:
            headers.remove(_JSON[1])
        if self._last:
            headers.append(("connection", "close"))
        await self._put(h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage())

    async def begin(self) -> None:
        """Send the head of a stream, together with its first events."""
        head = self._http.send(h11.Response(status_code=200, headers=[*_EVENTS, ("transfer-encoding", "chunked")]))
        self._ends.send(head or b"")

    async def send(self, events: bytes) -> None:
        """Send events."""
        await self._put(h11.Data(data=events))

    async def finish(self) -> None:
        """End the stream."""
        await self._put(h11.EndOfMessage())

    async def _put(self, *events: h11.Event) -> None:
        if self._ends.is_closing:
            raise Gone
        full = self._ends.send(b"".join(self._http.send(event) or b"" for event in events))
        try:
            if full:
                async with asyncio.timeout(self._caps.write):
                    await self._ends.drained()
        except TimeoutError as error:
            self._ends.abort()
            raise Gone from error

    def _give_back(self) -> None:
        self._room.left += self._taken
        self._taken = 0


def _now() -> float:
    """The time that deadlines of the loop go by."""
    return asyncio.get_running_loop().time()


def _refuse_head(method: bytes, path: str, headers: dict[bytes, bytes], cap: int) -> Refusal | None:
    if path not in ENDPOINTS:
        return Refusal(404, f"there is nothing at {path[:80]!r} here")
    if method != b"POST":
        return Refusal(405, "only POST is answered here")
    if not headers.get(b"content-type", b"application/json").lower().startswith(b"application/json"):
        return Refusal(400, "the body must be application/json")
    # In frames a body could come a byte at a time, at work for each, and keep all others waiting.
    if headers.get(b"content-encoding", b"identity") != b"identity" or b"transfer-encoding" in headers:
        return Refusal(400, "the body must come as it is and as long as it says: not compressed, with content-length")
    if int(headers.get(b"content-length", b"0")) > cap:  # h11 has seen to it that this is a number
        return _too_large(cap)
    return None


def _too_large(cap: int) -> Refusal:
    return Refusal(413, f"a request may have at most {cap} bytes")


def _too_much() -> Refusal:
    return Refusal(529, "too much is under way from this sandbox")
