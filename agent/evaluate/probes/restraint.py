"""What a definition holds itself back by, beside its limits, and how that is loosened while the definition stays.

- a loop that tried so many times and goes on without end
- a limit that is taken many times over in a statement that took it as it is
- a counter that is still looked at and that nothing is added to any more
- a limit that is set anew, or moved on, while work is under way
- a counter that begins anew where it did not
- what is let through to a program that is started: more of the environment than before
- a refusal that lost one of the conditions under which it is made, or gained one more that must hold
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator

LONGEST = 2_000
"""Characters of a statement that is compared with another."""

_MAKERS = ("__init__", "__post_init__", "__new__")
Function = ast.FunctionDef | ast.AsyncFunctionDef
Names = Callable[[str], object]
"""Whether a name is that of a limit."""
Number = Callable[[ast.expr], float | None]
"""The value of an expression, as far as it is a plain number."""


def loosened(
    before: dict[str, Function], after: dict[str, Function], is_limit: Names, number: Number, factor: float
) -> Iterator[str]:
    """Yield, for each definition that is there before and after, by address, what it holds itself back by no more."""
    known = {name for function in before.values() for node in _own(function) for name in _named(node)}
    for where in sorted(before.keys() & after.keys()):
        old, new = list(_own(before[where])), list(_own(after[where]))
        yield from (f"{where} {what}" for what in _without_end(old, new, is_limit))
        yield from (f"{where} {what}" for what in _many_times(old, new, is_limit, number, factor))
        yield from (f"{where} {what}" for what in _unguarded(old, new))
        yield from (f"{where} {what}" for what in _more_of_the_environment(old, new))
        if not where.endswith(_MAKERS):
            yield from (f"{where} {what}" for what in _moved_on(old, new, is_limit, known))


def begun_anew(before: list[ast.Module], after: list[ast.Module], is_limit: Names) -> Iterator[str]:
    """Yield each counter that is set, or emptied, outside of what makes it, in more places than before.

    Of those that hold something back: that are compared with a limit, or lead to a refusal.
    """
    counted = {name for module in before for name in _counted(module)}
    counted &= {name for module in before for name in _holding_back(module, is_limit)}
    old, new = (Counter(_resets(side)) for side in (before, after))
    for name in sorted(set(new - old) & counted):
        yield f"{name} is counted with, and begins anew in {new[name]} places, {old[name]} before"


def uncounted(before: list[ast.Module], after: list[ast.Module]) -> Iterator[str]:
    """Yield each counter that is still looked at, and that nothing is added to any more."""
    counted = {name for module in before for name in _counted(module)}
    still = {name for module in after for name in (*_counted(module), *_made_anew(module))}
    looked_at = {name for module in after for name in _read(module)}
    for name in sorted((counted & looked_at) - still):
        yield f"{name} is still looked at, and nothing is added to it any more"


def _own(function: Function) -> Iterator[ast.AST]:
    """The nodes of a definition without those of definitions in it, which have addresses of their own."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def _without_end(old: list[ast.AST], new: list[ast.AST], is_limit: Names) -> Iterator[str]:
    bounded = Counter(_bounds(old, is_limit)) - Counter(_bounds(new, is_limit))
    endless = sum(map(_is_endless, new)) - sum(map(_is_endless, old))
    for bound in list(bounded)[: max(0, endless)]:
        yield f"goes on without end where its loop was bound by {bound}"


def _bounds(nodes: list[ast.AST], is_limit: Names) -> Iterator[str]:
    for node in nodes:
        over = node.iter if isinstance(node, ast.For) else node.test if isinstance(node, ast.While) else None
        if over is not None and any(is_limit(name) for name in _names(over)):
            yield ast.unparse(over)


def _is_endless(node: ast.AST) -> bool:
    return isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and bool(node.test.value)


def _many_times(
    old: list[ast.AST], new: list[ast.AST], is_limit: Names, number: Number, factor: float
) -> Iterator[str]:
    """Only where all around it is the same: that a timeout is told in milliseconds somewhere is no finding."""
    taken = [(piece, list(_products(piece, is_limit, number, factor))) for piece in _pieces(new)]
    known = {ast.unparse(piece) for piece in _pieces(old)} if any(products for _, products in taken) else set()
    for piece, products in taken:
        text = ast.unparse(piece) if products else ""
        # Whoever writes thousands of products into one statement would else have it written out for each of them.
        for product, limit, value in products if len(text) <= LONGEST else ():
            once = text.replace(ast.unparse(product), ast.unparse(limit))
            if once != text and once in known:
                yield f"takes {ast.unparse(limit)} {value:g} times, and took it once"


def _products(
    piece: ast.AST, is_limit: Names, number: Number, factor: float
) -> Iterator[tuple[ast.expr, ast.expr, float]]:
    """Yield each product of a limit and a large number, with both."""
    for node in ast.walk(piece):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            for times, limit in ((node.left, node.right), (node.right, node.left)):
                value = number(times)
                if value is not None and value > factor and any(is_limit(name) for name in _names(limit)):
                    yield node, limit, value


def _pieces(nodes: list[ast.AST]) -> Iterator[ast.AST]:
    """Statements without others in them, and what those that have others in them depend on."""
    for node in nodes:
        if isinstance(node, ast.If | ast.While):
            yield node.test
        elif isinstance(node, ast.For | ast.AsyncFor):
            yield node.iter
        elif isinstance(node, ast.With | ast.AsyncWith):
            yield from (item.context_expr for item in node.items)
        elif isinstance(node, ast.stmt) and not hasattr(node, "body"):
            yield node


def _unguarded(old: list[ast.AST], new: list[ast.AST]) -> Iterator[str]:
    now = _guards(new)
    for refusal, conditions in _guards(old).items():
        left = now.get(refusal)
        if left is None:
            continue
        lost, gained = conditions.keys() - left.keys(), left.keys() - conditions.keys()
        narrowed = lost & set().union(*(left[each] for each in gained))
        for condition in sorted(narrowed or (lost if not gained else ())):
            yield f"refuses no more, or not always, when {condition}"


def _guards(nodes: list[ast.AST]) -> dict[str, dict[str, set[str]]]:
    """For each refusal, all conditions of which one is enough for it; and of each what must hold together."""
    found: dict[str, dict[str, set[str]]] = {}
    for node in nodes:
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
            conditions = found.setdefault(ast.unparse(node.body[-1]), {})
            for part in _parts(node.test, ast.Or):
                conditions[ast.unparse(part)] = {ast.unparse(each) for each in _parts(part, ast.And)}
    return found


def _moved_on(old: list[ast.AST], new: list[ast.AST], is_limit: Names, known: set[str]) -> Iterator[str]:
    """An attribute that was a limit before and is set anew; a variable that is one and is made larger out of itself."""
    texts = {ast.unparse(node) for node in old if isinstance(node, ast.Assign | ast.AugAssign)}
    for node in new:
        if not isinstance(node, ast.Assign | ast.AugAssign) or ast.unparse(node) in texts:
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            name = next(_named(target), "")
            moved = name in known if isinstance(target, ast.Attribute) else _grows(node, name)
            if is_limit(name) and moved:
                yield f"sets its limit {ast.unparse(target)} anew while it works"


def _grows(node: ast.Assign | ast.AugAssign, name: str) -> bool:
    """Whether a value is made larger out of itself: added to, multiplied, or the largest of it and something."""
    if isinstance(node, ast.AugAssign):
        return isinstance(node.op, ast.Add | ast.Mult)
    parts = list(ast.walk(node.value))
    larger = any(isinstance(part, ast.Add | ast.Mult) for part in parts)
    largest = any(isinstance(part, ast.Call) and "max" in _named(part.func) for part in parts)
    return name in _names(node.value) and (larger or largest)


def _more_of_the_environment(old: list[ast.AST], new: list[ast.AST]) -> Iterator[str]:
    was = {part for condition in _lets_through(old) for part in condition}
    for condition in _lets_through(new):
        if len(condition) > 1 and not condition <= was and condition & was:
            yield f"lets more of the environment through: {' or '.join(sorted(condition))}"


def _lets_through(nodes: list[ast.AST]) -> Iterator[frozenset[str]]:
    """Of each filter over the environment, the conditions of which one is enough."""
    for node in nodes:
        if isinstance(node, ast.comprehension) and "environ" in _names(node.iter):
            yield from (frozenset(map(ast.unparse, _parts(test, ast.Or))) for test in node.ifs)


def _holding_back(module: ast.Module, is_limit: Names) -> Iterator[str]:
    """Names that are compared with a limit, or on which a refusal depends."""
    for node in ast.walk(module):
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
            yield from _names(node.test)
        elif isinstance(node, ast.Compare) and any(is_limit(name) for name in _names(node)):
            yield from _names(node)


def _resets(modules: list[ast.Module]) -> Iterator[str]:
    """Attributes that are set to something that they are not made of, or emptied, outside of what makes an object."""
    functions = (node for module in modules for node in ast.walk(module) if isinstance(node, Function))
    for node in (part for one in functions if not one.name.endswith(_MAKERS) for part in _own(one)):
        if isinstance(node, ast.Assign):
            made_of = set(_names(node.value))
            yield from (name for name in _attributes(node.targets) if name not in made_of)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "clear":
            yield from _named(node.func.value)


def _parts(test: ast.expr, kind: type[ast.boolop]) -> list[ast.expr]:
    return test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, kind) else [test]


def _counted(module: ast.Module) -> Iterator[str]:
    """Attributes that something is added to, or taken from; those that hold a count for each thing too."""
    for node in ast.walk(module):
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
            held = node.target.value if isinstance(node.target, ast.Subscript) else node.target
            yield from _attributes([held])


def _made_anew(module: ast.Module) -> Iterator[str]:
    """Attributes that are made of what is called the same: of what they were, as far as that is plain to see."""
    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            made_of = set(_names(node.value))
            yield from (name for name in _attributes(node.targets) if name in made_of)


def _read(module: ast.Module) -> Iterator[str]:
    nodes = ast.walk(module)
    return (node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load))


def _attributes(targets: list[ast.expr]) -> Iterator[str]:
    return (target.attr for target in targets if isinstance(target, ast.Attribute))


def _named(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Name):
        yield node.id


def _names(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        yield from _named(part)
