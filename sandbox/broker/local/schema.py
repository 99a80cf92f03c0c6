"""Tools, and the JSON schema that an answer is held to while it is made. Pure.

The model's server turns the schema into a grammar, so an answer cannot name a tool that was not offered. Keywords that
its grammar does not know, or that make it explode, are left out: the tool checks its input itself, as it must anyway.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_KEPT = ("type", "enum", "const", "required", "minimum", "maximum")
_MAPPED = ("properties",)
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_NESTED = ("items", "additionalProperties")
_LONGEST_COUNT = 64
_MOST_NODES = 4_000
_DEPTH = 24

ANYTHING: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool as the model is told of it."""

    name: str
    description: str
    schema: Mapping[str, Any]


def tools_of(body: Mapping[str, Any]) -> tuple[Tool, ...]:
    """Return the tools of a request; those that the API knows by their type are spelt out."""
    return tuple(_tool(tool) for tool in body.get("tools") or ())


def answer_schema(tools: Sequence[Tool], choice: Mapping[str, Any], text: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the schema of an answer: one call of one tool, with or without words before it, or words alone.

    `choice` says which of them the model may take. `text` is the schema of what is said at the end of a turn, where the
    request demands one.
    """
    kind = choice.get("type", "auto")
    called = [tool for tool in tools if kind in ("auto", "any") or (kind == "tool" and tool.name == choice.get("name"))]
    calls = [{"tool": {"const": tool.name}, "input": plain(tool.schema)} for tool in called]
    forms = [_form(call) for call in calls] + [_form({"text": {"type": "string"}, **call}) for call in calls]
    if kind in ("auto", "none"):
        forms.append(_form({"text": {"type": "string"} if text is None else plain(text)}))
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that says no less and refers to nothing: what it points at stands in its place.

    Past a depth or a size it allows anything, so that a schema that refers to itself, or doubles, has an end.
    """
    return _Plain(schema).of(schema, 0)


class _Plain:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = _MOST_NODES

    def of(self, schema: Any, depth: int) -> dict[str, Any]:
        self._left -= 1
        schema = self._resolved(schema)
        if not isinstance(schema, dict) or depth > _DEPTH or self._left < 0:
            return dict(ANYTHING)
        made = {name: schema[name] for name in _KEPT if name in schema}
        made |= {n: schema[n] for n in ("minItems", "maxItems") if _small(schema.get(n))}
        for name in _MAPPED:
            if isinstance(schema.get(name), dict):
                made[name] = {key: self.of(value, depth + 1) for key, value in schema[name].items()}
        for name in _LISTED:
            if isinstance(schema.get(name), list):
                made[name] = [self.of(value, depth + 1) for value in schema[name]]
        for name in _NESTED:
            if isinstance(schema.get(name), dict):
                made[name] = self.of(schema[name], depth + 1)
            elif isinstance(schema.get(name), bool):
                made[name] = schema[name]
        if "properties" in made:
            made.setdefault("additionalProperties", False)
        return made

    def _resolved(self, schema: Any) -> Any:
        """Follow a reference within the schema; one that leads nowhere or round in a circle allows anything."""
        for _ in range(_DEPTH):
            target = schema.get("$ref") if isinstance(schema, dict) else None
            if not isinstance(target, str):
                return schema
            schema = self._at(target)
        return None

    def _at(self, target: str) -> Any:
        value: Any = self._root
        for step in target.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            value = value.get(name) if isinstance(value, dict) else None
        return value


def _tool(tool: Mapping[str, Any]) -> Tool:
    typed = _typed_tools().get(str(tool.get("type")), {})
    told = {**typed, **tool}
    return Tool(told["name"], str(told.get("description") or ""), told.get("input_schema") or ANYTHING)


@cache
def _typed_tools() -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(files("sandbox.broker.local").joinpath("typed_tools.json").read_text("utf-8"))
    return found


def _form(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def _small(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _LONGEST_COUNT
