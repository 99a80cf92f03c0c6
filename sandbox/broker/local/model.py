"""A local model, ready to stand behind the broker.

with open_local(path, cache, say) as model:
    with Broker(config, "", ledger, prices=model.prices, upstream=model.upstream) as broker:
        ... requests carry model.model; records carry model.model_id
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox.broker.local.errors import ModelUnavailable
from sandbox.broker.local.identity import identify, state_of
from sandbox.broker.local.process import LLAMA, ModelProcess, Program
from sandbox.broker.local.settings import LocalSettings
from sandbox.broker.local.shim import Shim
from sandbox.broker.rules import BrokerConfig, Patience, Policy
from sandbox.broker.upstream import UNIX, HttpUpstream, Reply, Unreachable, Upstream
from sandbox.broker.usage import Price, PriceTable

FREE = Price(0, 0, 0, 0, 0)


class LocalModel:
    """One model from one file, in a process of its own while this is entered. Raises `ModelUnavailable`."""

    def __init__(
        self, path: Path, cache: Path, settings: LocalSettings | None = None, program: Program = LLAMA
    ) -> None:
        self._path = path
        self._settings = settings or LocalSettings()
        self._process = ModelProcess(path, self._settings, program)
        self.identity = identify(path, cache)
        self.upstream: Upstream = Shim(_Watched(self._process, self._settings), self._settings)

    @property
    def model(self) -> str:
        """The name that requests carry and the broker's policy allows."""
        return self.identity.name

    @property
    def model_id(self) -> str:
        """The name and the digest of the weights, for records."""
        return self.identity.model_id

    @property
    def prices(self) -> PriceTable:
        """What this model costs, for the broker's table: nothing."""
        return {self.model: FREE}

    def __enter__(self) -> Self:
        self._process.start()
        try:
            if state_of(self._path) != self.identity.state:
                raise ModelUnavailable(f"{self._path} changed while it was loaded", mend="Let it lie, and start again")
        except BaseException:
            self._process.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.stop()


@contextmanager
def open_local(
    path: Path, cache: Path, say: Callable[[str], None], settings: LocalSettings | None = None
) -> Iterator[LocalModel]:
    """Read, load and serve the model in `path`. `say` is told what takes long. Raises `ModelUnavailable`."""
    say(f"reading the model {path.name}")
    model = LocalModel(path, cache, settings)
    say(f"loading the model {model.model_id}")
    with model:
        yield model


class _Watched:
    """The server of a process, which is started again a few times if it dies."""

    def __init__(self, process: ModelProcess, settings: LocalSettings) -> None:
        self._process = process
        self._left = settings.restarts
        self._lock = asyncio.Lock()
        self._http: HttpUpstream | None = None

    @asynccontextmanager
    async def open(self, path: str, body: bytes, attempt: int) -> AsyncIterator[Reply]:
        """Send a request to a server that lives."""
        async with self._lock:
            if not self._process.alive:
                await self._restart()
            http = self._http = self._http or self._connected()
        async with http.open(path, body, attempt) as reply:
            yield reply

    async def close(self) -> None:
        """Give back connections."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    async def _restart(self) -> None:
        if self._left <= 0:
            raise Unreachable("the model's server died, and has been started again often enough")
        self._left -= 1
        await self.close()
        try:
            await asyncio.to_thread(self._process.start)
        except ModelUnavailable as error:
            raise Unreachable("the model's server died and does not start again") from error

    def _connected(self) -> HttpUpstream:
        # A local model says nothing until it has read the prompt, which takes a slow machine many minutes: how long a
        # call may take in all is the broker's to say.
        patience = Patience(silence=Patience().call)
        config = BrokerConfig(Policy(frozenset()), f"{UNIX}{self._process.socket}", patience=patience)
        return HttpUpstream(config, self._process.key)
