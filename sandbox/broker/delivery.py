"""Getting one answer: an upstream is tried until it answers, and what it says is passed on as it comes.

A stream is passed on from its first content event. Until then nothing was promised, and the call may be tried again;
after that it is never tried again, and what breaks ends as an error within the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sandbox.broker.answer import BadAnswer, ErrorEvent, Lines, Reading, whole_count, whole_message
from sandbox.broker.attempts import Cost, Failure, after_error, after_status, pause
from sandbox.broker.clock import Clock
from sandbox.broker.policy import Accepted
from sandbox.broker.refusal import Refusal
from sandbox.broker.rules import BrokerConfig
from sandbox.broker.upstream import Reply, Upstream, UpstreamFailed
from sandbox.broker.usage import Usage

_ERROR_BYTES = 256 * 1024
_DRAIN_SECONDS = 1.0


class Outlet(Protocol):
    """The way back into the sandbox. Everything raises `ConnectionError` when nobody takes it."""

    async def answer(self, status: int, body: bytes) -> None:
        """Send a whole answer in JSON."""
        ...

    async def begin(self) -> None:
        """Send the head of a stream."""
        ...

    async def send(self, events: bytes) -> None:
        """Send events."""
        ...

    async def finish(self) -> None:
        """End the stream."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """What a delivery goes over: settings, the upstream at the other end, and time."""

    config: BrokerConfig
    upstream: Upstream
    clock: Clock


class Delivery:
    """One request on its way to an upstream and back. `run` once; then the rest says what came of it."""

    def __init__(
        self, line: Line, request: Accepted, path: str, body: bytes, out: Outlet, before_end: Callable[[], None]
    ) -> None:
        """`before_end` is called once, when it is known what came of it and the sandbox does not know yet."""
        self._before_end = before_end
        self._line = line
        self._request = request
        self._path = path
        self._body = body
        self._out = out
        self._waiting: list[bytes] = []
        self.reading = Reading()
        self.begun = False
        self.usage: Usage | None = None
        """What the upstream counted, once it has answered in full."""
        self.cost = Cost.NOTHING
        """What the last attempt counts as, if it neither answered nor told its usage."""
        self.message: dict[str, Any] | None = None
        self.failure: Failure | None = None
        self.tried: list[dict[str, Any]] = []
        self.first_content: float | None = None

    async def run(self) -> None:
        """Try until there is an answer or no point, and pass on whichever it is. Raises `ConnectionError`."""
        patience = self._line.config.patience
        for attempt in range(patience.retries + 1):
            started = self._line.clock.seconds()
            failure = await self._attempt(attempt)
            self._note(failure, started)
            if failure is None:
                return
            self.failure, self.cost = failure, failure.cost
            if not failure.again or self.begun or attempt == patience.retries:
                break
            await self._line.clock.sleep(pause(patience, attempt, failure.wait, self._line.clock.jitter()))
        assert self.failure is not None
        await self._tell(self.failure.refusal)

    async def _attempt(self, attempt: int) -> Failure | None:
        """Try once; return why there is no answer."""
        self.reading, self._waiting, self.failure = Reading(), [], None
        self.cost = Cost.WORST
        try:
            async with (
                asyncio.timeout(self._line.config.patience.call),
                self._line.upstream.open(self._path, self._body, attempt) as reply,
            ):
                return await self._take(reply)
        except (UpstreamFailed, BadAnswer, ErrorEvent, TimeoutError) as error:
            return after_error(error)

    async def _take(self, reply: Reply) -> Failure | None:
        if reply.status != 200:
            return after_status(reply.status, reply.headers, await _error_body(reply))
        expected = "text/event-stream" if self._request.stream else "application/json"
        if not reply.headers.get("content-type", "").startswith(expected):
            refusal = Refusal(502, f"the model's server answered with something that is not {expected}")
            return Failure(refusal, True, Cost.NOTHING, reason="content type")
        if self._request.stream:
            await self._relay(reply)
            return None
        content = await _whole(reply, self._line.config.caps.answer)
        if self._request.endpoint == "count_tokens":
            self.message, self.usage = whole_count(content), Usage()
        else:
            self.message, self.usage = whole_message(content)
        self.first_content = self._line.clock.seconds()
        self._before_end()
        await self._out.answer(200, content)
        return None

    async def _relay(self, reply: Reply) -> None:
        cap, total = self._line.config.caps.answer, 0
        lines, pieces = Lines(cap), reply.pieces()
        async for piece in pieces:
            total += len(piece)
            if total > cap:
                raise BadAnswer(f"more than {cap} bytes")
            events = [self.reading.take(name, data) for name, data in lines.feed(piece)]
            if self.reading.ended:
                self.usage = self.reading.usage
                self._before_end()
            await self._pass_on([event.encoded() for event in events if event is not None])
            if self.reading.ended:
                break
        self.reading.end()
        await self._out.finish()
        with suppress(UpstreamFailed, TimeoutError):  # to its end, so that the connection can be used again
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in pieces:
                    pass

    async def _pass_on(self, events: Sequence[bytes]) -> None:
        self._waiting += events
        if not self.reading.content or not self._waiting:
            return
        if not self.begun:
            self.begun, self.first_content = True, self._line.clock.seconds()
            await self._out.begin()
        said, self._waiting = b"".join(self._waiting), []
        await self._out.send(said)

    async def _tell(self, refusal: Refusal) -> None:
        """Say that there is no answer: as an answer of its own, or as the end of the stream."""
        self._before_end()
        if not self.begun:
            await self._out.answer(refusal.status, refusal.body())
            return
        await self._out.send(refusal.event())
        await self._out.finish()

    def _note(self, failure: Failure | None, started: float) -> None:
        spent = round((self._line.clock.seconds() - started) * 1000)
        self.tried.append({"failure": failure.reason if failure else "", "ms": spent})


async def _whole(reply: Reply, cap: int) -> bytes:
    content = bytearray()
    async for piece in reply.pieces():
        content += piece
        if len(content) > cap:
            raise BadAnswer(f"more than {cap} bytes")
    return bytes(content)


async def _error_body(reply: Reply) -> bytes:
    """Return what an error came with, as far as it came: the status says enough."""
    content = bytearray()
    with suppress(UpstreamFailed):
        async for piece in reply.pieces():
            content += piece
            if len(content) > _ERROR_BYTES:
                break
    return bytes(content)


async def count_input(line: Line, request: Accepted, path: str, body: bytes) -> int | None:
    """Ask the upstream how many input tokens a request has; None when it does not say. Costs nothing."""
    silent = replace(line.config, patience=replace(line.config.patience, retries=0))
    delivery = Delivery(Line(silent, line.upstream, line.clock), request, path, body, _Nowhere(), lambda: None)
    await delivery.run()
    return None if delivery.message is None else int(delivery.message["input_tokens"])


class _Nowhere:
    """An outlet for what is asked on the broker's own account."""

    async def answer(self, status: int, body: bytes) -> None:
        """Forget it."""

    async def begin(self) -> None:
        """Forget it."""

    async def send(self, events: bytes) -> None:
        """Forget it."""

    async def finish(self) -> None:
        """Forget it."""
