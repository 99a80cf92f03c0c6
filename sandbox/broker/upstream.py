"""The one place where a model is spoken to: bytes to an Anthropic-compatible server and back, with our key on them.

No proxy and no credential is taken from the environment, no redirect is followed, no cookie is kept that would carry
something from one candidate to the next. Certificates are checked against those of the machine, or of `SSL_CERT_FILE`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from sandbox.broker.rules import BrokerConfig

if TYPE_CHECKING:
    import ssl

    import h11

    from sandbox.broker.network import Wire

UNIX = "unix:"
_KEPT = 64
_KEPT_SECONDS = 30.0
_PORTS = {"http": 80, "https": 443}


class UpstreamFailed(Exception):  # root of what can go wrong on the way to an upstream
    """No answer, or no whole one. Says nothing about the request."""


class Unreachable(UpstreamFailed):
    """Nothing was sent."""


class Silent(UpstreamFailed):
    """What was sent may have been worked on, and no answer came in time."""


class Cut(UpstreamFailed):
    """The connection broke after something was sent."""


class Reply(Protocol):
    """The head of an answer, and its body as it comes."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields; names compare without case."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises `UpstreamFailed`."""
        ...


class Upstream(Protocol):
    """Whatever answers the Messages API: a provider, or a shim before a local model."""

    def open(self, path: str, body: bytes, attempt: int) -> AbstractAsyncContextManager[Reply]:
        """Send a request; `attempt` counts from 0. Raises `UpstreamFailed`."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


@dataclass(frozen=True, slots=True)
class Address:
    """Where an upstream is: at `host` and `port`, or at the socket `path` of this machine, and what is asked for there.

    `authority` is what it is called in a request, `root` what stands before each path; `secret` holds the certificates
    that are believed, for https.
    """

    host: str
    port: int
    authority: str
    root: str
    secret: ssl.SSLContext | None = None
    path: str = ""


class HttpUpstream:
    """An Anthropic-compatible server over https, http or a unix socket, by connections that are kept for a while."""

    def __init__(self, config: BrokerConfig, key: str) -> None:
        self._config = config
        self._key = key
        self._address: Address | None = None
        self._resting: deque[tuple[float, Wire]] = deque()
        """Connections that wait for a call, and since when; the last one that was used is used first."""

    @asynccontextmanager
    async def open(self, path: str, body: bytes, attempt: int) -> AsyncIterator[Reply]:
        """Send a request with our own headers and none of the sandbox's."""
        silence = self._config.patience.silence
        address = self._address = self._address or address_of(self._config.base_url)
        request = self._request(address, path, attempt, len(body))
        wire = await self._wire(address)
        try:
            yield _HttpReply(await wire.ask(request, body, silence), wire, silence)
        finally:
            self._give_back(wire)

    async def close(self) -> None:
        """Give back connections."""
        while self._resting:
            _, wire = self._resting.pop()
            wire.close()
            await wire.closed()

    async def _wire(self, address: Address) -> Wire:
        from sandbox.broker.network import Wire  # noqa: PLC0415  # loaded by what speaks to a model, and by nothing else

        while self._resting:
            since, wire = self._resting.pop()
            if time.monotonic() - since < _KEPT_SECONDS and wire.is_quiet:
                return wire
            wire.close()
        return await Wire.open(address, self._config.patience.connect)

    def _give_back(self, wire: Wire) -> None:
        now = time.monotonic()
        if wire.rest():
            self._resting.append((now, wire))
        else:
            wire.close()
        while self._resting and (len(self._resting) > _KEPT or now - self._resting[0][0] >= _KEPT_SECONDS):
            self._resting.popleft()[1].close()

    def _request(self, address: Address, path: str, attempt: int, size: int) -> h11.Request:
        import h11  # noqa: PLC0415

        headers = {
            "host": address.authority,
            "content-length": str(size),
            "anthropic-version": self._config.version,
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "accept-encoding": "identity",
            "user-agent": "successor-broker",
            "x-stainless-retry-count": str(attempt),
            **({"authorization": f"Bearer {self._key}"} if self._key else {}),
        }
        try:
            return h11.Request(method="POST", target=address.root + path, headers=list(headers.items()))
        except (h11.LocalProtocolError, UnicodeError) as error:
            raise Unreachable("it cannot be asked") from error


def address_of(base: str) -> Address:
    """Read a base URL, and for https the certificates of this machine: that takes longer than a call.

    Raises `Unreachable`.
    """
    path = base.removeprefix(UNIX) if base.startswith(UNIX) else ""
    try:
        url = urlsplit("http://localhost" if path else base)
        host, usual = url.hostname or "", _PORTS[url.scheme]
        port = usual if url.port is None else url.port
        if not host:
            raise ValueError("no host")
        name = host if host.isascii() else host.encode("idna").decode("ascii")
    except (ValueError, KeyError) as error:
        raise Unreachable("its address is none") from error
    called = f"[{name}]" if ":" in name else name
    authority = called if url.port is None else f"{called}:{url.port}"
    secret = _certificates() if url.scheme == "https" else None
    return Address(name, port, authority, url.path.rstrip("/"), secret, path)


def _certificates() -> ssl.SSLContext:
    import httpcore2  # noqa: PLC0415  # knows where machines keep them

    context = httpcore2.default_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class _HttpReply:
    def __init__(self, response: h11.Response, wire: Wire, silence: float) -> None:
        self._wire = wire
        self._silence = silence
        self.status = response.status_code
        self.headers: Mapping[str, str] = _joined(response.headers)

    async def pieces(self) -> AsyncIterator[bytes]:
        if self.headers.get("content-encoding", "identity") != "identity":
            raise Cut("the answer is compressed, which was not asked for")
        async for piece in self._wire.pieces(self._silence):
            yield piece


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return header fields by their names, which h11 gives in small letters; what stands twice is joined."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, said = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {said}" if key in found else said
    return found
