"""An answer of a chat server as a message of the API. Pure; nothing that the server sends is believed unread."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NoReturn

from sandbox.broker.policy import deeper_than

_TEXT_BEGUN = re.compile(r'\s*\{\s*"text"\s*:\s*"')
_DEPTH = 48
"""How deeply an answer may nest: a request that repeats it may nest by 64."""
_LONGEST_NUMBER = 300
_CUT_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{0,3})?$")


class Disobeyed(Exception):
    """The server did not answer in the form that it was told to keep."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer is read against."""

    model: str
    body: bytes
    """The request; ids follow from it, so that the same conversation has the same ids."""
    tools: frozenset[str] = frozenset()
    """Names of the tools that may be called."""
    formed: bool = False
    """Whether a form was asked for, be it for tools or by a schema alone."""
    context: int = 0
    stop_sequences: tuple[str, ...] = field(default=())


def message_of(content: bytes, asked: Asked) -> dict[str, Any]:
    """Return the message. Raises `Disobeyed`."""
    said, reason, usage = _read(content)
    if reason == "length":
        full = asked.context and _spent(usage) >= asked.context
        blocks = _text(_cut(said) if asked.tools or asked.formed else said)
        return _message(asked, blocks, "model_context_window_exceeded" if full else "max_tokens", usage)
    if asked.tools or asked.formed:
        said, calls = _formed(said, asked)
        if calls:
            return _message(asked, _text(said) + calls, "tool_use", usage)
    for stop in sorted((stop for stop in asked.stop_sequences if stop and stop in said), key=said.index)[:1]:
        return _message(asked, _text(said[: said.index(stop)]), "stop_sequence", usage, stop)
    return _message(asked, _text(said), "end_turn", usage)


def counted(content: bytes) -> dict[str, Any]:
    """Return the count of tokens that the server told. Raises `Disobeyed`."""
    return {"input_tokens": _count(_object(content), "input_tokens")}


def _read(content: bytes) -> tuple[str, str, Mapping[str, int]]:
    """Return what was said, why it ended, and the tokens."""
    document = _object(content)
    try:
        choice = document["choices"][0]
        said, reason, usage = choice["message"].get("content"), choice["finish_reason"], document["usage"]
        detail = usage.get("prompt_tokens_details") or {}
        prompt, output = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
        cached = _count(detail, "cached_tokens") if detail.get("cached_tokens") is not None else 0
    except (LookupError, TypeError, AttributeError):
        _wrong("it is no completion of a chat")
    if reason not in ("stop", "length") or not isinstance(said, str | None) or cached > prompt:
        _wrong("it is no completion of a chat")
    return clean(said or ""), reason, {"input": prompt - cached, "read": cached, "output": output}


def clean(value: Any) -> Any:
    """Return text, or a value with text in it, that can be sent on: half a surrogate pair becomes U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {clean(name): clean(each) for name, each in value.items()}
    return [clean(each) for each in value] if isinstance(value, list) else value


def _formed(said: str, asked: Asked) -> tuple[str, list[dict[str, Any]]]:
    """Read an answer that was held to a form: text, and a call if there is one."""
    value = _loaded(said)
    if not asked.tools:  # a schema of the caller's alone; whoever asked for it reads it
        return said, []
    if not isinstance(value, dict):
        _wrong("it is neither a call nor text")
    told = value.get("text", "")
    text = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
    if value.keys() == {"text"}:
        return text, []
    if value.keys() - {"text"} != {"tool", "input"} or not isinstance(value["input"], dict):
        _wrong("it is neither a call nor text")
    if not isinstance(value["tool"], str) or value["tool"] not in asked.tools:
        _wrong("it calls no tool that was offered")
    return text, [{"type": "tool_use", "id": f"toolu_{_mark(asked)}", "name": value["tool"], "input": value["input"]}]


def _cut(said: str) -> str:
    """Return what a cut answer said: of text its text, and of a call what there is of it, which must not run."""
    begun = _TEXT_BEGUN.match(said)
    if begun is None:
        return said
    inner = _CUT_ESCAPE.sub("", said[begun.end() :])
    try:
        told: str = clean(json.loads(f'"{inner}"', strict=False))
    except ValueError:
        return said
    return told


def _message(
    asked: Asked, content: list[dict[str, Any]], reason: str, usage: Mapping[str, int], stop: str | None = None
) -> dict[str, Any]:
    return {
        "id": f"msg_{_mark(asked)}", "type": "message", "role": "assistant", "model": asked.model, "content": content,
        "stop_reason": reason, "stop_sequence": stop,
        "usage": {
            "input_tokens": usage["input"], "output_tokens": usage["output"],
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": usage["read"],
        },
    }  # fmt: skip


def _text(said: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": said}] if said else []


def _mark(asked: Asked) -> str:
    return sha256(asked.body).hexdigest()[:24]


def _spent(usage: Mapping[str, int]) -> int:
    return sum(usage.values())


def _loaded(said: str) -> Any:
    """Read what was said. What is JSON and fits no message was said by the model, and is no failure of the server: a
    number without end is a text, and what is nested too deeply is nothing but words."""
    try:
        value = json.loads(said, parse_float=_number, parse_int=_number, parse_constant=_no_constant)
        return {"text": said} if deeper_than(_DEPTH, value) else clean(value)
    except RecursionError:
        return {"text": said}
    except ValueError as error:
        raise Disobeyed("the model's server answered wrongly: it did not keep to the form") from error
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _number(text: str) -> float | str:
    if len(text) > _LONGEST_NUMBER:
        return text
    number = int(text) if text.lstrip("-").isdigit() else float(text)
    return number if math.isfinite(number) else text


def _object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Disobeyed("the model's server answered wrongly: what came is not JSON") from error
    if not isinstance(value, dict):
        _wrong("what came is not a JSON object")
    return value


def _count(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name)
    if type(value) is not int or value < 0:
        _wrong(f"{name} is no whole number")
    return value


def _wrong(what: str) -> NoReturn:
    raise Disobeyed(f"the model's server answered wrongly: {what}")
