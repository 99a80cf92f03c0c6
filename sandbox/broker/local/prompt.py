"""A request of the Messages API as a conversation in plain text, the way any chat model reads one. Pure.

What stands first comes out the same, byte for byte, in every turn, so that the server finds it in its prompt cache: the
system text, then the tools as they were given, then the turns, each by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from sandbox.broker.content import Breach
from sandbox.broker.local.schema import Tool
from sandbox.broker.refusal import malformed

_CONTROL = re.compile(r"<(?=[|\uff5c][\w\u2581]{1,40}[|\uff5c]>|/?(?:start|end)_of_turn>|/?s>|<SYS>>)|\[(?=/?INST\])")
"""Where a token begins by which common chat templates end a turn: within a text it would end it too."""

_CUT = re.compile(r'\s*\{\s*"(text|tool)"\s*:')


def conversation(body: Mapping[str, Any], tools: Sequence[Tool]) -> list[dict[str, str]]:
    """Return the messages of a chat. Raises `Breach` for what this model cannot read."""
    check_turns(body["messages"])
    said = [{"role": "system", "content": _system(body, tools)}]
    for message in body["messages"]:
        role = "assistant" if message["role"] == "assistant" else "user"
        content = _said(message, bool(tools))
        if said[-1]["role"] == role:  # templates want the roles to alternate
            said[-1]["content"] += "\n" + content
        else:
            said.append({"role": role, "content": content})
    return [message for message in said if message["content"]]


def check_turns(messages: Sequence[Mapping[str, Any]]) -> None:
    """Hold a conversation to the rules that the API has: a user ends it, and each call has its result next."""
    calls: set[str] = set()
    for index, message in enumerate(messages):
        blocks = message["content"] if isinstance(message["content"], list) else []
        if message["role"] == "system":
            continue
        results = {str(block.get("tool_use_id")) for block in blocks if block["type"] == "tool_result"}
        if message["role"] == "user" and results != calls:
            odd = min(results ^ calls)
            raise Breach(malformed(f"messages.{index}: tool_use and tool_result do not match: {odd[:80]!r}"))
        if message["role"] == "assistant" and calls:
            raise Breach(malformed(f"messages.{index}: `tool_use` without `tool_result` immediately after"))
        calls = {str(block.get("id")) for block in blocks if block["type"] == "tool_use"}
    if messages[-1]["role"] == "assistant":
        raise Breach(malformed("the conversation must end with a message of the user: there is no prefill here"))


def _system(body: Mapping[str, Any], tools: Sequence[Tool]) -> str:
    told = _text(body.get("system") or "", "system", " ")
    if not tools:
        return told
    return "\n".join(filter(None, (told, _instructions(), *map(_tool_line, tools))))


def _tool_line(tool: Tool) -> str:
    told = {"name": tool.name, "description": tool.description, "input": tool.schema.get("properties", {})}
    if tool.schema.get("required"):
        told["required"] = tool.schema["required"]
    return _quiet(json.dumps(told, ensure_ascii=False))


@cache
def _instructions() -> str:
    return files("sandbox.broker.local").joinpath("prompt.md").read_text("utf-8").strip()


def _said(message: Mapping[str, Any], tools: bool) -> str:
    content = message["content"]
    if message["role"] == "system":
        return "Note from the system:\n" + _text(content, "system", "\n")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if message["role"] == "user":
        return "\n".join(filter(None, map(_block, blocks)))
    return _quiet(_own(blocks, tools))


def _own(blocks: Sequence[Mapping[str, Any]], tools: bool) -> str:
    """Return what the model itself said, in the form that it is asked for. Its thinking is not shown to it again."""
    text = "\n".join(str(block["text"]) for block in blocks if block["type"] == "text" and block.get("text"))
    calls = [{"tool": b.get("name"), "input": b.get("input")} for b in blocks if b["type"] == "tool_use"]
    if not calls and (not text or not tools or _CUT.match(text)):
        return text  # a call that was cut comes back as it was
    words = {"text": text} if text else {}
    said = [{**words, **call} for call in calls[:1]] + calls[1:] if calls else [words]
    return "\n".join(json.dumps(each, ensure_ascii=False) for each in said)


def _block(block: Mapping[str, Any]) -> str:
    if block["type"] == "tool_result":
        head = "Tool error:" if block.get("is_error") else "Tool result:"
        return f"{head}\n{_text(block.get('content') or '', 'tool_result', chr(10))}"
    if block["type"] == "document":
        source = block["source"]
        told = source["data"] if source["type"] == "text" else _text(source["content"], "document", "\n")
        return "\n".join(filter(None, (_quiet(str(block.get("title") or "")), _quiet(str(told)))))
    return _text([block], "message", "\n")


def _text(content: Any, place: str, between: str) -> str:
    if isinstance(content, str):
        return _quiet(content)
    parts = []
    for block in content:
        if block["type"] == "document":
            parts.append(_block(block))
        elif block["type"] == "text":
            parts.append(_quiet(block["text"]))
        else:
            raise Breach(malformed(f"{place}: a local model reads text only, not {block['type'][:40]!r}"))
    return between.join(parts)


def _quiet(text: str) -> str:
    """Return a text in which no turn ends: what only looks like a control token stays readable and is none."""
    return _CONTROL.sub(lambda found: found[0] + " ", text)
