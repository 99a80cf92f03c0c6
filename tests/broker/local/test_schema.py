"""What an answer is held to: each tool that may be called, text where it may be said, and nothing without an end."""

import json

import pytest

from sandbox.broker.local.schema import Tool, answer_schema, plain

A = Tool("a", "", {"type": "object", "properties": {"x": {"type": "string"}}})
B = Tool("b", "", {"type": "object"})


def forms(choice, text=None):
    schema = answer_schema([A, B], choice, text)
    found = schema.get("anyOf", [schema])
    words = [form for form in found if form["required"] == ["text", "tool", "input"]]
    found = [form for form in found if form not in words]
    tools = [form["properties"]["tool"] for form in found if "tool" in form["properties"]]
    assert [form["properties"]["tool"] for form in words] == tools
    assert all(form["required"] == list(form["properties"]) and not form["additionalProperties"] for form in found)
    return [form["properties"].get("tool", {}).get("const", "text") for form in found]


@pytest.mark.parametrize(
    ("choice", "allowed"),
    [
        ({"type": "auto"}, ["a", "b", "text"]),
        ({"type": "any"}, ["a", "b"]),
        ({"type": "tool", "name": "b"}, ["b"]),
        ({"type": "none"}, ["text"]),
    ],
)
def test_the_choice_of_tools_decides_which_answers_there_are(choice, allowed):
    assert forms(choice) == allowed


def test_what_is_said_may_be_held_to_a_schema_too():
    schema = answer_schema([A], {"type": "auto"}, {"type": "object", "properties": {"n": {"type": "integer"}}})

    assert schema["anyOf"][-1]["properties"]["text"]["properties"] == {"n": {"type": "integer"}}


def test_input_has_no_fields_that_the_tool_does_not_know():
    assert plain(A.schema)["additionalProperties"] is False
    assert "additionalProperties" not in plain(B.schema)
    assert plain({"properties": {}, "additionalProperties": True})["additionalProperties"] is True


def test_references_are_replaced_by_what_they_point_at():
    schema = {"properties": {"p": {"$ref": "#/$defs/a~1b"}}, "$defs": {"a/b": {"type": "integer"}}}

    assert plain(schema)["properties"] == {"p": {"type": "integer"}}


def test_keywords_that_the_grammar_does_not_know_or_that_make_it_explode_are_left_out():
    field = {"type": "string", "pattern": "(?=x)y", "maxLength": 10**6, "format": "date", "description": "d"}
    items = {"type": "array", "items": field, "minItems": 1, "maxItems": 10**6}

    assert plain({"type": "object", "properties": {"f": items}})["properties"]["f"] == {
        "type": "array", "items": {"type": "string"}, "minItems": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}},
        {"properties": {"x": {"$ref": "#/nowhere/at/all"}}},
        {"$defs": {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 9} for n in range(20)}, "$ref": "#/$defs/d0"},
    ],
)
def test_a_schema_that_refers_to_itself_or_doubles_has_an_end(schema):
    assert len(json.dumps(plain(schema))) < 500_000


@pytest.mark.parametrize("schema", [{"properties": 1}, {"items": "x"}, {"anyOf": [1]}, {"properties": {"a": True}}])
def test_a_schema_that_is_none_harms_nobody(schema):
    assert isinstance(plain(schema), dict)
