"""The one place where a model is spoken to: bytes to an Anthropic-compatible server and back, with our key on them.

Speaks by httpx2, which is the HTTP client of the `anthropic` SDK, loaded when the first upstream is opened. No proxy or
credential is taken from the environment, no redirect is followed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from sandbox.broker.rules import BrokerConfig

if TYPE_CHECKING:
    import httpx2

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

    Uses the transport of httpx2 without its client on top: no cookies that would carry something from one candidate to
    the next, no redirects, no credentials from the environment, and half a millisecond less.
    """

    def __init__(self, config: BrokerConfig, key: str) -> None:
        self._config = config
        self._key = key
        self._transport: httpx2.AsyncHTTPTransport | None = None

    @asynccontextmanager
    async def open(self, path: str, body: bytes, attempt: int) -> AsyncIterator[Reply]:
        """Send a request with our own headers and none of the sandbox's."""
        import httpx2  # noqa: PLC0415  # loaded by what speaks to a model, and by nothing that does not

        transport = self._transport or self._connect()
        patience = self._config.patience
        request = httpx2.Request(
            "POST",
            self._root + path,
            headers=self._headers(attempt),
            content=body,
            extensions={"timeout": httpx2.Timeout(patience.silence, connect=patience.connect).as_dict()},
        )
        try:
            response = await transport.handle_async_request(request)
        except httpx2.HTTPError as error:
            raise _translated(error) from error
        try:
            yield _HttpReply(response)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Give back connections."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    @property
    def _root(self) -> str:
        base = self._config.base_url
        return "http://localhost" if base.startswith(UNIX) else base.rstrip("/")

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

    def _connect(self) -> httpx2.AsyncHTTPTransport:
        import httpx2  # noqa: PLC0415

        base = self._config.base_url
        self._transport = httpx2.AsyncHTTPTransport(
            uds=base.removeprefix(UNIX) if base.startswith(UNIX) else None,
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30),
            trust_env=False,
            proxy=self._config.proxy or None,
        )
        return self._transport


class _HttpReply:
    def __init__(self, response: httpx2.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    async def pieces(self) -> AsyncIterator[bytes]:
        import httpx2  # noqa: PLC0415

        if self.headers.get("content-encoding", "identity") != "identity":
            raise Cut("the answer is compressed, which was not asked for")
        try:
            async for piece in self._response.aiter_raw():
                yield piece
        except httpx2.HTTPError as error:
            raise _translated(error) from error


def _translated(error: httpx2.HTTPError) -> UpstreamFailed:
    """Say in our words what happened. Only the kind is kept: the text may hold addresses that are not the sandbox's."""
    import httpx2  # noqa: PLC0415

    name = type(error).__name__
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.UnsupportedProtocol):
        return Unreachable(name)
    if isinstance(error, httpx2.TimeoutException):
        return Silent(name)
    return Cut(name)
