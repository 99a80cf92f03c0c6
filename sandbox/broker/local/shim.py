"""The Messages API in front of a server that knows chats and schemas, and no tools.

A request becomes a chat with the tools spelt out in its system text, and a schema that holds the answer to one call or
one text; the answer becomes a message with a `tool_use` or a text. The scaffold cannot tell the difference.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sandbox.broker.content import Breach
from sandbox.broker.events import events_of
from sandbox.broker.local.answer import Disobeyed, clean, counted, message_of
from sandbox.broker.local.prompt import conversation
from sandbox.broker.local.request import chat_request
from sandbox.broker.local.schema import tools_of
from sandbox.broker.local.settings import LocalSettings
from sandbox.broker.policy import PATHS
from sandbox.broker.refusal import KINDS, Refusal
from sandbox.broker.upstream import Cut, Reply, Upstream

CHAT = "/v1/chat/completions"
COUNT = "/v1/chat/completions/input_tokens"
_TOO_LONG = "exceed_context_size_error"
_MESSAGE_CHARACTERS = 500


class Shim:
    """An upstream of the Messages API, made of one that completes chats."""

    def __init__(self, chat: Upstream, settings: LocalSettings) -> None:
        self._chat = chat
        self._settings = settings

    @asynccontextmanager
    async def open(self, path: str, body: bytes, attempt: int) -> AsyncIterator[Reply]:
        """Answer a request. One that is given up is given up by the server too: its connection is closed."""
        yield await self._reply(path, body, attempt)

    async def close(self) -> None:
        """Give back connections."""
        await self._chat.close()

    async def _reply(self, path: str, body: bytes, attempt: int) -> Reply:
        request = json.loads(body)
        try:
            if path == PATHS["count_tokens"]:
                return _json(200, await self._count(request, attempt))
            message = await self._message(request, body, attempt)
        except Breach as breach:
            return _json(breach.refusal.status, breach.refusal.document)
        except Disobeyed as error:
            return _json(502, Refusal(502, str(error)).document)
        return _Said(200, "text/event-stream", events_of(message)) if request.get("stream") else _json(200, message)

    async def _count(self, request: Mapping[str, Any], attempt: int) -> dict[str, Any]:
        chat = {"messages": conversation(request, tools_of(request))}
        return counted(await self._ask(COUNT, chat, attempt))

    async def _message(self, request: Mapping[str, Any], body: bytes, attempt: int) -> dict[str, Any]:
        chat, asked = chat_request(request, body, self._settings)
        return message_of(await self._ask(CHAT, chat, attempt), asked)

    async def _ask(self, path: str, chat: Mapping[str, Any], attempt: int) -> bytes:
        """Return what the server answered. Raises `Breach` for what it refused, `UpstreamFailed` when it broke."""
        content = bytearray()
        async with self._chat.open(path, json.dumps(chat).encode(), attempt) as reply:
            async for piece in reply.pieces():
                content += piece
                if len(content) > self._settings.answer:
                    raise Cut(f"the answer is longer than {self._settings.answer} bytes")
        if reply.status != 200:
            raise Breach(_refusal(reply.status, bytes(content)))
        return bytes(content)


@dataclass(frozen=True, slots=True)
class _Said:
    """A reply that is there as a whole."""

    status: int
    kind: str
    content: bytes

    @property
    def headers(self) -> Mapping[str, str]:
        return {"content-type": self.kind}

    async def pieces(self) -> AsyncIterator[bytes]:
        yield self.content


def _json(status: int, document: Mapping[str, Any]) -> _Said:
    return _Said(status, "application/json", json.dumps(document).encode())


def _refusal(status: int, content: bytes) -> Refusal:
    """Return an error of the server as the API would put it; that of a prompt that does not fit, in the API's words."""
    told: Any = None
    with suppress(ValueError, RecursionError):
        told = json.loads(content)
    error = told.get("error") if isinstance(told, dict) else None
    error = error if isinstance(error, dict) else {}
    if error.get("type") == _TOO_LONG:
        return Refusal(400, f"prompt is too long: {error.get('n_prompt_tokens')} tokens > {error.get('n_ctx')} maximum")
    if status == 400:
        return Refusal(
            400, f"the model's server refused this: {clean(str(error.get('message')))[:_MESSAGE_CHARACTERS]}"
        )
    return Refusal(status if status in KINDS else 502, f"the model's server answered with status {status}")
