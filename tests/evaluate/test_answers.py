"""What a scaffold prints is read under caps, and nothing it prints can raise."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.evaluate.answers import read_answers


def read(*lines: bytes, ids=("a", "b"), cap=1_000):
    return read_answers(b"\n".join(lines), ids, line_cap=cap)


def test_each_known_task_has_its_answer():
    assert read(b'{"id": "a", "x": 1}', b'{"id": "b"}') == {"a": {"id": "a", "x": 1}, "b": {"id": "b"}}


def test_answering_twice_is_not_answering():
    assert read(b'{"id": "a", "x": 1}', b'{"id": "b"}', b'{"id": "a", "x": 2}') == {"b": {"id": "b"}}


@pytest.mark.parametrize(
    "line",
    [
        b"talk",
        b"[]",
        b"null",
        b'"a"',
        b'{"id": "c"}',
        b'{"id": 1}',
        b'{"id": ["a"]}',
        b'{"id": null}',
        b"{}",
        b'{"id": "a"} {"id": "a"}',
        b'{"id": "a", "x": ' + b"9" * 5_000 + b"}",
        b'{"id": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"id": "a", "x": "\xff\xfe"}',
        b'\x00{"id": "a"}',
        b'{"id": "a", "x": "' + b"y" * 2_000_000 + b'"}',
    ],
    ids=lambda line: repr(line[:24]),
)
def test_a_line_that_breaks_a_rule_is_no_answer(line):
    assert read(line, cap=1_000_000) == {}


def test_a_line_over_the_cap_is_no_answer():
    line = json.dumps({"id": "a", "x": "y" * 100}).encode()

    assert "a" in read(line, cap=len(line))
    assert read(line, cap=len(line) - 1) == {}


def test_only_newlines_end_a_line():
    assert read('{"id": "a", "x": "\u2028"}'.encode(), b'{"id": "b"}\r')["a"]["x"] == "\u2028"


@given(st.binary(max_size=300))
def test_no_bytes_raise(noise):
    assert set(read(noise, b'{"id": "a"}')) <= {"a", "b"}
