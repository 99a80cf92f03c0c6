"""Generated trees: modules built from pieces of every kind that the splitter knows, and pairs of versions of them."""

from dataclasses import dataclass, replace

from hypothesis import strategies as st

from agent.edits.tree import File, Tree

SIMPLE = (
    "import os\n",
    "import sys, json\n",
    "from a.b import (\n    c,\n    d,\n)\n",
    "LIMIT = 20\n",
    "LIMIT = 21\n",
    "NAMES: list[str] = ['a', 'b']\n",
    "x = 1; y = 2\n",
    "a.b = 3\n",
    "register(1)\n",
    "register(2)\n",
    "for i in x:\n    print(i)\n",
    "def one(): return 1\n",
    "class Empty: pass\n",
    "# a comment of its own\n\nTOTAL = 1  # and one behind\n",
    '"""A text\nover\nlines."""\n',
    "if x: y = 1\n",
    "type Alias[T] = list[T]\n",
    "z = f'{x!r:>{y}} {{}}'\n",
    "é = 'ü'\n",
    "\n\n\n",
    "w = 1 + \\\n    2\n",
)
BODIES = (
    "return 1\n",
    "return 2  # why\n",
    "x = 1\n\n# inside\nreturn x\n",
    "def inner():\n    return 3\nreturn inner\n",
)
HEADS = (
    "def {n}():\n",
    "def {n}(a, b=2):\n",
    "async def {n}() -> int:\n",
    "@overload\ndef {n}(a: int) -> int:\n",
    "@property\ndef {n}(self):\n",
    "@{n}.setter\ndef {n}(self, v):\n",
    "# about {n}\n\n@cached(\n    1,\n)\ndef {n}():\n",
)
CONDITIONS = (("if TYPE_CHECKING:\n", "else:\n"), ("try:\n", "except ImportError:\n"), ("with a() as b:\n", None))
NAMES = ("rank", "score", "Index", "load", "_x")

functions = st.builds(lambda h, n, b: h.format(n=n) + indented(b), *map(st.sampled_from, (HEADS, NAMES, BODIES)))
members = st.one_of(st.sampled_from(SIMPLE), functions)


def indented(text):
    return "".join("    " + line if line.strip() else line for line in text.splitlines(keepends=True))


def suites(inner):
    return st.lists(inner, min_size=1, max_size=4).map(lambda parts: indented("".join(parts) + "pass\n"))


def nested(inner):
    classes = st.builds(
        lambda name, head, suite, foot: f"{head}class {name}(Base):\n{suite}{foot}",
        st.sampled_from(NAMES),
        st.sampled_from(("", "\n\n", "# leading\n@decorated\n")),
        suites(inner),
        st.sampled_from(("", "    # at the end\n", "\n")),
    )
    branches = st.builds(
        lambda keys, first, second: keys[0] + first + (keys[1] + second if keys[1] else ""),
        st.sampled_from(CONDITIONS),
        suites(inner),
        suites(inner),
    )
    return st.one_of(members, classes, branches)


pieces = st.recursive(members, nested, max_leaves=6)


@dataclass(frozen=True)
class Module:
    """The pieces of a module and how they are written down."""

    pieces: tuple[str, ...]
    header: str = ""
    newline: str = "\n"
    indent: str = "    "
    encoding: str = "utf-8"
    final_newline: bool = True

    def source(self) -> bytes:
        text = self.header + "".join(self.pieces)
        text = text.replace("    ", self.indent).replace("\n", self.newline)
        if not self.final_newline:
            text = text.rstrip("\r\n")
        return text.encode(self.encoding, "replace")


modules = st.builds(
    Module,
    st.lists(pieces, max_size=7).map(tuple),
    st.sampled_from(("", "", "#!/usr/bin/env python\n# licence\n\n", "# -*- coding: latin-1 -*-\n", "\x0c\n")),
    st.sampled_from(("\n", "\n", "\n", "\r\n", "\r")),
    st.sampled_from(("    ", "    ", "\t", "  ")),
    st.sampled_from(("utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16")),
    st.sampled_from((True, True, False)),
)


@st.composite
def mutated(draw, module):
    """Another version of a module: pieces added, deleted, moved, replaced; or another way to write it."""
    parts = list(module.pieces)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(parts)))
        match draw(st.sampled_from(("add", "delete", "move", "replace", "rename", "restyle", "break"))):
            case "add":
                parts.insert(at, draw(pieces))
            case "delete":
                parts[at : at + 1] = []
            case "move" if parts:
                parts.insert(at, parts.pop(draw(st.integers(0, len(parts) - 1))))
            case "replace":
                parts[at : at + 1] = [draw(pieces)]
            case "rename":
                parts = [part.replace("rank", "order") for part in parts]
            case "restyle":
                styles = (("newline", "\r\n"), ("final_newline", False), ("indent", "\t"), ("header", "# new\n"))
                field, value = draw(st.sampled_from(styles))
                module = replace(module, **{field: value})
            case _:
                parts.insert(
                    at, draw(st.sampled_from(("def (\n", "  x = 1\n", "'''\n", ")\n", "\x00", "except X :\n")))
                )
    return replace(module, pieces=tuple(parts))


@st.composite
def module_pairs(draw):
    """Two versions of one Python file as bytes."""
    module = draw(modules)
    return module.source(), draw(mutated(module)).source()


paths = st.sampled_from(("a.py", "b.py", "pkg/c.py", "pkg/d.pyi", "e.txt", "pkg/e", "a b.md", 'qu"ote', "naïve.bin"))
contents = st.one_of(
    modules.map(Module.source),
    st.binary(max_size=40),
    st.lists(st.sampled_from((b"a\n", b"b\n", b"\r\n", b"\n", b"c", b"\x00\n")), max_size=12).map(b"".join),
)
files = st.builds(File, contents, st.booleans())
trees = st.dictionaries(paths, files, max_size=4).map(Tree)


@st.composite
def tree_pairs(draw):
    """Two trees that share some of their files."""
    base = draw(trees)
    result = dict(base)
    for path in draw(st.lists(paths, max_size=4)):
        match draw(st.sampled_from(("set", "remove", "mode", "edit"))):
            case "set":
                result[path] = draw(files)
            case "remove":
                result.pop(path, None)
            case "mode" if path in result:
                result[path] = replace(result[path], executable=not result[path].executable)
            case "edit" if path in result:
                at = draw(st.integers(0, len(result[path].content)))
                content = result[path].content[:at] + draw(contents) + result[path].content[at:]
                result[path] = replace(result[path], content=content)
    return base, Tree(result)
