"""The door of one sandbox: its connections, its calls, and what is known of them."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.broker.connection import Connection, Room
from sandbox.broker.ends import Ends
from sandbox.broker.exchange import Exchange
from sandbox.broker.ledger import Scope, Spent
from sandbox.broker.payment import Till
from sandbox.broker.policy import ENDPOINTS
from sandbox.broker.refusal import BUDGET, Refusal
from sandbox.broker.transcript import Transcripts, document_of
from sandbox.contract import Mount

_BREATH = 0.05
_LARGE = 64 * 1024
"""Bytes of a request from which the time that it takes to read it counts."""
_RESTS = 3.0
"""How long others have, in times of what a large request took to be read, before the next one of this sandbox is."""

INSIDE = "/run/broker"
"""Where the folder with the socket is seen inside a sandbox."""


@dataclass
class Traffic:
    """What went through a door. `endings` counts calls by how they ended, see `Exchange.ending`."""

    endings: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    """Calls that the upstream failed, by the kind of error: says nothing about the candidate."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Calls that were refused, by the code or kind of the refusal."""
    retries: int = 0
    last_failure: str = ""
    """The kind of error with which the upstream failed the call for a message that ended last; empty when that one was
    answered."""


class Door:
    """One socket, for one candidate, as long as one sandbox lives. Made by `Broker.serve`."""

    def __init__(
        self, till: Till, candidate: str, path: Path, transcripts: Transcripts, key: str, *, calls: int | None = None
    ) -> None:
        self.candidate = candidate
        self.path = path
        """The socket on the host."""
        self.traffic = Traffic()
        self.used = Spent()
        """What was spent through this door alone."""
        self.transcript: list[str] = []
        """Digests of the exchanges, in the order in which they ended."""
        self.exhausted: Scope | None = None
        """The scope of the first call that was refused for want of budget; once the door is closed this is final."""
        self.lost = ""
        """Why an exchange could not be kept or booked; from then on nothing is answered."""
        self._till = till
        self._caps = till.line.config.caps
        self._most_calls = self._caps.calls if calls is None else min(calls, self._caps.calls)
        self._transcripts = transcripts
        self._key = key
        self._room = Room(self._caps.held)
        self._calls = 0
        self._received = 0
        self._turn = asyncio.Lock()
        self._connections: set[asyncio.Task[None]] = set()
        self._keeping: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None

    @property
    def mount(self) -> Mount:
        """The folder of the socket, as a sandbox is given it."""
        return Mount(self.path.parent.absolute(), INSIDE, lasting=True)

    @property
    def spent(self) -> Spent:
        """What the candidate has spent, through this door and earlier ones of the same ledger."""
        return self._till.ledger.spent(self.candidate)

    async def open(self, listener: socket.socket) -> None:
        """Begin to accept."""
        listener.setblocking(False)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    async def close(self) -> None:
        """Accept no more, stop what is under way, and wait until it is booked and kept."""
        listener, self._listener = self._listener, None
        if listener is not None:
            asyncio.get_running_loop().remove_reader(listener)
        await asyncio.sleep(0)  # who was just let in takes over its socket, and then gives it back
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.gather(*self._keeping)

    def _accept(self, listener: socket.socket) -> None:
        """Let one in. Called when somebody is at the door."""
        loop = asyncio.get_running_loop()
        try:
            made, _ = listener.accept()
        except BlockingIOError:  # it has gone again
            return
        except OSError:  # no descriptors left: let those who are in finish
            loop.remove_reader(listener)
            loop.call_later(_BREATH, self._accept_again)
            return
        made.setblocking(False)
        task = loop.create_task(self._speak(made))
        self._connections.add(task)
        task.add_done_callback(self._left)

    def _accept_again(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._accept, self._listener)

    def _left(self, task: asyncio.Task[None]) -> None:
        """Forget a connection; one that ended by a mistake of ours ends the service, which must not go on unwatched."""
        self._connections.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # By its kind alone: what an error holds can be a header with our key in it.
            self.lost = self.lost or f"the broker failed: {type(error).__name__}"

    async def _speak(self, made: socket.socket) -> None:
        ends = Ends(answers=True)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: ends, made)
        except BaseException:
            made.close()
            raise
        connection = Connection(ends, self._caps, self._room)
        if len(self._connections) > self._caps.connections:
            await connection.turn_away(Refusal(529, "too many connections from this sandbox"))
        else:
            await connection.serve(self._answer)

    async def _answer(self, path: str, content: bytes, out: Connection) -> None:
        self._calls += 1
        if self.lost:
            refusal = Refusal(503, "the broker cannot keep its records, and answers nothing")
            await out.answer(refusal.status, refusal.body())
            return
        self._received += len(content)
        if self._calls > self._most_calls or self._received > self._caps.total:
            refusal = Refusal(429, "this sandbox has asked all that it may ask", "calls_exhausted")
            await out.answer(refusal.status, refusal.body())
            return
        exchange = Exchange(self._till, self.candidate, self._calls, path, content, out)
        try:
            if len(content) > _LARGE:
                await self._in_turn(exchange)
            await exchange.run()
        except ConnectionError:
            raise
        except OSError as error:
            self.lost = self.lost or f"the journal cannot be written: {error}"
            raise
        finally:
            keeping = asyncio.ensure_future(self._keep(exchange))
            self._keeping.add(keeping)
            keeping.add_done_callback(self._keeping.discard)
            await asyncio.shield(keeping)

    async def _in_turn(self, exchange: Exchange) -> None:
        """Read a large request, one after the other, with rests: all sandboxes are served by one thread."""
        clock = self._till.line.clock
        async with self._turn:
            started = clock.seconds()
            exchange.admit()
            await clock.sleep(_RESTS * (clock.seconds() - started))

    async def _keep(self, exchange: Exchange) -> None:
        """Count a call and write it down; what cannot be written down ends the service."""
        self._count(exchange)
        try:
            self.transcript.append(await asyncio.to_thread(self._store, exchange))
        except OSError as error:
            self.lost = self.lost or f"the transcript cannot be written: {error}"

    def _store(self, exchange: Exchange) -> str:
        return self._transcripts.put(document_of(exchange.record(), self._key))

    def _count(self, exchange: Exchange) -> None:
        self.traffic.endings[exchange.ending] += 1
        if exchange.charge is not None:
            self.used = self.used.plus(exchange.charge.usage, exchange.charge.micro_usd)
        if exchange.refusal is not None:
            if exchange.refusal.code == BUDGET:
                self.exhausted = self.exhausted or exchange.refusal.details["scope"]
            self.traffic.refusals[exchange.refusal.code or exchange.refusal.document["error"]["type"]] += 1
        failure = ""
        if exchange.delivery is not None:
            self.traffic.retries += max(0, len(exchange.delivery.tried) - 1)
            if exchange.delivery.failure is not None:
                failure = exchange.delivery.failure.refusal.document["error"]["type"]
                self.traffic.failures[failure] += 1
        # Many servers give no count of tokens: who asks for one does not go without a model for that.
        if ENDPOINTS[exchange.path] == "messages":
            self.traffic.last_failure = failure
