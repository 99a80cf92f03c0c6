"""Broken copies of a definition, made by libcst: what a test that tests it must notice.

Two kinds. A *gross* fault takes the body away, so that the definition answers nothing, or something odd. A *fine* one
changes a single place: a condition turned round, a comparison moved by one, a number, a statement left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import libcst as cst
from libcst.helpers import ensure_type

from agent.evaluate.probes.probe import parse
from agent.evaluate.probes.units import spared_as

ODD = "-1"
"""What a definition answers that should answer something else."""

MOST_BYTES = 100_000
"""Of a file in which anything is planted."""
MOST_PLACES = 40
"""Of a definition that are looked at."""

_SWAPS: dict[type[cst.CSTNode], Callable[[], cst.CSTNode]] = {
    cst.LessThan: cst.LessThanEqual,
    cst.LessThanEqual: cst.LessThan,
    cst.GreaterThan: cst.GreaterThanEqual,
    cst.GreaterThanEqual: cst.GreaterThan,
    cst.Equal: cst.NotEqual,
    cst.NotEqual: cst.Equal,
    cst.Add: cst.Subtract,
    cst.Subtract: cst.Add,
}
_BROKEN = "raise LookupError"
_NEVER = "assert 1 == 2"


Alter = Callable[[cst.FunctionDef], Iterator[cst.FunctionDef]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One broken copy of a whole file."""

    name: str
    """Of the definition, as `Search.rank`."""
    what: str
    """What was done, in words; the same words for the same fault of another version of the definition."""
    source: bytes
    gross: bool


def definitions(source: bytes) -> dict[str, cst.FunctionDef]:
    """Return every function of a file by its qualified name, the last of a name; nothing for what is not Python."""
    module = _parsed(source)
    return dict(_functions(module.body, "")) if module else {}


def _found(source: bytes, name: str) -> tuple[cst.Module | None, cst.FunctionDef | None]:
    """Return a file and a function in it, of one and the same parse: what is replaced is found by identity."""
    module = _parsed(source)
    return module, dict(_functions(module.body, "")).get(name) if module else None


def _functions(body: Sequence[Any], prefix: str) -> Iterator[tuple[str, cst.FunctionDef]]:
    for node in body:
        if isinstance(node, cst.FunctionDef):
            yield prefix + node.name.value, node
        elif isinstance(node, cst.ClassDef) and isinstance(node.body, cst.IndentedBlock):
            yield from _functions(node.body.body, f"{prefix}{node.name.value}.")
        elif isinstance(node, cst.If | cst.Try | cst.With) and isinstance(node.body, cst.IndentedBlock):
            yield from _functions(node.body.body, prefix)


def gross(source: bytes, name: str) -> tuple[Fault, ...]:
    """Return the copies of a file in which a function answers nothing, and something odd."""
    module, node = _found(source, name)
    if module is None or node is None:
        return ()
    answers = ["None"] if node.name.value == "__init__" else ["None", ODD]
    yields = _finds(node, cst.Yield)
    copies = {answer: _replaced(module, node, _emptied(node, answer, yields)) for answer in answers}
    return tuple(
        Fault(name, f"it answers {answer}", copy, gross=True) for answer, copy in copies.items() if copy != source
    )


def fine(source: bytes, name: str) -> tuple[str, ...]:
    """Say in which single places a function can be broken, and how, in the order of the places."""
    module, node = _found(source, name)
    return tuple(_places(module, node)) if module is not None and node is not None else ()


def break_finely(source: bytes, name: str, what: str) -> Fault | None:
    """Return the copy of a file with one of the faults that `fine` names; None where that is no Python."""
    module, node = _found(source, name)
    if module is None or node is None:
        return None
    broken = _replaced(module, *_places(module, node)[what])
    return Fault(name, what, broken, gross=False) if broken != source and _parses(broken) else None


def altered(source: bytes, name: str, alter: Alter) -> Iterator[bytes]:
    """Yield copies of a file with another function in a function's place: each that `alter` makes and that compiles."""
    module, node = _found(source, name)
    if module is None or node is None:
        return
    for other in alter(node):
        copy = _replaced(module, node, other)
        if copy != source and _parses(copy):
            yield copy


def _places(module: cst.Module, node: cst.FunctionDef) -> dict[str, tuple[cst.CSTNode, cst.CSTNode]]:
    """Map what can be done to a function to the node that it is done to, and what comes in its place."""
    collector = _Places()
    node.body.visit(collector)
    found: dict[str, tuple[cst.CSTNode, cst.CSTNode]] = {}
    for old, new, what in collector.places[:MOST_PLACES]:
        text = " ".join(module.code_for_node(old).split())[:120]
        found.setdefault(f"{what}: {text}", (old, new))
    return found


def doom(source: bytes, name: str) -> bytes | None:
    """Return a file in which a test fails before it does anything.

    None for one that pytest is told more about, and where its name is defined twice: the other one may be what runs.
    """
    module, node = _found(source, name)
    if module is None or node is None or node.decorators:
        return None
    if len(re.findall(rf"\bdef\s+{node.name.value}\b", module.code)) != 1:
        return None
    return _replaced(module, node, _with_body(node, _NEVER))


def blackout(source: bytes, spared: frozenset[str]) -> bytes:
    """Return a file in which every function fails as soon as it is called, but for those of some names."""
    module = _parsed(source)
    return module.visit(_Blackout(spared)).bytes if module else source


def _replaced(module: cst.Module, old: cst.CSTNode, new: cst.CSTNode) -> bytes:
    return ensure_type(module.deep_replace(old, new), cst.Module).bytes


def _emptied(node: cst.FunctionDef, answer: str, yields: bool) -> cst.FunctionDef:
    lines = [f"return {answer}"]
    if yields:
        lines = ["return", "yield"] if answer == "None" else [f"yield {answer}"]
    return _with_body(node, "\n".join(lines) + "\n")


def _with_body(node: cst.FunctionDef, code: str) -> cst.FunctionDef:
    body = cst.parse_module("def f():\n" + "".join(f"    {line}\n" for line in code.splitlines())).body[0]
    return node.with_changes(body=ensure_type(body, cst.FunctionDef).body)


class _Blackout(cst.CSTTransformer):
    """Replaces the body of each function, from the outside in."""

    def __init__(self, spared: frozenset[str]) -> None:
        super().__init__()
        self._spared = spared
        self._owners: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Look into a class; into a function only where it is spared itself."""
        if isinstance(node, cst.ClassDef):
            self._owners.append(node.name.value)
        return not isinstance(node, cst.FunctionDef) or self._is_spared(node)

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Break a function."""
        if isinstance(original_node, cst.ClassDef):
            self._owners.pop()
        if not isinstance(original_node, cst.FunctionDef) or self._is_spared(original_node):
            return updated_node
        return _with_body(updated_node, _BROKEN + "\nyield" * _finds(original_node, cst.Yield))

    def _is_spared(self, node: cst.FunctionDef) -> bool:
        return spared_as(node.name.value, self._owners[-1] if self._owners else "") in self._spared


class _Places(cst.CSTVisitor):
    """Collects what can be broken in a body, with what stands there instead. Nested functions belong to it."""

    def __init__(self) -> None:
        self.places: list[tuple[cst.CSTNode, cst.CSTNode, str]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Note what can be done to a node."""
        match node:
            case cst.If(test=test) | cst.While(test=test) | cst.IfExp(test=test):
                self._turned(test)
            case cst.ComparisonTarget(operator=operator) | cst.BinaryOperation(operator=operator):
                self._swapped(operator)
            case cst.Integer():
                self.places.append((node, cst.Integer(str(node.evaluated_value + 1)), "a number is one more"))
            case cst.SimpleStatementLine(body=[cst.Assign() | cst.AugAssign() | cst.Raise() | cst.Expr(cst.Call())]):
                self.places.append((node, node.with_changes(body=[cst.Pass()]), "a statement is left out"))
        return True

    def _turned(self, test: cst.BaseExpression) -> None:
        bare = test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        turned = cst.UnaryOperation(cst.Not(), bare, lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        self.places.append((test, turned, "a condition is turned round"))

    def _swapped(self, operator: cst.CSTNode) -> None:
        swap = _SWAPS.get(type(operator))
        if swap is not None:
            self.places.append((operator, swap(), "an operator is another one"))


def _finds(node: cst.FunctionDef, kind: type[cst.CSTNode]) -> bool:
    """Whether a function has a node of a kind, but for those of functions within it."""
    pending: list[cst.CSTNode] = list(node.body.children)
    while pending:
        one = pending.pop()
        if isinstance(one, kind):
            return True
        if not isinstance(one, cst.FunctionDef | cst.ClassDef | cst.Lambda):
            pending += one.children
    return False


@lru_cache(maxsize=32)
def _parsed(source: bytes) -> cst.Module | None:
    """Return the tree of a file that can be worked on in bounded time: not too large, and not nested too deeply."""
    if len(source) > MOST_BYTES or parse(source) is None:
        return None
    try:
        return cst.parse_module(source)
    except (cst.ParserSyntaxError, UnicodeError, RecursionError):
        return None


def _parses(source: bytes) -> bool:
    try:
        compile(source, "<fault>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True
