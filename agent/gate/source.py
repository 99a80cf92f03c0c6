"""Python source as the gate reads it: parsed or refused by name, with the names that its imports bind.

Everything here is reading. No code of a workspace is ever imported or run by the gate.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import PurePosixPath

from agent.edits.tree import File, Tree
from agent.gate.patch_facts import text_of

MAX_SOURCE_BYTES = 1_000_000
MAX_REMEMBERED = 100_000
"""Characters of a file whose syntax is remembered."""
MAX_BITS = 4_096
"""Of one whole number in the source."""
MAX_HOPS = 5
"""From name to name to what was imported; further is not followed."""
MAX_DEPTH = 100
"""Levels of a syntax tree. The deepest file of the standard library has 33; recursion over 100 is always safe."""

_COOKIE = re.compile(r"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263
_UTF8 = frozenset({"utf-8", "utf8", "utf_8", "u8"})


@dataclass(frozen=True, slots=True)
class Unparsable:
    """Why a file cannot be judged as Python."""

    line: int
    why: str


class Sources:
    """The Python files of one tree, each parsed at most once and only when asked for."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._parsed: dict[str, ast.Module | Unparsable] = {}

    def parse(self, path: str) -> ast.Module | Unparsable:
        """Parse the file at `path`; an absent one is an empty module."""
        if path not in self._parsed:
            self._parsed[path] = parse(self.tree.get(path))
        return self._parsed[path]

    def module(self, path: str) -> ast.Module | None:
        """Return the file at `path` as syntax, or None when it is not Python that can be judged."""
        parsed = self.parse(path) if is_python(path, self.tree.get(path)) else None
        return None if isinstance(parsed, Unparsable) else parsed

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that a module or package of this tree has."""
        return frozenset(part.removesuffix(".py") for path in self.tree for part in path.split("/"))


def is_python(path: str, file: File | None) -> bool:
    """Whether an interpreter would take the file for Python: by its suffix, or by its first line."""
    if PurePosixPath(path.casefold()).suffix in (".py", ".pyi", ".pyw"):
        return True
    return file is not None and file.content.startswith(b"#!") and b"python" in file.content.split(b"\n", 1)[0]


def is_test(path: str) -> bool:
    """Whether a path belongs to the workspace's tests, which run beside the scaffold and are not part of it."""
    return path.casefold().startswith("tests/")


def parse(file: File | None) -> ast.Module | Unparsable:
    """Parse a file as Python; an absent file is an empty module.

    Refused, besides syntax errors: bytes that are not UTF-8, a declared encoding other than UTF-8 (the interpreter
    would read other code than the reviewer), and source too large or nested too deep to be judged.
    """
    if file is None:
        return ast.Module(body=[], type_ignores=[])
    text = text_of(file)
    if text is None:
        return Unparsable(0, "it is not UTF-8 text")
    if len(file.content) > MAX_SOURCE_BYTES:
        return Unparsable(0, "it is too large to be judged")
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text, maxsplit=2)[:2], start=1):
        cookie = _COOKIE.match(line)
        if cookie and cookie[1].casefold() not in _UTF8:
            return Unparsable(number, "it declares an encoding other than UTF-8")
    text = text.removeprefix("\ufeff")
    return _small(text) if len(text) <= MAX_REMEMBERED else _parse(text)


@lru_cache(maxsize=64)
def _small(text: str) -> ast.Module | Unparsable:
    """The files of a base are judged again with each candidate. A syntax tree is read and never changed."""
    return _parse(text)


def walked(tree: ast.Module) -> list[ast.AST]:
    """Return every node of a module as `ast.walk` yields them; a module is walked once, and then remembers it."""
    found: list[ast.AST] | None = getattr(tree, "_walked", None)
    if found is None:
        found = list(ast.walk(tree))
        tree._walked = found  # type: ignore[attr-defined]  # no field of the syntax: nothing that dumps a node sees it
    return found


def _parse(text: str) -> ast.Module | Unparsable:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape in the candidate's code is not our warning
            tree = ast.parse(text)
    except SyntaxError as error:
        return Unparsable(error.lineno or 0, "it is not valid Python")
    except (RecursionError, MemoryError, ValueError):
        return Unparsable(0, "it is nested too deep to be judged")
    return _fault(tree) or tree


def _fault(tree: ast.AST) -> Unparsable | None:
    """What makes a syntax tree unfit to be walked or written out, found without recursion."""
    layer = [tree]
    for _ in range(MAX_DEPTH):
        for node in layer:
            # Python refuses to write so long a number in decimal; in hexadecimal it reads one of any length.
            if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value.bit_length() > MAX_BITS:
                return Unparsable(node.lineno, "it holds a number too long to be judged")
        layer = [child for node in layer for child in ast.iter_child_nodes(node)]
        if not layer:
            return None
    return Unparsable(0, "it is nested too deep to be judged")


def bindings(tree: ast.Module) -> dict[str, str]:
    """Map each name that an import anywhere in the module binds to what it stands for: `sp` to `subprocess`.

    Scopes are flattened on purpose: a name that means two things is taken for the import. A name that is set to
    something imported, as in `Report = pytest.TestReport`, stands for that.
    """
    bound: dict[str, str] = {}
    for node in walked(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                bound[alias.asname or alias.name] = f"{module_of(node)}.{alias.name}"
    aliases = list(_aliases(tree))
    for _ in range(MAX_HOPS):
        for name, chain in aliases:
            root, dot, rest = chain.partition(".")
            if root in bound:
                bound.setdefault(name, bound[root] + dot + rest)
    return bound


def _aliases(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each plain name that is set to another name, and that name."""
    for node in walked(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            chain = dotted(node.value)
            yield from ((target.id, chain) for target in targets if chain and isinstance(target, ast.Name))


def module_of(node: ast.ImportFrom) -> str:
    """Return the module that a `from` import names, with its leading dots."""
    return "." * node.level + (node.module or "")


def imported_modules(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield module and line for every import statement, wherever it stands."""
    for node in walked(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield module_of(node), node.lineno


def dotted(node: ast.AST) -> str | None:
    """Return `a.b.c` for a chain of attributes on a name, else None."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None
