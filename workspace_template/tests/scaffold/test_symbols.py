"""Definitions by qualified name."""

import pytest

from scaffold.refused import Refused
from scaffold.symbols import find, fitted, outline, symbols

SOURCE = '''\
"""A module."""

import os


@decorated
@twice(1)
def top(a: int, *, b: str = "x") -> bool:
    """Say what top does.

    At length.
    """
    return True


class Shape(Base, metaclass=Meta):
    """A shape."""

    async def area(self):
        def inner():
            pass
        return inner

    def name(self):  # a comment
        return "shape"
'''


def test_definitions_are_listed_with_qualified_names_and_lines() -> None:
    listed = [(symbol.name, symbol.first, symbol.last) for symbol in symbols(SOURCE)]

    assert listed == [
        ("top", 6, 13),
        ("Shape", 16, 25),
        ("Shape.area", 19, 22),
        ("Shape.area.inner", 20, 21),
        ("Shape.name", 24, 25),
    ]


def test_an_outline_shows_headers_and_summaries_as_they_are_nested() -> None:
    assert outline(SOURCE).split("\n") == [
        "def top(a: int, *, b: str='x') -> bool  # Say what top does.",
        "class Shape(Base, metaclass=Meta)  # A shape.",
        "    async def area(self)",
        "        def inner()",
        "    def name(self)",
    ]
    assert outline("class Plain:\n    pass\n") == "class Plain"


def test_definitions_under_conditions_are_found() -> None:
    source = "try:\n    def f(): pass\nexcept E:\n    def g(): pass\nmatch x:\n    case 1:\n        class H: pass\n"

    assert [symbol.name for symbol in symbols(source)] == ["f", "g", "H"]


def test_a_name_that_is_not_there_or_there_twice_is_refused() -> None:
    with pytest.raises(Refused, match="0 definitions are called 'f'; defined are: g"):
        find("def g(): pass\n", "f")
    with pytest.raises(Refused, match="2 definitions"):
        find("if x:\n    def f(): pass\nelse:\n    def f(): pass\n", "f")


def test_what_is_not_python_has_no_definitions() -> None:
    with pytest.raises(Refused, match="not valid Python"):
        symbols("def f(:\n")


def test_lines_are_shifted_to_a_column_but_for_those_inside_strings() -> None:
    code = '  def f():\n    """Say.\n\n    Twice.\n    """\n    return """one\ntwo"""\n'
    expected = ["def f():", '  """Say.', "", "  Twice.", '  """', '  return """one', 'two"""']

    assert fitted(code, 0) == expected
    assert fitted("def f():\n  pass\n", 0) == ["def f():", "  pass"]
