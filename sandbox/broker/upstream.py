"""The one place where a model is spoken to: bytes to an Anthropic-compatible server and back, with our key on them.

Speaks by httpcore2, which lies below the HTTP client of the `anthropic` SDK, loaded when the first upstream is opened.
No proxy and no credential is taken from the environment, no redirect is followed. Certificates are checked against
those of the machine, or of `SSL_CERT_FILE`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, urlsplit

from sandbox.broker.rules import BrokerConfig

if TYPE_CHECKING:
    import httpcore2

UNIX = "unix:"


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


class HttpUpstream:
    """An Anthropic-compatible server over https, http or a unix socket.

    There is no client above the connections: no cookies that would carry something from one candidate to the next, no
    redirects, no credentials from the environment, and a millisecond less.
    """

    def __init__(self, config: BrokerConfig, key: str) -> None:
        self._config = config
        self._key = key
        self._pool: httpcore2.AsyncConnectionPool | None = None

    @asynccontextmanager
    async def open(self, path: str, body: bytes, attempt: int) -> AsyncIterator[Reply]:
        """Send a request with our own headers and none of the sandbox's."""
        request = self._request(path, body, attempt)
        pool = self._pool or self._connect()
        try:
            response = await pool.handle_async_request(request)
        except _failures() as error:
            raise _translated(error) from error
        try:
            yield _HttpReply(response)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Give back connections."""
        if self._pool is not None:
            await self._pool.aclose()
            self._pool = None

    def _request(self, path: str, body: bytes, attempt: int) -> httpcore2.Request:
        import httpcore2  # noqa: PLC0415  # loaded by what speaks to a model, and by nothing that does not

        root = self._root()
        try:
            host, port = _host(root), root.port
        except ValueError as error:
            raise Unreachable("its address is none") from error
        url = httpcore2.URL(
            scheme=root.scheme.encode(), host=host, port=port, target=(root.path.rstrip("/") + path).encode("ascii")
        )
        named = b"[%s]" % host if b":" in host else host
        headers = [
            (b"host", named if port is None else b"%s:%d" % (named, port)),
            (b"content-length", b"%d" % len(body)),
            *((name.encode("ascii"), value.encode("ascii")) for name, value in self._headers(attempt).items()),
        ]
        patience = self._config.patience
        waits = {"connect": patience.connect, **dict.fromkeys(("read", "write", "pool"), patience.silence)}
        return httpcore2.Request("POST", url, headers=headers, content=body, extensions={"timeout": waits})

    def _root(self) -> SplitResult:
        base = self._config.base_url
        return urlsplit("http://localhost" if base.startswith(UNIX) else base)

    def _headers(self, attempt: int) -> dict[str, str]:
        return {
            "anthropic-version": self._config.version,
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "accept-encoding": "identity",
            "user-agent": "successor-broker",
            "x-stainless-retry-count": str(attempt),
            **({"authorization": f"Bearer {self._key}"} if self._key else {}),
        }

    def _connect(self) -> httpcore2.AsyncConnectionPool:
        import httpcore2  # noqa: PLC0415

        from sandbox.broker.network import Network  # noqa: PLC0415

        base = self._config.base_url
        self._pool = httpcore2.AsyncConnectionPool(
            # Made once: to read the certificates of a machine takes longer than a call.
            ssl_context=httpcore2.default_ssl_context() if base.startswith("https:") else None,
            max_connections=None,
            max_keepalive_connections=64,
            keepalive_expiry=30,
            uds=base.removeprefix(UNIX) if base.startswith(UNIX) else None,
            network_backend=Network(),
        )
        return self._pool


def _host(root: SplitResult) -> bytes:
    host = root.hostname or ""
    if not host:
        raise ValueError("no host")
    return host.encode("ascii") if host.isascii() else host.encode("idna")


class _HttpReply:
    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = _joined(response.headers)

    async def pieces(self) -> AsyncIterator[bytes]:
        if self.headers.get("content-encoding", "identity") != "identity":
            raise Cut("the answer is compressed, which was not asked for")
        try:
            async for piece in self._response.aiter_stream():
                yield piece
        except _failures() as error:
            raise _translated(error) from error


def _joined(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return header fields by their names in small letters; what stands twice is joined."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, said = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {said}" if key in found else said
    return found


def _failures() -> tuple[type[Exception], ...]:
    """Everything that httpcore2 reports."""
    import httpcore2  # noqa: PLC0415

    return (
        httpcore2.TimeoutException,
        httpcore2.NetworkError,
        httpcore2.ProtocolError,
        httpcore2.ProxyError,
        httpcore2.UnsupportedProtocol,
        httpcore2.ConnectionNotAvailable,
    )


def _translated(error: Exception) -> UpstreamFailed:
    """Say in our words what happened. Only the kind is kept: the text may hold addresses that are not the sandbox's."""
    import httpcore2  # noqa: PLC0415

    name = type(error).__name__
    nothing_sent = (
        httpcore2.ConnectError,
        httpcore2.ConnectTimeout,
        httpcore2.PoolTimeout,
        httpcore2.ProxyError,
        httpcore2.UnsupportedProtocol,
        httpcore2.ConnectionNotAvailable,
    )
    if isinstance(error, nothing_sent):
        return Unreachable(name)
    if isinstance(error, httpcore2.TimeoutException):
        return Silent(name)
    return Cut(name)
