"""Which definitions two trees differ in, so that a task that runs none of them need not be run again in a search.

Where anything else differs than the bodies of functions, nothing is said: code at the level of a module or a class,
imports, decorators, parameters and defaults, docstrings (a program can read them without running anything), files of
data, and names that came or went may all change what happens without being called.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent.edits.tree import File, Tree

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def changed_bodies(base: Tree, tree: Tree) -> frozenset[str] | None:
    """Return the functions, as `path::qualified name`, whose bodies differ; `None` where more than bodies differs.

    Functions within functions belong to the outer one, as in a trace.
    """
    if base.keys() != tree.keys():
        return None
    found: set[str] = set()
    for path, file in base.items():
        if file != tree[path]:
            names = _differing(path, file, tree[path])
            if names is None:
                return None
            found |= {f"{path}::{name}" for name in names}
    return frozenset(found)


def _differing(path: str, old: File, new: File) -> Iterator[str] | None:
    """Return the names of the functions of one file whose bodies differ."""
    if not path.endswith(".py") or old.executable != new.executable:
        return None
    one, other = _parts(old.content), _parts(new.content)
    if one is None or other is None or one.rest != other.rest:
        return None
    pairs = zip(one.bodies, other.bodies, strict=True)  # the same names in the same order, or the rest would differ
    return (mine[0] for mine, theirs in pairs if mine != theirs)


@dataclass(slots=True)
class _Parts:
    """A module: functions by name with their bodies, in order, and everything else."""

    bodies: list[tuple[str, str]] = field(default_factory=list)
    rest: str = ""


def _parts(content: bytes) -> _Parts | None:
    try:
        module = ast.parse(content)
        parts = _Parts()
        _take_bodies(module, "", parts.bodies)
        parts.rest = ast.dump(module)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last is what nesting too deep is called
        return None
    return parts


def _take_bodies(node: ast.AST, scope: str, bodies: list[tuple[str, str]]) -> None:
    """Take the bodies of all outermost functions out of a module, and leave in each its docstring and its kind."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function):
            stays, kind = _docstring(child), _kind(child)
            bodies.append((scope + child.name, "\n".join(ast.dump(each) for each in child.body)))
            child.body = [*stays, ast.Expr(ast.Constant(kind))]
        else:
            _take_bodies(child, f"{scope}{child.name}." if isinstance(child, ast.ClassDef) else scope, bodies)


def _docstring(function: _Function) -> Sequence[ast.stmt]:
    return function.body[:1] if ast.get_docstring(function, clean=False) is not None else ()


def _kind(function: _Function) -> str:
    """Say whether a call runs the body: that of a generator runs later or never, and no call is seen before."""
    own: list[ast.AST] = list(function.body)
    while own:
        node = own.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return "generator"
        if not isinstance(node, _Function | ast.Lambda | ast.ClassDef):
            own += ast.iter_child_nodes(node)
    return "plain"
