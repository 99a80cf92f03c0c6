"""What a source file says about itself is removed; what it does is not."""

import ast
import textwrap

import pytest

from sandbox.image.strip import strip


def stripped(source: str) -> str:
    return strip(textwrap.dedent(source).encode()).decode()


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ('"""Module."""\nx = 1\n', "x = 1\n"),
        ("#!/usr/bin/python\n# -*- coding: utf-8 -*-\nx = 1  # why\n", "x = 1\n"),
        ('def f():\n    """Doc."""\n', "def f():\n    pass\n"),
        ('def f():\n    """Doc."""\n    return 1\n', "def f():\n    return 1\n"),
        ('def f(): "doc"\n', "def f(): pass\n"),
        ('def f(): "doc"; return 1\n', "def f(): pass; return 1\n"),
        ('def f():\n    "doc"; x = 1\n', "def f():\n    pass; x = 1\n"),
        (
            'class C:\n    """Doc\n    more.\n    """  # note\n\n    a = 1\n    """About a."""\n',
            "class C:\n\n    a = 1\n",
        ),
        ('class C:\n    """Only."""\n    """Twice."""\n', "class C:\n    pass\n"),
        ("async def f():\n    'doc'\n    await g()\n", "async def f():\n    await g()\n"),
        ("def f():\n    ('doc '\n     'and more')\n    return 1\n", "def f():\n    return 1\n"),
        ("if x:\n    'a'\nelse:\n    'b'\n", "if x:\n    pass\nelse:\n    pass\n"),
        (
            "try:\n    'a'\nexcept E:\n    'b'\nfinally:\n    'c'\n",
            "try:\n    pass\nexcept E:\n    pass\nfinally:\n    pass\n",
        ),
        ('x = """kept # not a comment"""\n', 'x = """kept # not a comment"""\n'),
        ("call(\n    1,  # one\n    # two\n    2,\n)\n", "call(\n    1,\n    2,\n)\n"),
        ("def f():\n    r'''é'''; return 'é'  # é\n", "def f():\n    pass; return 'é'\n"),
        ("def f():\n\f\n    'doc'\n    return 1\n", "def f():\n\f\n    return 1\n"),
        ("x = 1\r\n# gone\r\ny = 2\r\n", "x = 1\ny = 2\n"),
        ("def f(): 'doc'", "def f(): pass\n"),
        ("", ""),
        ("match x:\n    case 1:\n        'doc'\n", "match x:\n    case 1:\n        pass\n"),
    ],
)
def test_docstrings_and_comments_go_and_the_layout_stays(source, wanted):
    assert strip(source.encode()).decode() == wanted


def test_other_encodings_become_utf8():
    assert strip("# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1")) == "x = 'é'\n".encode()


def test_a_layout_that_defeats_the_cutter_is_printed_anew():
    source = "def f():\n    'doc'; \\\n    g()\n"
    assert ast.dump(ast.parse(stripped(source))) in {
        ast.dump(ast.parse("def f():\n    pass; g()")),
        ast.dump(ast.parse("def f():\n    g()")),
    }


def test_no_python_is_refused_by_name():
    with pytest.raises(SyntaxError):
        strip(b"def f(:\n")


def test_the_standard_library_of_this_interpreter_keeps_its_meaning():
    """Real files, compared as syntax trees, with no bare string or comment left."""
    import argparse
    import email
    import typing
    from pathlib import Path

    files = [Path(argparse.__file__), Path(typing.__file__), *Path(email.__file__).parent.glob("*.py")]
    assert len(files) > 20
    for file in files:
        result = strip(file.read_bytes())
        tree = ast.parse(result)
        assert not [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        ], file
        assert ast.get_docstring(tree) is None
        assert defined(tree) == defined(ast.parse(file.read_bytes())), file


def defined(tree: ast.AST) -> list[str]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return [node.name for node in ast.walk(tree) if isinstance(node, kinds)]
