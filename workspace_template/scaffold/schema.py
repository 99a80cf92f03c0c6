"""Check what a model gives to a tool against the tool's schema: the small part of JSON Schema that tools here use."""

from typing import Any

KINDS: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}


def mismatch(value: Any, schema: dict[str, Any], place: str = "the input") -> str:
    """Return how a value differs from its schema, in a sentence; empty when it does not."""
    kind = schema["type"]
    if not isinstance(value, KINDS[kind]) or (kind == "integer" and isinstance(value, bool)):
        return f"{place} must be of type {kind}"
    if "enum" in schema and value not in schema["enum"]:
        return f"{place} must be one of {', '.join(schema['enum'])}"
    if kind == "array":
        return next(filter(None, (mismatch(item, schema["items"], f"each of {place}") for item in value)), "")
    if kind == "object":
        return _field_mismatch(value, schema)
    return ""


def _field_mismatch(value: dict[str, Any], schema: dict[str, Any]) -> str:
    known = schema["properties"]
    if missing := [name for name in schema["required"] if name not in value]:
        return f"{missing[0]!r} is missing"
    if unknown := [name for name in value if name not in known]:
        return f"{unknown[0][:80]!r} is not known here; known are {', '.join(known) or 'no fields at all'}"
    return next(filter(None, (mismatch(item, known[name], repr(name)) for name, item in value.items())), "")
