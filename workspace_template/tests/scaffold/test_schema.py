"""What a model gives to a tool, held against the tool's schema."""

from typing import Any

import pytest

from scaffold.schema import mismatch

SCHEMA = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "line": {"type": "integer"},
        "exact": {"type": "boolean"},
        "how": {"type": "string", "enum": ["a", "b"]},
        "paths": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["path"],
}


def test_what_fits_is_no_mismatch() -> None:
    assert mismatch({"path": ""}, SCHEMA) == ""
    assert mismatch({"path": "x", "line": 1, "exact": False, "how": "b", "paths": ["a", ""]}, SCHEMA) == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "the input must be of type object"),
        ([], "the input must be of type object"),
        ({}, "'path' is missing"),
        ({"path": None}, "'path' must be of type string"),
        ({"path": "", "line": True}, "'line' must be of type integer"),
        ({"path": "", "line": 1.5}, "'line' must be of type integer"),
        ({"path": "", "exact": "yes"}, "'exact' must be of type boolean"),
        ({"path": "", "how": "c"}, "'how' must be one of a, b"),
        ({"path": "", "paths": "a"}, "'paths' must be of type array"),
        ({"path": "", "paths": ["a", 1]}, "each of 'paths' must be of type string"),
        ({"path": "", "x" * 200: 1}, "is not known here; known are path, line"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(value: Any, said: str) -> None:
    assert said in mismatch(value, SCHEMA)
    assert len(mismatch(value, SCHEMA)) < 200
