"""Editing by definition."""

import ast

import pytest

from scaffold.refused import Refused
from scaffold.symbols import find, insert_after, outline, remove, replace, symbols

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


def test_a_definition_is_replaced_with_its_decorators_and_nothing_else() -> None:
    new = replace(SOURCE, "top", "def top():\n    return False\n")
    before, after = SOURCE.partition("@decorated")[0], SOURCE.split("return True\n")[1]

    assert new == f"{before}def top():\n    return False\n{after}"


@pytest.mark.parametrize("margin", ["", "  ", "        "])
def test_a_new_definition_takes_the_indentation_of_the_old(margin: str) -> None:
    definition = f'\n{margin}def name(self):\n\n{margin}    return "round"\n'

    assert replace(SOURCE, "Shape.name", definition).endswith('    def name(self):\n\n        return "round"\n')


def test_strings_keep_their_lines_when_a_definition_is_shifted_but_docstrings_move_along() -> None:
    definition = 'def name(self):\n    """Say it.\n\n    Twice.\n    """\n    return """one\n  two\nthree"""\n'
    new = replace(SOURCE, "Shape.name", definition)

    assert '        """Say it.\n\n        Twice.\n        """\n        return """one\n  two\nthree"""\n' in new
    again = replace(new, "Shape.name", "  " + definition.replace("\n    ", "\n      "))
    assert again == new


def test_a_definition_is_removed_with_the_blank_lines_above_it() -> None:
    assert remove(SOURCE, "Shape.name").endswith("        return inner\n")
    assert remove("def f(): pass\n\n\nx = 1\n", "f") == "\n\nx = 1\n"


def test_a_class_cannot_lose_its_last_statement() -> None:
    with pytest.raises(Refused, match="not valid Python"):
        remove("class A:\n    def f(self): pass\n", "A.f")


def test_a_definition_is_inserted_after_another_at_its_level() -> None:
    method = insert_after(SOURCE, "Shape.name", "def size(self):\n    return 1\n")
    function = insert_after("def f():\n    pass\n\n\nx = 1\n", "f", "def g():\n    pass")

    assert method == SOURCE + "\n    def size(self):\n        return 1\n"
    assert function == "def f():\n    pass\n\n\ndef g():\n    pass\n\n\nx = 1\n"


def test_what_is_not_python_and_what_would_not_be_is_refused() -> None:
    with pytest.raises(Refused, match="not valid Python"):
        symbols("def f(:\n")
    with pytest.raises(Refused, match="not valid Python"):
        replace(SOURCE, "top", "def top(:\n")
    with pytest.raises(Refused, match="carriage returns"):
        replace("def f():\r\n    pass\r\n", "f", "def f(): pass")


def test_the_result_of_an_edit_is_the_same_module_but_for_the_definition() -> None:
    before, after = ast.parse(SOURCE).body, ast.parse(replace(SOURCE, "top", "top = 1")).body

    assert [ast.dump(node) for node in after[:2] + after[3:]] == [ast.dump(node) for node in before[:2] + before[3:]]
