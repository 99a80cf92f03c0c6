"""Changing Python by definition, and not a byte more."""

import ast

import pytest

from scaffold.definitions import change_definition
from scaffold.refused import Refused

SOURCE = b'''\
"""A module."""

import os


# above top
@decorated
@twice(1)
def top(a: int, *, b: str = "x") -> bool:
    """Say what top does.

    At length.
    """
    return   True


class Shape(Base, metaclass=Meta):
    """A shape."""

    async def area(self):
        def inner():
            pass
        return inner

    def name(self):  # a comment
        return "shape"
'''


def test_a_definition_is_replaced_with_its_decorators_and_nothing_else() -> None:
    new = change_definition(SOURCE, "top", "replace", "def top():\n    return False\n")
    before, after = SOURCE.partition(b"@decorated")[0], SOURCE.split(b"return   True\n")[1]

    assert new == before + b"def top():\n    return False\n" + after


def test_comments_above_a_definition_stay_unless_the_new_one_brings_its_own() -> None:
    new = change_definition(SOURCE, "top", "replace", "# better\ndef top():\n    return False\n")

    assert b"import os\n\n\n# better\ndef top():\n" in new


@pytest.mark.parametrize("margin", ["", "  ", "        "])
def test_a_new_definition_takes_the_indentation_of_the_old(margin: str) -> None:
    definition = f'\n{margin}def name(self):\n\n{margin}    return "round"\n'

    new = change_definition(SOURCE, "Shape.name", "replace", definition)
    assert new.endswith(b'    def name(self):\n\n        return "round"\n')


def test_strings_keep_their_lines_when_a_definition_is_shifted_but_docstrings_move_along() -> None:
    definition = 'def name(self):\n    """Say it.\n\n    Twice.\n    """\n    return """one\n  two\nthree"""\n'
    new = change_definition(SOURCE, "Shape.name", "replace", definition)

    assert b'        """Say it.\n\n        Twice.\n        """\n        return """one\n  two\nthree"""\n' in new


def test_a_definition_becomes_several() -> None:
    new = change_definition(SOURCE, "Shape.name", "replace", "def name(self):\n    pass\n\ndef size(self):\n    pass\n")

    assert new.endswith(b"    def name(self):\n        pass\n\n    def size(self):\n        pass\n")


def test_a_definition_is_deleted_with_the_blank_lines_above_it() -> None:
    assert change_definition(SOURCE, "Shape.name", "delete").endswith(b"        return inner\n")
    assert b"inner():" not in change_definition(SOURCE, "Shape.area.inner", "delete")
    assert change_definition(b"class A:\n    def f(self): pass\n", "A.f", "delete") == b"class A:\n    pass\n"


def test_a_definition_is_inserted_beside_another_at_its_level() -> None:
    method = change_definition(SOURCE, "Shape.name", "insert_after", "def size(self):\n    return 1\n")
    function = change_definition(b"def f():\n    pass\n\n\nx = 1\n", "f", "insert_after", "def g():\n    pass")
    before = change_definition(b"import a\n\n\n# of f\ndef f():\n    pass\n", "f", "insert_before", "X = 1")

    assert method == SOURCE + b"\n    def size(self):\n        return 1\n"
    assert function == b"def f():\n    pass\n\n\ndef g():\n    pass\n\n\nx = 1\n"
    assert before == b"import a\n\n\nX = 1\n\n\n# of f\ndef f():\n    pass\n"


@pytest.mark.parametrize(
    "source",
    [
        b"def f():\r\n    pass\r\n\r\n\r\nx = 1\r\n",
        b"# -*- coding: latin-1 -*-\nname = 'caf\xe9'\n\n\ndef f():\n    pass\n",
        b"\xef\xbb\xbfdef f():\n    pass\n",
        b"def f() :\n\tpass\nif x :\n\ty = 1;\n",
        b"def f(): pass\nx = (1,\n  2)   \n\n\n",
        b"x = 1\ndef f():\n  pass",
    ],
    ids=["crlf", "latin", "mark", "tabs", "ragged", "no end"],
)
def test_the_rest_of_a_file_keeps_its_bytes(source: bytes) -> None:
    new = change_definition(source, "f", "replace", "def f():\n    return 2\n")
    start = source.index(b"def f")
    rest = source[start:].replace(b"\r", b"").split(b"pass", 1)[1].lstrip(b"\n")

    assert new.startswith(source[:start])
    assert new.replace(b"\r", b"").endswith(rest)
    assert (b"\r\n" in new) == (b"\r\n" in source)
    assert new.count(b"\r\n") in (0, new.count(b"\n"))
    compile(new, "new", "exec")


def test_a_file_that_would_not_keep_its_bytes_is_refused() -> None:
    with pytest.raises(Refused, match="use edit_text"):
        change_definition(b"try:\n    def f(): pass\nexcept X :\n    pass\n", "f", "delete")


@pytest.mark.parametrize(
    ("source", "name", "code", "said"),
    [
        (b"def f(:\n", "f", "def f(): pass", "not valid Python"),
        (b"def f(): pass\n", "f", "def f(:", "not valid Python"),
        (b"def f(): pass\n", "g", "def g(): pass", "0 definitions are called 'g'; defined are: f"),
        (b"if x:\n    def f(): pass\nelse:\n    def f(): pass\n", "f", "def f(): pass", "2 definitions"),
        (b"def f(): pass\n", "f", "  \n", "missing"),
        (b"def f(): pass\n", "f", "# only this\n", "comments only"),
        (b"\x00", "f", "def f(): pass", "not valid Python"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(source: bytes, name: str, code: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        change_definition(source, name, "replace", code)


def test_the_result_is_the_same_module_but_for_the_definition() -> None:
    new = change_definition(SOURCE, "top", "replace", "top = 1")
    before, after = ast.parse(SOURCE).body, ast.parse(new).body

    assert [ast.dump(node) for node in after[:2] + after[3:]] == [ast.dump(node) for node in before[:2] + before[3:]]
