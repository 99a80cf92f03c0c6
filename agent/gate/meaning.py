"""Whether a test file still means what it meant: its assertions may stay word for word and speak of something else.

    got = rank(words)        ->        got = EXPECTED
    assert got == EXPECTED             assert got == EXPECTED

So what leads up to an assertion is kept as well. A function of the base keeps its statements in their order; between
them only assertions may be added, behind the last of them anything. A file and a class keep their imports, constants
and definitions, and nothing that is added binds a name that the base's code uses.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from agent.gate.source import module_of

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_Import = ast.Import | ast.ImportFrom


def altered(before: ast.Module, after: ast.Module) -> Iterator[str]:
    """Yield the name below the file, as `::Class::name`, of all that changed its meaning; nothing for the file itself.

    What is gone is not repeated here: its absence is reported by who counts tests and assertions.
    """
    yield from _scope(before.body, after.body, "", _names_used(before))


def _scope(before: Sequence[ast.stmt], after: Sequence[ast.stmt], place: str, used: frozenset[str]) -> Iterator[str]:
    """Compare the statements of a file or a class."""
    old, new = _definitions(before), _definitions(after)
    lost, added = _missing_and_added(_loose(before), _loose(after))
    fresh = {name: node for name, node in new.items() if name not in old}
    imported = {name for _, _, name in _imports(after) - _imports(before)}
    bound = {*_bound(added), *fresh, *imported, *_globals(fresh.values()), *(_defined(after) - _defined(before))}
    run_unasked = not all(map(_is_plain_assignment, added)) or any(place and name.startswith("__") for name in fresh)
    if lost or run_unasked or bound & used or not _imports(before) <= _imports(after):
        yield place
    for name in sorted(old.keys() & new.keys()):
        yield from _definition(old[name], new[name], f"{place}::{name}", used)


def _definition(old: ast.stmt, new: ast.stmt, place: str, used: frozenset[str]) -> Iterator[str]:
    if isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef):
        if _header(old) != _header(new):
            yield place
        yield from _scope(old.body, new.body, place, used)
    elif isinstance(old, _Function) and isinstance(new, _Function):
        if _header(old) != _header(new) or not _keeps(old.body, new.body) or _globals([new]) & used - _globals([old]):
            yield place
    else:
        yield place


def _header(node: ast.stmt) -> list[str]:
    """What decides how a definition is called: its kind, arguments or bases, and decorators but for their cases."""
    assert isinstance(node, _Definition)
    inputs = [node.args] if isinstance(node, _Function) else [*node.bases, *node.keywords]
    decorators = [_without_cases(decorator) for decorator in node.decorator_list]
    return [type(node).__name__, *map(ast.dump, inputs), *decorators]


def _without_cases(decorator: ast.expr) -> str:
    """A decorator; of `parametrize` only the names, because its cases are compared one by one with the assertions."""
    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).rpartition(".")[2] == "parametrize":
        return "".join(map(ast.dump, [decorator.func, *decorator.args[:1], *decorator.keywords]))
    return ast.dump(decorator)


def _keeps(before: Sequence[ast.stmt], after: Sequence[ast.stmt]) -> bool:
    """Whether the statements of a function are all there in their order, with nothing but assertions between them."""
    wanted = [_dump(node) for node in before if not _is_text(node)]
    for node in after:
        if not wanted:
            break
        if _dump(node) == wanted[0]:
            wanted.pop(0)
        elif not (_is_text(node) or (isinstance(node, ast.Assert) and _only_looks(node))):
            return False
    return not wanted


def _only_looks(node: ast.Assert) -> bool:
    return not any(isinstance(inner, ast.NamedExpr | ast.Yield | ast.YieldFrom) for inner in ast.walk(node))


def _dump(node: ast.stmt) -> str:
    """The statement, of an assertion without its message."""
    return f"assert {ast.dump(node.test)}" if isinstance(node, ast.Assert) else ast.dump(node)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _definitions(body: Sequence[ast.stmt]) -> dict[str, ast.stmt]:
    return {node.name: node for node in body if isinstance(node, _Definition)}


def _defined(body: Sequence[ast.stmt]) -> Counter[str]:
    """How often each name is defined: one that is defined twice means two things on the way."""
    return Counter(node.name for node in body if isinstance(node, _Definition))


def _loose(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Statements that are neither definitions nor imports nor text."""
    return [node for node in body if not (isinstance(node, (*_Definition, _Import)) or _is_text(node))]


def _missing_and_added(before: list[ast.stmt], after: list[ast.stmt]) -> tuple[bool, list[ast.stmt]]:
    """Whether some statement is not there in its order, and what was put between or behind."""
    wanted = [_dump(node) for node in before]
    added = []
    for node in after:
        if wanted and _dump(node) == wanted[0]:
            wanted.pop(0)
        else:
            added.append(node)
    return bool(wanted), added


def _is_plain_assignment(node: ast.stmt) -> bool:
    """Whether a statement does no more than to name a value."""
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name)
    return isinstance(node, ast.Assign) and all(isinstance(target, ast.Name) for target in node.targets)


def _bound(added: Iterable[ast.stmt]) -> set[str]:
    nodes = [inner for node in added for inner in ast.walk(node)]
    return {inner.id for inner in nodes if isinstance(inner, ast.Name) and not isinstance(inner.ctx, ast.Load)}


def _globals(nodes: Iterable[ast.AST]) -> set[str]:
    """Names that functions declare as those of the file."""
    return {name for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Global) for name in inner.names}


def _imports(body: Sequence[ast.stmt]) -> frozenset[tuple[str, str, str]]:
    """Each import of a body: from where, what, and the name that it binds."""
    found: set[tuple[str, str, str]] = set()
    for node in body:
        if isinstance(node, ast.ImportFrom):
            found |= {(module_of(node), alias.name, alias.asname or alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                found.add((alias.name, "", alias.asname) if alias.asname else (top, "", top))
    return frozenset(found)


def _names_used(module: ast.Module) -> frozenset[str]:
    """Every name that the code of a file uses, binds, or asks a fixture for."""
    nodes = list(ast.walk(module))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    names |= {node.name for node in nodes if isinstance(node, _Definition)}
    return frozenset(names | {name for _, _, name in _imports([node for node in nodes if isinstance(node, ast.stmt)])})
