"""Whether a request may pass, decided on its parsed form alone: `accept(...)` gives the request to send, or why not.

Top-level fields are those of the Messages API as the `anthropic` SDK 2.14 types them, less everything that reaches
beyond the model: files, containers, MCP servers, other workspaces, other speeds and prices.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from sandbox.broker.content import Breach, check_cache_control, check_content, check_messages, check_schema, check_tools
from sandbox.broker.refusal import Refusal, forbidden, malformed
from sandbox.broker.rules import Policy

Endpoint = Literal["messages", "count_tokens"]

ENDPOINTS: Mapping[str, Endpoint] = {"/v1/messages": "messages", "/v1/messages/count_tokens": "count_tokens"}
"""Path -> endpoint. There is nothing else."""

PATHS: Mapping[Endpoint, str] = {endpoint: path for path, endpoint in ENDPOINTS.items()}

_COUNTED = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control"}
)
_FIELDS: Mapping[Endpoint, frozenset[str]] = {
    "count_tokens": _COUNTED,
    "messages": _COUNTED | {"max_tokens", "stream", "stop_sequences"},
}
_THINKING = ("adaptive", "between_tools", "disabled", "enabled")
_EFFORTS = (None, "low", "medium", "high", "xhigh", "max")
_MAX_STOP_SEQUENCES = 64


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that may be sent: `body` holds known fields only, in the order in which they came."""

    endpoint: Endpoint
    model: str
    max_tokens: int
    stream: bool
    body: Mapping[str, Any]


def parse(content: bytes, depth: int) -> dict[str, Any] | Refusal:
    """Read a JSON object strictly: no key twice, no NaN or infinity, no lone surrogates, at most `depth` deep."""
    try:
        text = content.decode("utf-8")  # left to itself, `json` would take UTF-16 as well
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=finite)
        if r"\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")  # what cannot be sent on is refused here
    except (ValueError, RecursionError) as error:
        return malformed(f"the body is not JSON as it must be: {str(error)[:200] or 'nested too deeply'}")
    if not isinstance(value, dict):
        return malformed("the body must be a JSON object")
    if deeper_than(depth, value):
        return malformed(f"the body is nested more than {depth} deep")
    return value


def accept(policy: Policy, endpoint: Endpoint, request: Mapping[str, Any]) -> Accepted | Refusal:
    """Return the request as it may be sent upstream, or why it may not."""
    try:
        return _accept(policy, endpoint, request)
    except Breach as breach:
        return breach.refusal


def counted_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a request for a message that a request to count its tokens consists of."""
    return {name: value for name, value in body.items() if name in _COUNTED}


def _accept(policy: Policy, endpoint: Endpoint, request: Mapping[str, Any]) -> Accepted:
    unknown = request.keys() - _FIELDS[endpoint]
    if unknown:
        raise Breach(forbidden(f"{min(unknown)[:80]}: may not be sent through this broker"))
    model = request.get("model")
    if not isinstance(model, str) or model not in policy.models:
        raise Breach(forbidden(f"model: {str(model)[:80]!r} is not among those that may be used here"))
    max_tokens = _max_tokens(policy, request) if endpoint == "messages" else 0
    stream = request.get("stream", False)
    if not isinstance(stream, bool):
        _wrong("stream: must be true or false")
    check_messages(request.get("messages"), policy)
    for name, check in _OPTIONAL.items():
        if request.get(name) is not None:
            check(request[name], name)
    if request.get("tools") is not None:
        check_tools(request["tools"], policy)
    return Accepted(endpoint, model, max_tokens, stream, request)


def _max_tokens(policy: Policy, request: Mapping[str, Any]) -> int:
    value = request.get("max_tokens")
    if type(value) is not int or value < 0:
        _wrong("max_tokens: must be a whole number")
    if value > policy.max_tokens:
        raise Breach(forbidden(f"max_tokens: at most {policy.max_tokens} may be asked for"))
    return value


def _check_system(value: Any, place: str) -> None:
    check_content(value, "system", place)


def _check_thinking(value: Any, place: str) -> None:
    _known(value, {"type", "display", "budget_tokens"}, place)
    if value.get("type") not in _THINKING:
        _wrong(f"{place}.type: must be one of {', '.join(_THINKING)}")


def _check_tool_choice(value: Any, place: str) -> None:
    _known(value, {"type", "name", "disable_parallel_tool_use"}, place)
    if value.get("type") not in ("auto", "any", "tool", "none"):
        _wrong(f"{place}.type: must be auto, any, tool or none")


def _check_output_config(value: Any, place: str) -> None:
    _known(value, {"effort", "format"}, place)
    if value.get("effort") not in _EFFORTS:
        _wrong(f"{place}.effort: is not an effort")
    if value.get("format") is not None:
        _known(value["format"], {"type", "schema"}, f"{place}.format")
        check_schema(value["format"].get("schema"), f"{place}.format.schema")


def _check_stop_sequences(value: Any, place: str) -> None:
    if not isinstance(value, list) or len(value) > _MAX_STOP_SEQUENCES or not all(isinstance(v, str) for v in value):
        _wrong(f"{place}: must be at most {_MAX_STOP_SEQUENCES} strings")


def _known(value: Any, fields: set[str], place: str) -> None:
    if not isinstance(value, dict):
        _wrong(f"{place}: must be an object")
    if unknown := value.keys() - fields:
        raise Breach(forbidden(f"{place}.{min(unknown)[:80]}: may not be sent through this broker"))


def _wrong(message: str) -> NoReturn:
    raise Breach(malformed(message))


_OPTIONAL: Mapping[str, Callable[[Any, str], None]] = {
    "system": _check_system,
    "thinking": _check_thinking,
    "tool_choice": _check_tool_choice,
    "output_config": _check_output_config,
    "stop_sequences": _check_stop_sequences,
    "cache_control": check_cache_control,
}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def finite(text: str) -> float:
    """Read a number. Raises `ValueError` for one so large that Python makes infinity of it, which JSON cannot hold."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def deeper_than(depth: int, value: Any) -> bool:
    """Whether arrays and objects nest deeper than that, the value itself being 1."""
    level = [value]
    for _ in range(depth):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, dict | list)
        ]
        if not level:
            return False
    return True
