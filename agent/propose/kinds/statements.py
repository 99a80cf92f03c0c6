"""Mutations of statements within functions: leave one out, move, repeat, or copy one from another function.

Example: in `a(); b(); return c`, `b()` is left out, swapped with `a()`, repeated, or a statement of another function
whose names all mean something here is put before it.
"""

from __future__ import annotations

import builtins
import textwrap
from collections.abc import Iterator

import libcst as cst

from agent.propose.kinds.site import Site
from agent.propose.mutations import Kind, Mutation
from agent.propose.spots import Spot

_LEAVES = (cst.Return, cst.Raise, cst.Break, cst.Continue, cst.Pass)
_BUILTINS = frozenset(dir(builtins))
_MOST_LINES = 6


def deletions(site: Site) -> Iterator[Mutation]:
    """Yield the block without the statement; `pass` stands in for an only one."""
    spot = site.spot
    if spot.role == "statement" and _movable(spot, leaves=True) and not _final_return(site):
        alone = len(_siblings(site)) == 1
        if not (alone and spot.text.strip() == "pass"):
            yield site.becomes(Kind.DELETE, f"{_indent(spot)}pass{_newline(spot)}" if alone else "")


def moves(site: Site) -> Iterator[Mutation]:
    """Yield the statement behind its next or next but one sibling; none passes a `return`."""
    spot = site.spot
    if spot.role != "statement" or not _movable(spot, leaves=False):
        return
    for other in [sibling for sibling in _siblings(site) if sibling.start > spot.start][:2]:
        if not _movable(other, leaves=False):
            return
        passed = site.source.content[spot.end : other.end].decode()
        yield site.becomes(Kind.MOVE, passed + spot.text, following=passed)


def duplicates(site: Site) -> Iterator[Mutation]:
    """Yield the statement twice, if that can matter: it adds to something, calls, or reads what it assigns."""
    spot = site.spot
    if spot.role != "statement" or not isinstance(spot.node, cst.SimpleStatementLine):
        return
    match spot.node.body:
        case [cst.AugAssign()] | [cst.Expr()]:
            yield site.becomes(Kind.DUPLICATE, spot.text + _bare(spot))
        case [cst.Assign(targets=[cst.AssignTarget(target=target)], value=value)]:
            if site.source.text(target) in site.source.uses(value):
                yield site.becomes(Kind.DUPLICATE, spot.text + _bare(spot))


def copies(site: Site) -> Iterator[Mutation]:
    """Yield the statement with one of another function before it.

    Every name of that one must mean something here, and what it assigns (or, if nothing, what it looks at) must be
    something that the statement uses; else it would hardly ever make a difference.
    """
    source, spot = site.source, site.spot
    if spot.role != "statement":
        return
    own, here = source.uses(_home(site) or source.module), source.uses(spot.node)
    known = own | site.mind.names(source).keys() | _BUILTINS
    for donor in site.mind.statements:
        apart = donor.source is not source or donor.spot.definition != spot.definition
        touches = donor.assigns <= own and (donor.assigns or donor.uses) & here
        if apart and touches and donor.uses <= known and _worth_copying(donor.spot):
            text = textwrap.indent(textwrap.dedent(_bare(donor.spot)), _indent(spot))
            yield site.becomes(Kind.COPY, text.replace("\n", _newline(spot)) + spot.text)


def _worth_copying(spot: Spot) -> bool:
    small = spot.text.count("\n") <= _MOST_LINES and '"""' not in spot.text and "\r" not in spot.text
    return small and _movable(spot, leaves=False) and isinstance(spot.node, cst.SimpleStatementLine | cst.If | cst.For)


def _movable(spot: Spot, *, leaves: bool) -> bool:
    """Whether a statement is code that can stand elsewhere: no definition, no import, and no leaving unless allowed."""
    if isinstance(spot.node, cst.FunctionDef | cst.ClassDef):
        return False
    parts = spot.node.body if isinstance(spot.node, cst.SimpleStatementLine) else ()
    bound = (cst.Import, cst.ImportFrom, cst.Global, cst.Nonlocal)
    return not any(isinstance(p, bound) or (not leaves and isinstance(p, _LEAVES)) for p in parts)


def _final_return(site: Site) -> bool:
    """Whether a statement gives a function its value at its end; without it there is no function left."""
    match site.spot.node:
        case cst.SimpleStatementLine(body=[cst.Return(value=value)]) if value is not None:
            home = _home(site)
            body = home.body.body if isinstance(home, cst.FunctionDef) else ()
            return bool(body) and body[-1] is site.spot.node
    return False


def _home(site: Site) -> cst.CSTNode | None:
    """Return the function that a statement is in."""
    return next((d.node for d in site.source.definitions if d.name == site.spot.definition), None)


def _siblings(site: Site) -> list[Spot]:
    return [s for s in site.source.group("statement", site.spot.definition) if s.block == site.spot.block]


def _bare(spot: Spot) -> str:
    """Return a statement's lines without the comment above it."""
    lines = spot.text.splitlines(keepends=True)
    while lines and lines[0].lstrip().startswith("#"):
        del lines[0]
    return "".join(lines)


def _indent(spot: Spot) -> str:
    line = _bare(spot)
    return line[: len(line) - len(line.lstrip())]


def _newline(spot: Spot) -> str:
    return "\r\n" if spot.text.endswith("\r\n") else spot.text[-1]
