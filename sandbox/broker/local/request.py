"""A request of the Messages API as one for a chat server, and what its answer is to be read against. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.broker.content import Breach
from sandbox.broker.local.answer import Asked
from sandbox.broker.local.prompt import conversation
from sandbox.broker.local.schema import Tool, answer_schema, plain, tools_of
from sandbox.broker.local.settings import LocalSettings
from sandbox.broker.refusal import malformed


def chat_request(request: Mapping[str, Any], body: bytes, settings: LocalSettings) -> tuple[dict[str, Any], Asked]:
    """Return the request for the chat server. Raises `Breach` for what a local model cannot do.

    Effort, cache markers and adaptive thinking are advice, which a server without them may leave.
    """
    _check(request)
    tools = tools_of(request)
    schema = _schema(request, tools)
    chat: dict[str, Any] = {
        "messages": conversation(request, tools),
        "max_tokens": request["max_tokens"],
        "temperature": settings.in_circles if _in_circles(request["messages"]) else settings.temperature,
        "chat_template_kwargs": {"enable_thinking": False},
    }
    if schema is not None:
        chat["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    asked = Asked(
        model=request["model"],
        body=body,
        tools=frozenset(tool.name for tool in tools),
        formed=schema is not None,
        context=settings.context,
        stop_sequences=tuple(request.get("stop_sequences") or ()),
    )
    return chat, asked


def _in_circles(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the last two things that the model did are the same calls with the same arguments."""
    did = [_calls(message["content"]) for message in messages if message["role"] == "assistant"]
    return len(did) > 1 and bool(did[-1]) and did[-1] == did[-2]


def _calls(content: Any) -> list[tuple[Any, Any]]:
    blocks = content if isinstance(content, list) else []
    return [(block.get("name"), block.get("input")) for block in blocks if block["type"] == "tool_use"]


def _schema(request: Mapping[str, Any], tools: Sequence[Tool]) -> dict[str, Any] | None:
    form = ((request.get("output_config") or {}).get("format") or {}).get("schema")
    if not tools:
        return None if form is None else plain(form)
    choice = request.get("tool_choice") or {"type": "auto"}
    if choice["type"] == "tool" and choice.get("name") not in {tool.name for tool in tools}:
        raise Breach(malformed("tool_choice.name: is no tool of this request"))
    return answer_schema(tools, choice, form)


def _check(request: Mapping[str, Any]) -> None:
    if request["max_tokens"] < 1:
        raise Breach(malformed("max_tokens: a local model cannot warm a cache without answering; ask for 1 or more"))
    if (request.get("thinking") or {}).get("type") == "enabled":
        raise Breach(malformed("thinking.type: a local model has no budget for thinking; leave it out or say adaptive"))
