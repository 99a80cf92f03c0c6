"""Where a file can be mutated: one walk over its syntax tree that finds definitions and spots.

A spot is a span of bytes with a role. Annotations, imports, decorators, docstrings, prose and whatever is assigned to
are no spots: a mutation there changes nothing, or breaks everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import libcst as cst

Role = Literal["number", "string", "bool", "operator", "call", "callee", "name", "expression", "display", "statement"]

_OPERATORS = (cst.BaseBinaryOp, cst.BaseCompOp, cst.BaseBooleanOp, cst.BaseAugOp, cst.BaseUnaryOp)
_NEVER_ENTERED = (
    *(cst.Annotation, cst.Import, cst.ImportFrom, cst.Decorator, cst.BaseParenthesizableWhitespace),
    *(cst.AssignTarget, cst.AsName, cst.Del, cst.Global, cst.Nonlocal),
)
_DISPLAYS = (cst.Tuple, cst.List, cst.Set)


@dataclass(frozen=True, slots=True)
class Slot:
    """The named place that a value fills: a parameter's default, a constant, an argument, an entry of a table.

    what: the sort of place. name: of the parameter, constant or keyword; a bare argument's position; an entry's key.
    annotation: the type that the place declares, if it does. owner: the function called, for an argument.
    """

    what: Literal["default", "constant", "argument", "entry", "element", "index"]
    name: str = ""
    annotation: cst.BaseExpression | None = None
    owner: cst.BaseExpression | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """A span of bytes that a mutation may replace. `block` numbers the suite that a statement stands in."""

    role: Role
    definition: str
    node: cst.CSTNode
    start: int
    end: int
    text: str
    slot: Slot | None = None
    block: int = -1

    @property
    def label(self) -> str:
        """Name of the place that the spot fills: a parameter, a constant, a keyword, a key; empty where it has none."""
        return self.slot.name if self.slot and not self.slot.name.isdigit() else ""


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A function, a class or a named constant: its dotted name within the file, its node, and its parent's name."""

    name: str
    node: cst.CSTNode
    parent: str


Spans = Mapping[cst.CSTNode, tuple[int, int]]


def collect(module: cst.Module, content: bytes, spans: Spans) -> tuple[tuple[Definition, ...], tuple[Spot, ...]]:
    """Return the definitions and the spots of a file in its order. `spans` gives the bytes of each node."""
    walk = _Walk(content, spans)
    walk.visit(module, _Place())
    return tuple(walk.definitions), tuple(walk.spots)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk stands."""

    definition: str = ""
    slot: Slot | None = None
    running: bool = False  # inside a function body, where statements may be moved

    def inside(self, name: str, *, running: bool) -> _Place:
        return _Place(f"{self.definition}.{name}".lstrip("."), None, running)


class _Walk:
    """Collects definitions and spots in one pass."""

    def __init__(self, content: bytes, spans: Spans) -> None:
        self._content = content
        self._spans = spans
        self._blocks = 0
        self.definitions: list[Definition] = []
        self.spots: list[Spot] = []

    def visit(self, node: cst.CSTNode, place: _Place) -> None:
        """Record the spots of a node and go below it."""
        if isinstance(node, _NEVER_ENTERED) or _is_docstring(node):
            return
        for role in _roles(node, place):
            self._add(role, node, place, self._spans[node])
        self._inner(node, place)

    def _inner(self, node: cst.CSTNode, place: _Place) -> None:
        """Go below a node: to what it defines, to the values it holds, or to all its children."""
        if not self._defining(node, place) and not self._holding(node, place):
            skipped = _assigned_to(node)
            self._below([child for child in node.children if child is not skipped], replace(place, slot=None))

    def _defining(self, node: cst.CSTNode, place: _Place) -> bool:
        """Go below a node that gives something a name; return whether it is one."""
        match node:
            case cst.FunctionDef():
                self._below([node.params, node.body], self._define(node, node.name.value, place, running=True))
            case cst.ClassDef():
                self.visit(node.body, self._define(node, node.name.value, place, running=False))
            case cst.Param():
                self._below([node.default], replace(place, slot=_slot("default", node.name.value, node.annotation)))
            case cst.AnnAssign(target=cst.Name(value=name)):
                here = place if place.running else self._define(node, name, place, running=False)
                self._below([node.value], replace(here, slot=_slot("constant", name, node.annotation)))
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value=name))]) if not place.running:
                here = self._define(node, name, place, running=False)
                self.visit(node.value, replace(here, slot=Slot("constant", name)))
            case _:
                return False
        return True

    def _holding(self, node: cst.CSTNode, place: _Place) -> bool:
        """Go below a node that holds values in places of their own; return whether it is one."""
        match node:
            case cst.Call():
                self._call(node, place)
            case cst.Dict():
                for entry in node.elements:
                    slot = Slot("entry", _key(entry), _inner_annotation(place.slot, -1))
                    self.visit(entry.value, replace(place, slot=slot))
            case cst.Tuple() | cst.List() | cst.Set():
                element = Slot("element", annotation=_inner_annotation(place.slot, 0))
                self._below([e.value for e in node.elements], replace(place, slot=element))
            case cst.Subscript():
                self.visit(node.value, replace(place, slot=None))
                self._below(node.slice, replace(place, slot=Slot("index", owner=node.value)))
            case cst.UnaryOperation() | cst.Index() | cst.SubscriptElement():
                self._below(node.children, place)
            case cst.IndentedBlock() if place.running:
                self._block(node, replace(place, slot=None))
            case cst.Attribute():
                self.visit(node.value, replace(place, slot=None))  # an attribute's own name is not a value
            case cst.FormattedString() | cst.ConcatenatedString():
                pass  # prose for people and models; no mutation of ours improves it
            case _:
                return False
        return True

    def _call(self, node: cst.Call, place: _Place) -> None:
        if isinstance(node.func, cst.Name | cst.Attribute):
            self._add("callee", node.func, place, self._spans[node.func])
        self._inner(node.func, replace(place, slot=None))  # recorded as a callee, not as a value
        for position, arg in enumerate(node.args):
            name = arg.keyword.value if arg.keyword else str(position)
            self.visit(arg.value, replace(place, slot=Slot("argument", name, owner=node.func)))

    def _below(self, nodes: Sequence[cst.CSTNode | None], place: _Place) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node, place)

    def _define(self, node: cst.CSTNode, name: str, place: _Place, *, running: bool) -> _Place:
        here = place.inside(name, running=running)
        self.definitions.append(Definition(here.definition, node, place.definition))
        return here

    def _block(self, block: cst.IndentedBlock, place: _Place) -> None:
        self._blocks += 1
        number = self._blocks
        for statement in block.body:
            if not _is_docstring(statement):
                start, end = self._lines(statement)
                if self._content[end - 1 : end] in (b"\n", b"\r"):
                    self._add("statement", statement, place, (start, end), number)
            self.visit(statement, place)

    def _lines(self, statement: cst.CSTNode) -> tuple[int, int]:
        """Return the whole lines of a statement, its own comment above it included."""
        start, end = self._spans[statement]
        start = self._content.rfind(b"\n", 0, start) + 1
        while (above := self._content.rfind(b"\n", 0, start - 1) + 1) < start:
            if not self._content[above:start].lstrip().startswith(b"#"):
                break
            start = above
        tail = re.compile(rb"[^\r\n]*(?:\r\n|\n|\r)?").match(self._content, end)
        return start, tail.end() if tail else end

    def _add(self, role: Role, node: cst.CSTNode, place: _Place, span: tuple[int, int], block: int = -1) -> None:
        text = self._content[slice(*span)].decode()
        self.spots.append(Spot(role, place.definition, node, *span, text, place.slot, block))


def _roles(node: cst.CSTNode, place: _Place) -> Iterator[Role]:
    """Yield the roles that a node plays by its own type; callees and statements are found by their parents."""
    match node:
        case cst.Integer() | cst.Float():
            yield "number"
        case cst.SimpleString():
            yield "string"
        case cst.Name(value="True" | "False"):
            yield "bool"
        case cst.Name() | cst.Attribute() if not _is_none(node):
            yield "name"
        case cst.Call():
            yield "call"
        case _ if isinstance(node, _OPERATORS):
            yield "operator"
        case _ if isinstance(node, _DISPLAYS):
            yield "display"
    if place.running and isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript) and not _is_none(node):
        yield "expression"


def _assigned_to(node: cst.CSTNode) -> cst.CSTNode | None:
    """Return the child that a node assigns to, which is a name and no value; plain assignments have a node for it."""
    return node.target if isinstance(node, cst.For | cst.CompFor | cst.AugAssign | cst.NamedExpr) else None


def _slot(what: Literal["default", "constant"], name: str, annotation: cst.Annotation | None) -> Slot:
    return Slot(what, name, annotation.annotation if annotation else None)


def _inner_annotation(slot: Slot | None, index: int) -> cst.BaseExpression | None:
    """Return the type of the elements: `X` of `tuple[X, ...]`, and with index -1 the `V` of `dict[K, V]`."""
    if slot is None or not isinstance(slot.annotation, cst.Subscript):
        return None
    parts = [e.slice.value for e in slot.annotation.slice if isinstance(e.slice, cst.Index)]
    named = isinstance(slot.annotation.value, cst.Name) and slot.annotation.value.value == "Literal"
    return None if named or not parts else parts[index]


def _key(entry: cst.BaseDictElement) -> str:
    key = entry.key if isinstance(entry, cst.DictElement) else None
    return key.raw_value if isinstance(key, cst.SimpleString) else ""


def _is_none(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Name) and node.value in ("None", "self", "cls", "True", "False")


def _is_docstring(node: cst.CSTNode) -> bool:
    """Whether a statement is a bare string, which is documentation wherever it stands."""
    match node:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.SimpleString() | cst.ConcatenatedString())]):
            return True
    return False
