"""Tests as they were written, read from syntax: which there are, what they name, and what runs before they do."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.edits.tree import Tree
from agent.evaluate.probes.probe import parse
from agent.evaluate.visible import within

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Unit:
    """One test function. `id` is the first part of the ID of each test that comes of it."""

    id: str
    path: str
    shape: str
    """Its syntax without places; two with the same shape do the same."""
    calls: frozenset[str]
    """Last names of all that it calls."""
    names: frozenset[str]
    """Names and attributes that it reads."""
    reads_files: bool


def units(tree: Tree, folder: str) -> dict[str, Unit]:
    """Return the tests of a folder by ID."""
    found: dict[str, Unit] = {}
    for path in test_files(tree, folder):
        module = parse(tree[path].content)
        if module is not None:
            found |= {unit.id: unit for unit in _walk(module.body, path, path)}
    return found


def test_files(tree: Tree, folder: str) -> list[str]:
    """Return the files of a folder that pytest collects, in order."""
    names = [path for path in tree if within(path, (folder,)) and path.endswith(".py")]
    return sorted(p for p in names if p.rsplit("/", 1)[-1].startswith("test_") or p.endswith("_test.py"))


def _walk(body: list[ast.stmt], path: str, prefix: str) -> Iterator[Unit]:
    for node in body:
        if isinstance(node, _Function) and node.name.startswith("test"):
            yield _unit(node, path, f"{prefix}::{node.name}")
        elif isinstance(node, ast.ClassDef):
            yield from _walk(node.body, path, f"{prefix}::{node.name}")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            yield from _walk(node.body, path, prefix)


def _unit(node: _Function, path: str, name: str) -> Unit:
    parts = list(ast.walk(node))
    calls = {last_name(part.func) for part in parts if isinstance(part, ast.Call)}
    return Unit(
        id=name,
        path=path,
        shape=ast.dump(node),
        calls=frozenset(calls),
        names=frozenset(last_name(part) for part in parts if isinstance(part, ast.Name | ast.Attribute)),
        reads_files=bool(calls & {"read_text", "read_bytes", "open", "glob", "rglob", "iterdir"}),
    )


def last_name(node: ast.AST) -> str:
    """Return the last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def fixtures(tree: Tree, folder: str) -> Mapping[str, frozenset[str]]:
    """Return the fixtures of each conftest file of a folder; `*` among them where something runs unasked."""
    found = {}
    for path in tree:
        if within(path, (folder,)) and path.rsplit("/", 1)[-1] == "conftest.py":
            module = parse(tree[path].content)
            nodes = list(ast.walk(module)) if module else []
            functions = [node for node in nodes if isinstance(node, _Function)]
            named = {node.name for node in functions if any(_is_fixture(each) for each in node.decorator_list)}
            free = [node for node in nodes if isinstance(node, ast.keyword) and node.arg == "autouse"]
            hooks = [node for node in functions if node.name.startswith("pytest_")]
            found[path] = frozenset(named | ({"*"} if free or hooks or module is None else set()))
    return found


def _is_fixture(decorator: ast.expr) -> bool:
    return last_name(decorator.func if isinstance(decorator, ast.Call) else decorator) == "fixture"


def words(content: bytes) -> frozenset[str]:
    """Return every name and dotted module that stands in a file."""
    module = parse(content)
    found: set[str] = set()
    for node in ast.walk(module) if module else ():
        if isinstance(node, ast.Name | ast.Attribute):
            found.add(last_name(node))
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                node.module,
                *(alias.name for alias in node.names),
                *(f"{node.module}.{a.name}" for a in node.names),
            }
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)  # fixtures are asked for by such names too
    return frozenset(found)


def module_of(path: str) -> str:
    """Return the dotted name under which a file is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def spared_as(name: str, owner: str) -> str:
    """Return the name by which a function is spared: those that every class has, with their class."""
    return f"{owner}.{name}" if name.startswith("__") and owner else name


def called_on_import(tree: Tree, paths: list[str]) -> frozenset[str]:
    """Return the names of functions that run when some files are imported, followed through those that they call."""
    bodies: dict[str, set[str]] = {}
    pending: set[str] = set()
    for path in paths:
        module = parse(tree[path].content)
        owners = {
            method: node.name
            for node in (ast.walk(module) if module else ())
            if isinstance(node, ast.ClassDef)
            for method in node.body
        }
        for node in ast.walk(module) if module else ():
            if isinstance(node, _Function):
                bodies.setdefault(spared_as(node.name, owners.get(node, "")), set()).update(_calls(node.body))
            elif isinstance(node, ast.ClassDef):
                made = (spared_as(name, node.name) for name in ("__init__", "__post_init__", "__new__"))
                bodies.setdefault(node.name, set()).update(made)
        pending |= set(_at_once(module.body)) if module else set()
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending |= bodies.get(name, set())
    return frozenset(seen)


def _calls(body: list[ast.stmt]) -> Iterator[str]:
    """Names that are called in some statements."""
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call):
                yield last_name(node.func)


def _at_once(body: list[ast.stmt]) -> Iterator[str]:
    """Names that are called while a module is imported: outside functions, in their decorators and defaults."""
    for node in body:
        if isinstance(node, _Function):
            yield from map(last_name, node.decorator_list)
            yield from _calls([ast.Expr(part) for part in (*node.decorator_list, *node.args.defaults)])
        elif isinstance(node, ast.ClassDef):
            yield from map(last_name, node.decorator_list)
            yield from _calls([ast.Expr(part) for part in (*node.decorator_list, *node.bases)])
            yield from _at_once(node.body)
        elif not (isinstance(node, ast.If) and "__main__" in ast.unparse(node.test)):
            yield from (last_name(part.func) for part in ast.walk(node) if isinstance(part, ast.Call))
