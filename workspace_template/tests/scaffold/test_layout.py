"""Indentation and line ends."""

import pytest

from scaffold.layout import columns, parse, shifted, uses_crlf, uses_tabs
from scaffold.refused import Refused


def test_columns_count_spaces_and_four_for_each_tab() -> None:
    assert [columns(line) for line in ("x", "  x", "\tx", "  \tx", "\t  x")] == [0, 2, 4, 4, 6]


def test_a_line_is_shifted_both_ways_in_spaces_or_tabs() -> None:
    assert shifted("  x ", 2) == "    x"
    assert shifted("    x", -4) == "x"
    assert shifted("x", 6, tabs=True) == "\t  x"
    assert shifted("\tx", 0) == "    x"


def test_a_blank_line_stays_empty_whatever_the_shift() -> None:
    assert shifted("   ", -9) == ""


def test_a_line_cannot_leave_the_margin() -> None:
    with pytest.raises(Refused, match="margin"):
        shifted("  x", -3)


def test_tabs_and_carriage_returns_are_told_by_the_majority() -> None:
    assert uses_tabs(["\tx", "\ty", "  z"])
    assert not uses_tabs(["\tx", "  y", "  z", "w"])
    assert not uses_tabs(["x"])
    assert uses_crlf("a\r\nb\r\nc\n")
    assert not uses_crlf("a\r\nb\nc\n")
    assert not uses_crlf("")


@pytest.mark.parametrize("source", ["x = (", "x = '\0'", "def f():\nreturn"])
def test_what_is_not_python_has_no_tree(source: str) -> None:
    assert parse(source) is None


def test_a_warning_about_the_code_does_not_stop_it_from_being_read() -> None:
    assert parse("x = '\\d'\n") is not None
