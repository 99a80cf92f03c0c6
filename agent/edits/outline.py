"""A Python file as a tree of blocks: header, runs of imports, definitions, statements. Joined, they are the file.

Blocks are runs of whole lines. libcst says how many lines each statement has, and the bytes are cut from the source
itself, so nothing is ever printed anew. Classes are split into their members; `if`, `try` and `with` statements are
split where they hold definitions, so that a conditional definition has an address of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import libcst as cst

from agent.edits.edit import Kind
from agent.edits.lines import split_lines
from agent.edits.source import parse_counted
from agent.errors import EditConflict

_MAX_STEM = 72
_Definition = cst.FunctionDef | cst.ClassDef
_Splittable = cst.If | cst.Try | cst.TryStar | cst.With


@dataclass(frozen=True, slots=True)
class Block:
    """A run of whole lines. `address` is unique in the file: the qualified name, and `#2` from the second one on.

    `kind` is `branch` for a split `if`, `try` or `with`; `head` for the line that opens a class or a branch; `layout`
    for comments that belong to no statement. A block with children is exactly its children joined.
    """

    address: str
    stem: str
    kind: Kind
    content: bytes
    children: tuple[Block, ...] = ()

    def walk(self) -> Iterator[Block]:
        """Yield this block and all below it, in the order of the file."""
        yield self
        for child in self.children:
            yield from child.walk()


@lru_cache(maxsize=64)
def outline(source: bytes) -> Block:
    """Return the blocks of a Python file; raise `EditConflict` when it cannot be read exactly.

    The last few answers are kept, because a search applies many patches to the same files.
    """
    module, counts = parse_counted(source)
    try:
        return _Cutter(module, source, counts).module()
    except RecursionError as error:
        raise EditConflict("the source cannot be cut into blocks", why="it is nested too deeply") from error


def name_of(address: str) -> str:
    """Return an address without the number that tells equal names apart."""
    return re.sub(r"#\d+$", "", address)


class _Cutter:
    """Walks a module once and hands out its lines in order."""

    def __init__(self, module: cst.Module, source: bytes, counts: dict[int, int]) -> None:
        self.printer = module
        self.lines = split_lines(source)
        self.at = 0
        self.taken: set[str] = set()
        self.numbers: Counter[str] = Counter()
        self.counts = counts  # by identity: the module keeps its nodes alive

    def module(self) -> Block:
        tree = self.printer
        self._expect(len(tree.header) + sum(map(self._count, tree.body)) + len(tree.footer))
        children = [
            *self._layout("(header)", "", len(tree.header)),
            *self._members(tree.body, ""),
            *self._layout("(end)", "", len(self.lines) - self.at, final=True),
        ]
        return Block("", "", "module", b"".join(self.lines), tuple(children))

    def _expect(self, counted: int) -> None:
        """Refuse a file whose lines are not those of its statements."""
        if counted != len(self.lines):
            raise EditConflict("the source cannot be cut into blocks", why="its lines are not those of its statements")

    def _count(self, node: cst.CSTNode) -> int:
        """Return how many lines a node has. Printing is what cutting costs: statements were counted in one go."""
        if id(node) not in self.counts:
            self.counts[id(node)] = self.printer.code_for_node(node).count("\n")
        return self.counts[id(node)]

    def _take(self, count: int) -> bytes:
        start, self.at = self.at, self.at + count
        return b"".join(self.lines[start : self.at])

    def _text(self, ahead: int) -> str:
        """Return the line `ahead` of here for people: printable ASCII, without comment and colon, not too long."""
        line = self.lines[self.at + ahead].partition(b" #")[0].strip().removesuffix(b":").strip()
        text = line.decode("utf-8", "backslashreplace")
        return _plain(text if len(text) <= _MAX_STEM else text[:_MAX_STEM] + "...")

    def _address(self, scope: str, stem: str) -> str:
        """Return the first free address for a name in a scope."""
        address = name = f"{scope}.{stem}" if scope else stem
        while address in self.taken:
            self.numbers[name] += 1
            address = f"{name}#{self.numbers[name] + 1}"
        self.taken.add(address)
        return address

    def _block(self, scope: str, stem: str, kind: Kind, count: int) -> Block:
        return Block(self._address(scope, stem), stem, kind, self._take(count))

    def _layout(self, stem: str, scope: str, count: int, *, final: bool = False) -> Iterator[Block]:
        if count or (final and self.at < len(self.lines)):
            yield self._block(scope, stem, "layout", count)

    def _members(self, body: Sequence[cst.BaseStatement | cst.BaseSmallStatement], scope: str) -> Iterator[Block]:
        imports = 0
        for node in body:
            if _is_import(node):
                imports += self._count(node)
                continue
            if imports:
                yield self._block(scope, "imports", "imports", imports)
                imports = 0
            yield self._member(node, scope)
        if imports:
            yield self._block(scope, "imports", "imports", imports)

    def _member(self, node: cst.CSTNode, scope: str) -> Block:
        if isinstance(node, cst.ClassDef) and isinstance(node.body, cst.IndentedBlock):
            return self._class(node, scope)
        if isinstance(node, _Definition):
            kind: Kind = "class" if isinstance(node, cst.ClassDef) else "function"
            return self._block(scope, _plain(node.name.value), kind, self._count(node))
        if isinstance(node, _Splittable) and _holds_definitions(node):
            return self._branch(node, scope)
        return self._block(scope, self._stem(node), "statement", self._count(node))

    def _stem(self, node: cst.CSTNode) -> str:
        """Name a statement by what it assigns, else by its first line; a bare string is a docstring."""
        small = node.body[0] if isinstance(node, cst.SimpleStatementLine) else node
        if isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString | cst.ConcatenatedString):
            return "docstring"
        target = small.targets[0].target if isinstance(small, cst.Assign) else getattr(small, "target", None)
        if isinstance(small, cst.Assign | cst.AnnAssign) and isinstance(target, cst.Name | cst.Attribute):
            return _plain(self.printer.code_for_node(target))[:_MAX_STEM]
        return self._text(len(getattr(node, "leading_lines", ())))

    def _class(self, node: cst.ClassDef, scope: str) -> Block:
        assert isinstance(node.body, cst.IndentedBlock)
        total = self._count(node)
        stem = _plain(node.name.value)
        address = self._address(scope, stem)
        start = self.at
        children = [self._head(address, total - self._inside(node.body)), *self._suite(node.body, address, address)]
        return Block(address, stem, "class", b"".join(self.lines[start : self.at]), tuple(children))

    def _branch(self, node: _Splittable, scope: str) -> Block:
        """Cut a conditional: its heads (`if`, `else`, `except`...) stand among the members of all its suites."""
        stem = self._text(len(node.leading_lines))
        address = self._address(scope, stem)
        start, end = self.at, self.at + self._count(node)
        suites = list(_suites(node))
        counts = [self._count(part) - sum(map(self._count, inner)) for part, inner in _parts(node)]
        children: list[Block] = []
        for (part, suite), count in zip(suites, counts, strict=True):
            inside = self._inside(suite)
            children.append(self._head(address, count - inside, None if part is node else part))
            if isinstance(suite, cst.IndentedBlock):
                children += self._suite(suite, scope, address)
        if self.at != end:
            raise EditConflict("the source cannot be cut into blocks", why=f"the lines of {address} do not add up")
        return Block(address, stem, "branch", b"".join(self.lines[start : self.at]), tuple(children))

    def _inside(self, suite: cst.BaseSuite) -> int:
        """Count the lines of a suite that are not on the line that opens it."""
        if not isinstance(suite, cst.IndentedBlock):
            return 0
        return sum(map(self._count, suite.body)) + len(suite.footer)

    def _suite(self, suite: cst.IndentedBlock, scope: str, owner: str) -> list[Block]:
        return [*self._members(suite.body, scope), *self._layout("(end)", owner, len(suite.footer))]

    def _head(self, owner: str, count: int, part: cst.CSTNode | None = None) -> Block:
        stem = "(head)" if part is None else f"({self._text(len(getattr(part, 'leading_lines', ())))})"
        return self._block(owner, stem, "head", count)


def _is_import(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.SimpleStatementLine) and all(
        isinstance(small, cst.Import | cst.ImportFrom) for small in node.body
    )


def _holds_definitions(node: cst.CSTNode) -> bool:
    """Whether a conditional holds a function or class that is not inside another definition."""
    return any(
        isinstance(inner, _Definition) or (isinstance(inner, _Splittable) and _holds_definitions(inner))
        for _, suite in _suites(node)
        for inner in suite.body
    )


def _suites(node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, cst.BaseSuite]]:
    """Yield each part of a conditional that opens a suite, with the suite."""
    for part, _ in _parts(node):
        yield part, part.body  # type: ignore[attr-defined]  # every part of a conditional has a suite


def _parts(node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, list[cst.CSTNode]]]:
    """Yield the parts of a conditional in order, each with the parts that its node holds besides its own suite."""
    if isinstance(node, cst.If):
        yield node, [node.orelse] if node.orelse else []
        if node.orelse:
            yield from _parts(node.orelse)
        return
    later: list[cst.CSTNode] = []
    if isinstance(node, cst.Try | cst.TryStar):
        later = [*node.handlers, *(part for part in (node.orelse, node.finalbody) if part)]
    yield node, later
    for part in later:
        yield part, []


def _plain(text: str) -> str:
    """Return text with everything but printable ASCII escaped, so that a name can be shown anywhere."""
    escaped = text.encode("ascii", "backslashreplace").decode("ascii")
    return "".join(c if " " <= c <= "~" else f"\\x{ord(c):02x}" for c in escaped)
