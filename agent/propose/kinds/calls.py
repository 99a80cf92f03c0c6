"""Mutations of calls: ingredients taken from elsewhere in the mind.

Example: where the mind holds `stem(term: str) -> str` and `lower(term: str) -> str`, the call `lower(x)` becomes
`stem(x)` (`CALL`) or `stem(lower(x))` (`WRAP`); `rank(x)` becomes `rank(x, limit=5)` where `limit` has a default
(`ARGUMENT`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import libcst as cst

from agent.propose.kinds.site import Site
from agent.propose.kinds.values import number_alternatives, plain
from agent.propose.mind import Mind, Parameter, Shape
from agent.propose.mutations import Kind, Mutation, Need
from agent.propose.source import Source


def arguments(site: Site) -> Iterator[Mutation]:
    """Yield calls that say otherwise what they left to a default: another number, switch or `Literal` option."""
    call, text = site.spot.node, site.spot.text
    if site.spot.role != "call" or not isinstance(call, cst.Call) or any(arg.star for arg in call.args):
        return
    shape = site.mind.callee(site.source, call.func, site.spot.definition)
    given = {arg.keyword.value for arg in call.args if arg.keyword}
    positional = sum(arg.keyword is None for arg in call.args)
    joint = "" if not call.args else " " if text[:-1].rstrip().endswith(",") else ", "
    for parameter in shape.parameters[positional:] if shape else ():
        if parameter.name not in given:
            for value in _other_values(site.mind, parameter):
                yield site.becomes(Kind.ARGUMENT, f"{text[:-1]}{joint}{parameter.name}={value})")


def callees(site: Site) -> Iterator[Mutation]:
    """Yield calls of another function of the same shape, or of another method of the same class."""
    func = site.spot.node
    if site.spot.role != "callee" or not isinstance(func, cst.Name | cst.Attribute):
        return
    shape = site.mind.callee(site.source, func, site.spot.definition)
    for other in site.mind.shapes.values() if shape else ():
        if shape is None or other is shape or not _interchangeable(shape, other) or _encloses(other, site):
            continue
        if not shape.method:
            yield from _naming(site, other, Kind.CALL, str)
        elif isinstance(func, cst.Attribute):
            yield site.becomes(Kind.CALL, f"{site.source.text(func.value)}.{other.simple_name}")


def constants(site: Site) -> Iterator[Mutation]:
    """Yield other constants of the same file that are made by the same call, such as another `re.compile`."""
    spot, text = site.spot, site.spot.text
    makers = _makers(site.source) if spot.role == "name" and isinstance(spot.node, cst.Name) else {}
    for name, maker in makers.items():
        if name not in (text, spot.definition) and makers.get(text) == maker:
            yield site.becomes(Kind.CALL, name)


def wraps(site: Site) -> Iterator[Mutation]:
    """Yield expressions put through a function of the mind that takes one value and gives one of the same type.

    Where the type of the expression is not known, only functions that the file already names are tried.
    """
    if site.spot.role != "expression":
        return
    known = _type_of(site)
    for shape in site.mind.shapes.values():
        unary = shape.required == 1 and not shape.method and isinstance(shape.node, cst.FunctionDef)
        if not unary or _encloses(shape, site):
            continue
        takes, gives = shape.parameters[0].type, shape.returns
        keeps_type = not (takes and gives) or takes == gives
        sure = bool(known and takes) or site.mind.names(site.source).get(shape.name) == (shape.path, shape.name)
        if keeps_type and sure and known in ("", takes):
            yield from _naming(site, shape, Kind.WRAP, lambda name: f"{name}({site.spot.text})")


def _naming(site: Site, shape: Shape, kind: Kind, form: Callable[[str], str]) -> Iterator[Mutation]:
    """Yield the mutation that names a function, with the import that it takes, unless the name is taken.

    A private function is not imported from another file: no reviewer would want that.
    """
    known = site.mind.names(site.source).get(shape.name)
    if known == (shape.path, shape.name):
        yield site.becomes(kind, form(shape.name))
    elif known is None and shape.name[0] != "_" and shape.name not in _imported_names(site.source):
        yield site.becomes(kind, form(shape.name), need=Need(shape.module, shape.name))


def _other_values(mind: Mind, parameter: Parameter) -> tuple[str, ...]:
    """Return values other than its default that a parameter could be given; none where it has no default."""
    options = mind.options(parameter.annotation)
    match parameter.default:
        case cst.Name(value="True" | "False" as switch):
            return ("False" if switch == "True" else "True",)
        case cst.SimpleString(value=text):
            return tuple(option for option in options if plain(option) != plain(text))
        case cst.Integer(value=text) | cst.Float(value=text):
            return number_alternatives(text, whole=parameter.type != "float")
    return ()


def _interchangeable(one: Shape, other: Shape) -> bool:
    """Whether the one can be called where the other is: both plain functions, or both ordinary methods of one class."""
    functions = isinstance(one.node, cst.FunctionDef) and isinstance(other.node, cst.FunctionDef)
    same_class = one.path == other.path and one.name.rpartition(".")[0] == other.name.rpartition(".")[0]
    same_home = one.method == other.method and (same_class or not one.method)
    return functions and same_home and not other.simple_name.startswith("__") and one.same_shape(other)


def _encloses(shape: Shape, site: Site) -> bool:
    """Whether a site is inside a function: calling it there would hardly ever end."""
    return shape.path == site.source.path and f"{site.spot.definition}.".startswith(f"{shape.name}.")


def _makers(source: Source) -> dict[str, str]:
    """Map the constants of a file that are made by a call to what is called, as written."""
    return {
        d.name: source.text(d.node.value.func)
        for d in source.definitions
        if not d.parent and isinstance(d.node, cst.Assign | cst.AnnAssign) and isinstance(d.node.value, cst.Call)
    }


def _imported_names(source: Source) -> frozenset[str]:
    """Return the names that import statements at the top level of a file bind."""
    lines = (line.body for line in source.module.body if isinstance(line, cst.SimpleStatementLine))
    nodes = (node for body in lines for node in body if isinstance(node, cst.Import | cst.ImportFrom))
    aliases = (alias for node in nodes if not isinstance(node.names, cst.ImportStar) for alias in node.names)
    return frozenset(source.text(alias.asname.name if alias.asname else alias.name) for alias in aliases)


def _type_of(site: Site) -> str:
    """Return the declared type of an expression as written, where a parameter or a function of the mind tells it."""
    match site.spot.node:
        case cst.Name(value=name):
            shape = site.mind.shapes.get((site.source.path, site.spot.definition))
            return next((p.type for p in shape.parameters if p.name == name), "") if shape else ""
        case cst.Call(func=func):
            shape = site.mind.callee(site.source, func, site.spot.definition)
            return shape.returns if shape else ""
    return ""
