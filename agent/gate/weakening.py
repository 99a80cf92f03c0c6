"""What a patch does to the tests of the workspace, read from their syntax: they may only be strengthened.

A *unit* is a test, fixture or helper: a function in a test file, named by `path::Class::name`. A unit is weakened when
an assertion of the base is no longer there word for word under the same conditions; it does not help to keep the words
and put them below `if False:`, or to change what they speak of (`meaning`). An assertion that cannot fail counts for
nothing.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.digest import sha256
from agent.gate.document import MAX_TEXT, TestChanges, Weakened, capped, capped_texts
from agent.gate.meaning import altered
from agent.gate.patch_facts import changed_paths
from agent.gate.source import Sources, is_python, is_test, walked

_ASSERTING = ("assert", "raises", "warns", "fail", "deprecated_call")
_SKIPPING = frozenset(
    {"skip", "skipif", "skipTest", "skipIf", "skipUnless", "xfail", "importorskip", "expectedFailure"}
)
_LIVE_DECORATORS = frozenset({"parametrize", "fixture", "given", "settings", "example", "property", "staticmethod"})
# Functions that pytest and unittest run around tests without being asked.
_RUN_AROUND = frozenset(
    {f"{when}{what}" for when in ("setup", "teardown") for what in ("", "_module", "_function", "_class", "_method")}
    | {f"{who}{what}" for who in ("setUp", "tearDown") for what in ("", "Class", "Module")}
    | {"asyncSetUp", "asyncTearDown", "load_tests"}
)
_HOOK_NAMES = frozenset({"collect_ignore", "collect_ignore_glob", "pytest_plugins", "__test__", "pytestmark"})

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class _Unit:
    """One function of a test file, reduced to what can weaken it."""

    is_test: bool
    asserts: Counter[str]
    skips: Counter[str]
    calls: frozenset[str]


def changes_to_tests(base: Sources, result: Sources) -> TestChanges:
    """Compare the tests of two trees."""
    changed = changed_paths(base.tree, result.tree)
    paths = [path for path in changed if is_test(path) or _is_test_file(path)]
    before = {name: unit for path in paths for name, unit in _units(base, path).items()}
    after = {name: unit for path in paths for name, unit in _units(result, path).items()}
    return TestChanges(
        removed=capped_texts(name for name, unit in before.items() if unit.is_test and name not in after),
        weakened=capped(_weakened(before, after, dict(_altered(base, result, paths)))),
        skipped=capped_texts(_skipped(before, after)),
        empty=capped_texts(_empty(before, after)),
        data=capped(path for path in paths if path in base.tree and not is_python(path, base.tree[path])),
        hooks=capped_texts(hook for path in paths for hook in _hooks(base, result, path)),
    )


def _is_test_file(path: str) -> bool:
    name = path.rsplit("/", 1)[-1].casefold()
    return name == "conftest.py" or (name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py")))


def _weakened(before: dict[str, _Unit], after: dict[str, _Unit], altered: Mapping[str, int]) -> Iterator[Weakened]:
    """Units that lost assertions, and what else no longer means what it did. A helper that is gone lost all of its own;
    a lost test is reported as removed."""
    for name in sorted(before.keys() | altered.keys()):
        unit, new = before.get(name), after.get(name)
        if unit and unit.is_test and new is None:
            continue
        held = unit.asserts.total() if unit else altered[name]
        lost = (unit.asserts - (new.asserts if new else Counter())).total() if unit else 0
        # Where what leads up to the assertions was altered, none of them says what it said.
        lost = lost or max(held, 1) * (name in altered)
        if lost:
            kept = new.asserts.total() if new else 0
            yield Weakened(test=name[:MAX_TEXT], before=held, after=kept, lost=lost)


def _altered(base: Sources, result: Sources, paths: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Yield the name of all that no longer means what it did, and how many assertions stand below it in the base."""
    for path in paths:
        before, after = base.module(path), result.module(path)
        if before and after and path in base.tree and path in result.tree:
            units = _units(base, path)
            for place in altered(before, after):
                below = [unit for name, unit in units.items() if f"{name}::".startswith(f"{path}{place}::")]
                yield f"{path}{place}", sum(unit.asserts.total() for unit in below)


def _skipped(before: dict[str, _Unit], after: dict[str, _Unit]) -> Iterator[str]:
    """Ways around a test that were not there. On what is new, a decorator that no runner takes for a skip is fine."""
    for name, unit in after.items():
        old = before.get(name)
        for how in unit.skips - (old.skips if old else Counter()):
            if old or not how.startswith("@") or how[1:] in _SKIPPING:
                yield f"{name} {how}"


def _empty(before: dict[str, _Unit], after: dict[str, _Unit]) -> Iterator[str]:
    """New or changed tests that assert nothing, neither themselves nor through a helper of a test file."""
    helpers = {name.rpartition("::")[2] for name, unit in after.items() if unit.asserts and not unit.is_test}
    for name, unit in after.items():
        if unit.is_test and unit != before.get(name) and not unit.asserts and not unit.calls & helpers:
            yield name


def _units(sources: Sources, path: str) -> dict[str, _Unit]:
    """Every function of a file by its name; of two with one name the later counts, as it does when the file runs."""
    module = sources.module(path)
    return dict(_walk(module.body, path, ()) if module else ())


def _walk(body: Sequence[ast.stmt], prefix: str, around: tuple[str, ...]) -> Iterator[tuple[str, _Unit]]:
    for node in body:
        if isinstance(node, _Function):
            yield f"{prefix}::{node.name}", _unit(node, around)
        elif isinstance(node, ast.ClassDef):
            marks = tuple(name for name in map(_last_name, node.decorator_list) if name in _SKIPPING)
            yield from _walk(node.body, f"{prefix}::{node.name}", (*around, *(f"@{name}" for name in marks)))
        else:
            for header, inner in _blocks(node):
                yield from _walk(inner, prefix, (*around, header))


def _unit(node: _Function, around: tuple[str, ...]) -> _Unit:
    is_test_unit = node.name.startswith("test")
    skips = Counter(f"@{name}" for name in map(_last_name, node.decorator_list) if name not in _LIVE_DECORATORS)
    skips.update(part for part in around if part.startswith("@"))
    calls = set()
    for inner in _own_nodes(node):
        if isinstance(inner, ast.Return | ast.Yield | ast.YieldFrom) and is_test_unit:
            skips["returns early"] += 1
        if isinstance(inner, ast.Call) and (name := _last_name(inner)):
            calls.add(name)
            skips[f"calls {name}"] += name in _SKIPPING
    # The cases of a parametrized test are part of what it asserts: fewer of them, or others, are not the same test.
    asserts = Counter([*_assertions(node.body, around), *_cases(node)])
    return _Unit(is_test_unit, asserts, +skips, frozenset(calls))


def _cases(node: _Function) -> Iterator[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and _last_name(decorator) == "parametrize" and len(decorator.args) > 1:
            names, values = decorator.args[:2]
            listed = values.elts if isinstance(values, ast.List | ast.Tuple) else [values]
            yield from (f"{ast.dump(names)} {ast.dump(value)}" for value in listed)


def _assertions(body: Sequence[ast.stmt], around: tuple[str, ...]) -> Iterator[str]:
    """Yield each assertion with the conditions it stands under."""
    under = sha256(repr(around).encode())
    for node in body:
        if isinstance(node, ast.Assert) and _can_fail(node.test):
            yield f"{under} {ast.dump(node.test)}"
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _is_asserting(node.value):
            yield f"{under} {ast.dump(node.value)}"
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                if isinstance(item.context_expr, ast.Call) and _is_asserting(item.context_expr):
                    yield f"{under} {ast.dump(item.context_expr)}"
        for header, inner in _blocks(node):
            yield from _assertions(inner, (*around, header))


def _blocks(node: ast.stmt) -> Iterator[tuple[str, list[ast.stmt]]]:
    """Yield the blocks inside a statement, each with a description of when it runs."""
    condition = "".join(
        ast.dump(part) for field in ("test", "iter", "items", "subject") for part in _listed(getattr(node, field, None))
    )
    # Named by digest: each assertion below is kept with the names of all conditions around it.
    header = type(node).__name__ + sha256(condition.encode())
    for field in ("body", "orelse", "finalbody"):
        inner = getattr(node, field, None)
        if isinstance(inner, list) and inner:
            caught = [ast.dump(h.type) if h.type else "" for h in getattr(node, "handlers", [])]
            yield f"{header}.{field}{caught}", inner
    for handler in getattr(node, "handlers", []):
        yield f"{header}.except {ast.dump(handler.type) if handler.type else ''}", handler.body
    for case in getattr(node, "cases", []):
        yield f"{header}.case {ast.dump(case.pattern)}", case.body


def _listed(value: ast.AST | list[ast.AST] | None) -> list[ast.AST]:
    return value if isinstance(value, list) else [value] if value else []


def _can_fail(test: ast.expr) -> bool:
    """Whether an assertion's condition may be false: not a constant, not `x == x`, not `... or True`."""
    if isinstance(test, ast.Constant):
        return not test.value
    if isinstance(test, ast.UnaryOp) and isinstance(test.operand, ast.Constant):
        return bool(test.operand.value) is isinstance(test.op, ast.Not)
    if isinstance(test, ast.Tuple | ast.List):
        return not test.elts  # `assert (a == b, "message")` is always true
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return all(_can_fail(value) for value in test.values)
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq | ast.Is | ast.LtE | ast.GtE):
        return ast.dump(test.left) != ast.dump(test.comparators[0])
    return True


def _is_asserting(call: ast.Call) -> bool:
    return (_last_name(call) or "").startswith(_ASSERTING)


def _own_nodes(function: _Function) -> Iterator[ast.AST]:
    """Walk a function's body without the functions and classes inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, _Function | ast.ClassDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def _last_name(node: ast.expr) -> str | None:
    target = node.func if isinstance(node, ast.Call) else node
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else None


def _hooks(base: Sources, result: Sources, path: str) -> Iterator[str]:
    """Yield what lets a file of the candidate steer the run: conftest files, hooks, plugins, automatic fixtures."""
    if path.rsplit("/", 1)[-1].casefold() == "conftest.py":
        yield path
    tests = frozenset(part for name in _units(base, path) for part in name.split("::")[1:])
    before, after = (Counter(_steering(sources.module(path), tests)) for sources in (base, result))
    yield from (f"{path} {name}" for name in after - before)


def _steering(module: ast.Module | None, tests: frozenset[str]) -> Iterator[str]:
    """Yield hooks of the runner, and names of the base's `tests` that are bound to something else."""
    for node in walked(module) if module else ():
        if isinstance(node, _Function):
            if node.name.startswith("pytest_") or node.name in _RUN_AROUND:
                yield node.name
            if any(_is_automatic(decorator) for decorator in node.decorator_list):
                yield f"{node.name} (automatic fixture)"
        elif isinstance(node, ast.Name | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in _HOOK_NAMES or name in tests:
                yield f"sets {name}"
        elif isinstance(node, ast.alias) and (node.asname or node.name) in tests:
            yield f"imports {node.asname or node.name}"


def _is_automatic(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and any(
        keyword.arg == "autouse" and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
        for keyword in decorator.keywords
    )
