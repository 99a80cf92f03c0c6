"""What is said to the model, kept as files in `prompts/` where people can read and change it."""

import tomllib
from pathlib import Path
from typing import Any

PROMPTS = Path(__file__).with_name("prompts")


def prompt(name: str, /, **values: object) -> str:
    """Return a prompt with its places filled in; one that is left open is a `KeyError`."""
    return (PROMPTS / f"{name}.md").read_text("utf-8").strip().format_map(values)


def note(name: str, /, **values: object) -> str:
    """Return one of the short notes that the model is given between its own words."""
    notes: dict[str, str] = _table("notes")
    return notes[name].strip().format_map(values)


def tool_table() -> list[dict[str, Any]]:
    """Return the definitions of all tools, in the form and the order in which the model is given them."""
    return [
        {
            "name": name,
            "description": tool["description"].strip(),
            "input_schema": {
                "type": "object",
                "properties": tool.get("properties", {}),
                "required": tool.get("required", []),
                "additionalProperties": False,
            },
        }
        for name, tool in _table("tools").items()
    ]


def _table(name: str) -> dict[str, Any]:
    return tomllib.loads((PROMPTS / f"{name}.toml").read_text("utf-8"))
