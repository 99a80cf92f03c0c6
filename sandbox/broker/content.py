"""Which content blocks and tools a request may hold. Pure: each function returns None or raises `Breach`.

What the model itself said comes back verbatim, unknown fields included: thinking is signed and bound to its place.
What anybody else says is checked field by field, because a field that reaches out (a URL, a file, a container) is as
good as a network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from sandbox.broker.refusal import Refusal, forbidden, malformed
from sandbox.broker.rules import Policy

MEDIA_TYPES = ("image/gif", "image/jpeg", "image/png", "image/webp")
_TEXT = frozenset({"type", "text", "cache_control", "citations"})
_USER_BLOCKS: Mapping[str, AbstractSet[str]] = {
    "text": _TEXT,
    "image": {"type", "source", "cache_control"},
    "document": {"type", "source", "cache_control", "title", "context", "citations"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control", "toolset_name"},
}
_SAID_BY_MODEL = frozenset({"text", "thinking", "redacted_thinking", "tool_use"})
_WITHIN_RESULTS = frozenset({"text", "image", "document"})
_TOOL = frozenset({"name", "description", "input_schema", "type", "cache_control", "strict", "input_examples",
                   "eager_input_streaming", "allowed_callers"})  # fmt: skip
_TYPED_TOOL = frozenset(
    {"name", "type", "cache_control", "strict", "input_examples", "max_characters", "allowed_callers"}
)


class Breach(Exception):  # what happened, like every error of this tree
    """A request asks for what it may not have."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def check_messages(messages: Any, policy: Policy) -> None:
    """Check the conversation: roles, and the blocks that each role may speak in."""
    if not isinstance(messages, list) or not messages:
        raise Breach(malformed("messages: must be an array with at least one message"))
    if len(messages) > policy.messages:
        raise Breach(malformed(f"messages: more than {policy.messages}"))
    count = 0
    for index, message in enumerate(messages):
        place = f"messages.{index}"
        _check_object(message, {"role", "content"}, place)
        role = message.get("role")
        if role not in ("user", "assistant", "system"):
            raise Breach(malformed(f"{place}.role: must be user, assistant or system"))
        check_content(message.get("content"), role, f"{place}.content")
        count += len(message["content"]) if isinstance(message["content"], list) else 1
    if count > policy.blocks:
        raise Breach(malformed(f"messages: more than {policy.blocks} content blocks"))


def check_content(content: Any, role: str, place: str) -> None:
    """Check a string or a list of blocks said in `role`: `user`, `assistant`, `system`, or `result` of a tool."""
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise Breach(malformed(f"{place}: must be a string or an array of blocks"))
    check = _CHECKS[role]
    for index, block in enumerate(content):
        here = f"{place}.{index}"
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise Breach(malformed(f"{here}: must be an object with a type"))
        check(block, here)


def check_cache_control(value: Any, place: str) -> None:
    """Check a cache marker: ephemeral, for five minutes or an hour."""
    if value is None:
        return
    _check_object(value, {"type", "ttl"}, place)
    if value.get("type") != "ephemeral" or value.get("ttl", "5m") not in ("5m", "1h"):
        raise Breach(malformed(f"{place}: must be ephemeral with a ttl of 5m or 1h"))


def check_tools(tools: Any, policy: Policy) -> None:
    """Check that every tool runs on the side of the caller."""
    if not isinstance(tools, list) or len(tools) > policy.tools:
        raise Breach(malformed(f"tools: must be an array of at most {policy.tools}"))
    names = set()
    for index, tool in enumerate(tools):
        place = f"tools.{index}"
        if not isinstance(tool, dict) or not isinstance(tool.get("name", ""), str):
            raise Breach(malformed(f"{place}: must be an object with a name"))
        _check_tool(tool, policy, place)
        names.add(tool.get("name"))
    if len(names) < len(tools):
        raise Breach(malformed("tools: names must be unique"))


def check_schema(schema: Any, place: str) -> None:
    """Check that a JSON schema refers to nothing outside itself: whoever resolves it might go and fetch."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for name in ("$ref", "$dynamicRef", "$recursiveRef"):
                target = value.get(name)
                if isinstance(target, str) and not target.startswith("#"):
                    raise Breach(forbidden(f"{place}: a schema may refer only to itself, not to {target[:80]!r}"))
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _check_tool(tool: dict[str, Any], policy: Policy, place: str) -> None:
    kind = tool.get("type") or "custom"
    if kind == "custom":
        _check_object(tool, _TOOL, place)
        if not isinstance(tool.get("input_schema"), dict) or not tool.get("name"):
            raise Breach(malformed(f"{place}: a custom tool needs a name and an input_schema"))
        check_schema(tool["input_schema"], f"{place}.input_schema")
    elif isinstance(kind, str) and kind in policy.typed_tools:
        _check_object(tool, _TYPED_TOOL, place)
        if tool.get("name") != policy.typed_tools[kind]:
            raise Breach(malformed(f"{place}: a tool of type {kind} is named {policy.typed_tools[kind]}"))
    else:
        raise Breach(forbidden(f"{place}: only tools that run in the sandbox may be offered, not {str(kind)[:80]!r}"))
    if tool.get("allowed_callers") not in (None, ["direct"]):
        raise Breach(forbidden(f"{place}: a tool may be called by the model directly and by nothing else"))
    check_cache_control(tool.get("cache_control"), f"{place}.cache_control")


def _check_said_by_model(block: dict[str, Any], place: str) -> None:
    if block["type"] not in _SAID_BY_MODEL:
        raise Breach(forbidden(f"{place}: the model says text, thinking and tool_use here, not {block['type'][:80]!r}"))
    if block["type"] == "tool_use" and block.get("caller") not in (None, {"type": "direct"}):
        raise Breach(forbidden(f"{place}: a tool is called by the model directly and by nothing else"))


def _check_said_by_user(block: dict[str, Any], place: str) -> None:
    kind = block["type"]
    if kind not in _USER_BLOCKS:
        raise Breach(forbidden(f"{place}: a block of type {kind[:80]!r} may not be sent"))
    _check_object(block, _USER_BLOCKS[kind], place)
    check_cache_control(block.get("cache_control"), f"{place}.cache_control")
    if kind == "text" and not isinstance(block.get("text"), str):
        raise Breach(malformed(f"{place}.text: must be a string"))
    if kind == "image":
        _check_image(block.get("source"), f"{place}.source")
    elif kind == "document":
        _check_document(block.get("source"), f"{place}.source")
    elif kind == "tool_result":
        check_content(block.get("content", ""), "result", f"{place}.content")


def _check_said_in_result(block: dict[str, Any], place: str) -> None:
    if block["type"] not in _WITHIN_RESULTS:
        raise Breach(forbidden(f"{place}: a tool may answer with text, images and documents only"))
    _check_said_by_user(block, place)


def _check_said_by_system(block: dict[str, Any], place: str) -> None:
    if block["type"] != "text":
        raise Breach(forbidden(f"{place}: a system prompt is text"))
    _check_said_by_user(block, place)


def _check_image(source: Any, place: str) -> None:
    if not isinstance(source, dict) or source.get("type") != "base64":
        raise Breach(forbidden(f"{place}: an image must be in the request itself (base64), not elsewhere"))
    _check_object(source, {"type", "media_type", "data"}, place)
    if source.get("media_type") not in MEDIA_TYPES or not isinstance(source.get("data"), str):
        raise Breach(malformed(f"{place}: must be base64 data of {', '.join(MEDIA_TYPES)}"))


def _check_document(source: Any, place: str) -> None:
    # A PDF unfolds to any number of tokens: what such a call may cost could not be told before it is sent.
    if not isinstance(source, dict) or source.get("type") not in ("text", "content"):
        raise Breach(forbidden(f"{place}: a document must be in the request itself as text, not elsewhere and no PDF"))
    if source["type"] == "text":
        _check_object(source, {"type", "media_type", "data"}, place)
    else:
        _check_object(source, {"type", "content"}, place)
        check_content(source.get("content"), "result", f"{place}.content")


def _check_object(value: Any, fields: AbstractSet[str], place: str) -> None:
    if not isinstance(value, dict):
        raise Breach(malformed(f"{place}: must be an object"))
    unknown = value.keys() - fields
    if unknown:
        raise Breach(forbidden(f"{place}.{min(unknown)[:80]}: may not be sent"))


_CHECKS: Mapping[str, Callable[[dict[str, Any], str], None]] = {
    "user": _check_said_by_user,
    "assistant": _check_said_by_model,
    "system": _check_said_by_system,
    "result": _check_said_in_result,
}
