"""Prompts as files."""

import re
import tomllib

import pytest

from scaffold.tools import Tools
from scaffold.wording import PROMPTS, note, prompt, tool_table


def test_places_are_filled_in_and_none_is_left_open() -> None:
    assert "{" not in prompt("task", instruction="i", listing="l", context="c")
    with pytest.raises(KeyError):
        prompt("task", instruction="i")


def test_values_are_taken_as_they_are() -> None:
    assert "{listing} %s {}" in prompt("task", instruction="{listing} %s {}", listing="l", context="c")


def test_every_note_that_there_is_is_used_and_can_be_filled_in() -> None:
    notes = tomllib.loads((PROMPTS / "notes.toml").read_text("utf-8"))
    code = "".join(path.read_text("utf-8") for path in PROMPTS.parent.glob("*.py"))

    assert set(notes) == set(re.findall(r"""note\(["'](\w+)""", code))
    assert all(isinstance(text, str) for text in notes.values())
    assert note("few_steps", left=3).startswith("3 steps")


def test_every_tool_has_a_method_that_takes_what_its_schema_promises() -> None:
    for tool in tool_table():
        code = getattr(Tools, tool["name"]).__code__
        arguments = set(code.co_varnames[1 : code.co_argcount])

        assert arguments == set(tool["input_schema"]["properties"])
        assert set(tool["input_schema"]["required"]) <= arguments
        assert tool["description"]
