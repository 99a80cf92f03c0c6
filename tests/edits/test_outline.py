"""A Python file is cut into blocks that people can name, and the blocks are the file."""

from textwrap import dedent

import pytest
from hypothesis import given, settings

from agent.edits.outline import outline
from agent.edits.source import parse_counted
from agent.errors import EditConflict
from tests.edits.generated import Module, modules


def cut(text):
    return outline(dedent(text).encode())


def addresses(text):
    return [block.address for block in cut(text).walk() if not block.children and block.kind != "module"]


def check_whole(block):
    if block.children:
        assert b"".join(child.content for child in block.children) == block.content
        for child in block.children:
            check_whole(child)


@given(modules)
@settings(max_examples=200, deadline=None)
def test_blocks_joined_are_the_file_and_addresses_are_unique(module):
    try:
        root = outline(module.source())
    except EditConflict:
        return
    blocks = list(root.walk())

    assert root.content == module.source()
    check_whole(root)
    assert len({block.address for block in blocks}) == len(blocks)
    assert all(" " <= c <= "~" for block in blocks for c in block.address)


@given(modules)
@settings(max_examples=100, deadline=None)
def test_lines_counted_in_one_print_are_those_of_each_statement_printed_alone(module):
    try:
        parsed, counts = parse_counted(module.source())
    except EditConflict:
        return
    statements = [node for node in walked(parsed) if id(node) in counts]

    assert len(statements) == len(counts)
    assert all(counts[id(node)] == parsed.code_for_node(node).count("\n") for node in statements)


def walked(node):
    yield node
    for child in node.children:
        yield from walked(child)


def test_members_have_qualified_names():
    text = """\
        #!/usr/bin/env python

        '''About.'''
        import os
        from a import b

        LIMIT: int = 3
        NAMES = a = []
        self.x = 1

        class Index(Base):
            '''It ranks.'''

            WEIGHT = 2

            @cached
            def rank(self):
                def inner(): ...
                return inner

            class Inner:
                def rank(self): ...
            # the end

        import sys

        async def main(): ...
        register(main)
        # bye
        """

    assert addresses(text) == [
        "(header)", "docstring", "imports", "LIMIT", "NAMES", "self.x", "Index.(head)", "Index.docstring", "Index.WEIGHT",
        "Index.rank", "Index.Inner.(head)", "Index.Inner.rank", "Index.(end)", "imports#2", "main", "register(main)",
        "(end)",
    ]  # fmt: skip


def test_overloads_setters_and_redefinitions_are_numbered():
    text = """\
        @overload
        def f(a: int): ...
        @overload
        def f(a: str): ...
        def f(a): ...
        class A:
            @property
            def x(self): ...
            @x.setter
            def x(self, v): ...
        class A:
            def x(self): ...
        """

    assert addresses(text) == ["f", "f#2", "f#3", "A.(head)", "A.x", "A.x#2", "A#2.(head)", "A#2.x"]


def test_conditional_definitions_have_addresses_of_their_own():
    text = """\
        if TYPE_CHECKING:  # for tools
            from a import B
        if sys.platform == "win32":
            def f(): return 1
        elif X:
            import c
            def f(): return 2
        else: f = None
        try:
            class A:
                def g(self): ...
        except ImportError as e:
            A = None
        finally:
            pass
        """

    assert addresses(text) == [
        "if TYPE_CHECKING",
        'if sys.platform == "win32".(head)', "f", 'if sys.platform == "win32".(elif X)', "imports", "f#2",
        'if sys.platform == "win32".(else: f = None)',
        "try.(head)", "A.(head)", "A.g", "try.(except ImportError as e)", "A#2", "try.(finally)", "pass",
    ]  # fmt: skip


def test_decorators_and_leading_comments_belong_to_their_definition():
    *_, block = cut("x = 1\n\n# why\n\n@a(\n  1)\n# between\n@b\ndef f():\n    pass\n").children

    assert block.content == b"\n# why\n\n@a(\n  1)\n# between\n@b\ndef f():\n    pass\n"


def test_statements_on_one_line_are_one_block():
    assert addresses("x = 1; y = 2; z()\nif a: b = 1; c = 2\n") == ["x", "if a: b = 1; c = 2"]


def test_names_cannot_carry_escapes_or_hidden_characters():
    assert addresses("f('\u202e\x1b[2K é')\n") == [r"f('\u202e\x1b[2K \xe9')"]


def test_a_name_never_stands_for_two_blocks():
    assert addresses("x\nx#2\nx\nx\n") == ["x", "x#2", "x#3", "x#4"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_every_way_to_write_a_file_is_cut_alike(newline, final, encoding):
    pieces = ("import os\n", "class A:\n    x = 'é'\n    # end\n", "\n\ndef f():\n    return '''\n\n'''\n")
    source = Module(pieces, "", newline, "\t", encoding, final).source()

    assert [block.address for block in outline(source).walk()] == [
        "",
        "imports",
        "A",
        "A.(head)",
        "A.x",
        "A.(end)",
        "f",
    ]
