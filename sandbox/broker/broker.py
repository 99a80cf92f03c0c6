"""The broker: sockets for sandboxes on one side, a model with our key on the other, account and transcript between.

with Broker(config, key, ledger, transcripts) as broker:
    with broker.serve(folder, candidate) as door:
        ... start a sandbox with door.mount, let it work ...
    door.spent, broker.ledger.stopped
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sandbox.broker.clock import Clock, SystemClock
from sandbox.broker.delivery import Line
from sandbox.broker.door import Door
from sandbox.broker.ledger import Ledger
from sandbox.broker.payment import Till
from sandbox.broker.rules import BrokerConfig
from sandbox.broker.transcript import MemoryTranscripts, Transcripts
from sandbox.broker.upstream import HttpUpstream, Upstream
from sandbox.broker.usage import PriceTable, shipped_prices

SOCKET = "model.sock"
_BACKLOG = 128
_Result = TypeVar("_Result")


class Broker:
    """Serves any number of sandboxes from one thread of its own. Safe to use from many threads."""

    def __init__(
        self,
        config: BrokerConfig,
        key: str,
        ledger: Ledger,
        transcripts: Transcripts | None = None,
        *,
        prices: PriceTable | None = None,
        upstream: Upstream | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.ledger = ledger
        self.transcripts = transcripts or MemoryTranscripts()
        self._key = key
        self._upstream = upstream or HttpUpstream(config, key)
        line = Line(config, self._upstream, clock or SystemClock())
        self._till = Till(ledger, shipped_prices() if prices is None else prices, line)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def most_tokens(self) -> int:
        """The most tokens of output that a call may ask for."""
        return self._till.line.config.policy.max_tokens

    @contextmanager
    def serve(self, folder: Path, candidate: str, *, calls: int | None = None) -> Iterator[Door]:
        """Open a door for one sandbox: a socket in `folder`, which is made if need be and shown inside read-only.

        `calls`: how many it may make, where that is fewer than what the caps allow.
        Leaving closes it: calls under way are stopped, booked and kept, and nobody can reach the model through it.
        """
        door = Door(self._till, candidate, folder / SOCKET, self.transcripts, self._key, calls=calls)
        listener = _listen(folder)
        try:
            self._do(door.open(listener))
            try:
                yield door
            finally:
                self._do(door.close())
        finally:
            listener.close()
            (folder / SOCKET).unlink(missing_ok=True)

    def close(self) -> None:
        """Give back connections and the thread. Doors are closed before; it may be used, and closed, again."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop, self._thread = None, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._upstream.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    def _do(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return asyncio.run_coroutine_threadsafe(work, self._running()).result()

    def _running(self) -> asyncio.AbstractEventLoop:
        """Return the loop, which is started with the first door."""
        with self._lock:
            if self._loop is None:
                import uvloop  # noqa: PLC0415  # loaded by what serves a model, and by nothing that does not

                self._loop = uvloop.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="broker", daemon=True)
                self._thread.start()
            return self._loop


def _listen(folder: Path) -> socket.socket:
    """Return a listening socket in `folder`: anybody who is shown the folder may connect, nobody may list or change it.

    Bound through the descriptor of the folder, because the name of a unix socket may have 107 bytes only.
    """
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    folder.chmod(0o711)
    (folder / SOCKET).unlink(missing_ok=True)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(f"/proc/self/fd/{place}/{SOCKET}")
        (folder / SOCKET).chmod(0o666)
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    finally:
        os.close(place)
    return made
