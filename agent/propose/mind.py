"""What the mind offers: its functions, named alternatives, registries and enumerations, found by name alone.

Nothing is imported or run. A name that two files define differently is known per file; across files the first by path
wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

import libcst as cst

from agent.edits.tree import Tree
from agent.propose.source import Source, assigned_names, read_source
from agent.propose.spots import Definition, Spot
from agent.workspace import Zones


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One parameter, its declared type and default as they are written; `None` where there is none."""

    name: str
    annotation: cst.BaseExpression | None
    default: cst.BaseExpression | None
    type: str


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """How a function or class of the mind is called. `self` and `cls` are left out of the parameters."""

    module: str
    path: str
    name: str
    method: bool
    parameters: tuple[Parameter, ...]
    returns: str
    node: cst.CSTNode

    @property
    def simple_name(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]

    @property
    def required(self) -> int:
        """How many arguments a call must give."""
        return sum(p.default is None for p in self.parameters)

    def same_shape(self, other: Shape) -> bool:
        """Whether a call of the one could stand for a call of the other: as many parameters, no types that differ."""
        pairs = zip(self.parameters, other.parameters, strict=False)
        agree = all(not a.type or not b.type or a.type == b.type for a, b in pairs)
        returns = not self.returns or not other.returns or self.returns == other.returns
        return len(self.parameters) == len(other.parameters) and self.required == other.required and agree and returns


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A statement that could be copied: where it is, the names it uses and those it assigns."""

    source: Source
    spot: Spot
    uses: frozenset[str]
    assigns: frozenset[str]


class Mind:
    """The sources of a tree that a candidate may edit, tests left out, and what can be looked up in them."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = sources
        self._names: dict[str, dict[str, tuple[str, str]]] = {}

    @cached_property
    def shapes(self) -> Mapping[tuple[str, str], Shape]:
        """Functions, methods and classes by path and dotted name."""
        found = (shape for source in self.sources.values() for shape in _shapes(source))
        return {(shape.path, shape.name): shape for shape in found}

    @cached_property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """Names that stand for a `Literal[...]`, with its options as written."""
        found: dict[str, tuple[str, ...]] = {}
        for _source, definition, value in self._constants():
            if options := _literal_options(value):
                found.setdefault(definition.name, options)
        return found

    @cached_property
    def registries(self) -> Mapping[tuple[str, str], Mapping[str, str]]:
        """Module-level tables of at least two string keys, by path and name: key as written -> value as written."""
        found: dict[tuple[str, str], Mapping[str, str]] = {}
        for source, definition, value in self._constants():
            entries = _table(source, value)
            if len(entries) > 1:
                found[source.path, definition.name] = entries
        return found

    @cached_property
    def members(self) -> Mapping[str, tuple[str, ...]]:
        """Names of the members of each enumeration, by the name of its class."""
        found: dict[str, tuple[str, ...]] = {}
        for source in self.sources.values():
            for item in source.definitions:
                if isinstance(item.node, cst.ClassDef) and any("Enum" in source.text(b.value) for b in item.node.bases):
                    fields = [d.name.rpartition(".")[2] for d in source.definitions if d.parent == item.name]
                    found.setdefault(item.name, tuple(name for name in fields if name.isupper()))
        return found

    @cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Every statement in a function of the mind."""
        found = ((source, spot) for source in self.sources.values() for spot in source.spots)
        return tuple(
            Statement(source, spot, source.uses(spot.node), frozenset(assigned_names(spot.node)))
            for source, spot in found
            if spot.role == "statement"
        )

    def options(self, annotation: cst.BaseExpression | None) -> tuple[str, ...]:
        """Return the values that a `Literal` annotation allows, as written; empty for any other type."""
        match annotation:
            case None:
                return ()
            case cst.Name(value=name):
                return self.aliases.get(name, ())
            case cst.BinaryOperation(operator=cst.BitOr(), left=left, right=right):
                return self.options(left) + self.options(right)
        return _literal_options(annotation)

    def names(self, source: Source) -> Mapping[str, tuple[str, str]]:
        """Map each name that a file can use at module level to the path and name of its definition in the mind."""
        if source.path not in self._names:
            own = {d.name: (source.path, d.name) for d in source.definitions if not d.parent}
            self._names[source.path] = {**dict(self._imported(source)), **own}
        return self._names[source.path]

    def callee(self, source: Source, func: cst.BaseExpression, definition: str) -> Shape | None:
        """Return what a call calls, if it is a function, method or class of the mind that its name tells."""
        match func:
            case cst.Name(value=name):
                return self.shapes.get(self.names(source).get(name, ("", "")))
            case cst.Attribute(value=cst.Name(value="self" | "cls"), attr=cst.Name(value=name)):
                return self.shapes.get((source.path, f"{definition.partition('.')[0]}.{name}"))
            case cst.Attribute(attr=cst.Name(value=name)):
                methods = [s for s in self.shapes.values() if s.method and s.simple_name == name]
                return methods[0] if len(methods) == 1 else None
        return None

    def _constants(self) -> Iterator[tuple[Source, Definition, cst.BaseExpression]]:
        for source in self.sources.values():
            for item in source.definitions:
                if isinstance(item.node, cst.Assign | cst.AnnAssign) and not item.parent and item.node.value:
                    yield source, item, item.node.value

    def _imported(self, source: Source) -> Iterator[tuple[str, tuple[str, str]]]:
        """Yield what `from X import Y as Z` brings in from other files of the mind."""
        paths = {other.module_name: other.path for other in self.sources.values()}
        for line in source.module.body:
            statements = line.body if isinstance(line, cst.SimpleStatementLine) else ()
            for node in statements:
                if (
                    not isinstance(node, cst.ImportFrom)
                    or isinstance(node.names, cst.ImportStar)
                    or node.module is None
                ):
                    continue
                path = paths.get(source.text(node.module))
                for alias in node.names if path and not node.relative else ():
                    original = source.text(alias.name)
                    yield (source.text(alias.asname.name) if alias.asname else original), (path or "", original)


class Library:
    """Reads minds, and remembers the files it has parsed: children of one parent share all files but one."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._known: dict[tuple[str, bytes], Source | None] = {}

    def mind(self, tree: Tree) -> Mind:
        """Return the mind of a tree."""
        sources = {path: self.source(path, file.content) for path, file in tree.items() if self.editable(path)}
        return Mind({path: source for path, source in sources.items() if source is not None})

    def editable(self, path: str) -> bool:
        """Whether a search may edit a file: Python, of the mind, and not a test."""
        parts = PurePosixPath(path).parts
        tests = "tests" in parts or parts[-1].startswith("test_") or parts[-1] == "conftest.py"
        return path.endswith(".py") and not tests and self._zones.zone(path) == "mind"

    def source(self, path: str, content: bytes) -> Source | None:
        """Parse one file, once."""
        if (path, content) not in self._known:
            self._known[path, content] = read_source(path, content)
        return self._known[path, content]


def _shapes(source: Source) -> Iterator[Shape]:
    """Yield the shapes of a file's functions and classes; one with `*args` or `**kwargs` has no shape to compare."""
    kinds = {d.name: d.node for d in source.definitions}
    for item in source.definitions:
        method = isinstance(kinds.get(item.parent), cst.ClassDef)
        if isinstance(item.node, cst.FunctionDef) and (method or not item.parent):
            parameters = _parameters(source, item.node.params, drop_first=method and not _is_static(source, item.node))
            returns = source.text(item.node.returns.annotation) if item.node.returns else ""
        elif isinstance(item.node, cst.ClassDef) and not item.parent:
            parameters, returns = _constructor(source, item, kinds), item.name
        else:
            continue
        if parameters is not None:
            yield Shape(source.module_name, source.path, item.name, method, parameters, returns, item.node)


def _constructor(source: Source, item: Definition, kinds: Mapping[str, cst.CSTNode]) -> tuple[Parameter, ...] | None:
    """Return the parameters of a class: those of `__init__`, or its annotated fields."""
    init = kinds.get(f"{item.name}.__init__")
    if isinstance(init, cst.FunctionDef):
        return _parameters(source, init.params, drop_first=True)
    fields = [(d.name.rpartition(".")[2], d.node) for d in source.definitions if d.parent == item.name]
    return tuple(_parameter(source, n, f.annotation, f.value) for n, f in fields if isinstance(f, cst.AnnAssign))


def _parameters(source: Source, params: cst.Parameters, *, drop_first: bool) -> tuple[Parameter, ...] | None:
    if isinstance(params.star_arg, cst.Param) or params.star_kwarg:
        return None
    every = [*params.posonly_params, *params.params][int(drop_first) :] + list(params.kwonly_params)
    return tuple(_parameter(source, p.name.value, p.annotation, p.default) for p in every)


def _parameter(
    source: Source, name: str, annotation: cst.Annotation | None, default: cst.BaseExpression | None
) -> Parameter:
    written = annotation.annotation if annotation else None
    return Parameter(name, written, default, source.text(written) if written else "")


def _is_static(source: Source, node: cst.FunctionDef) -> bool:
    return any(source.text(d.decorator) == "staticmethod" for d in node.decorators)


def _literal_options(value: cst.BaseExpression) -> tuple[str, ...]:
    """Return the options of `Literal[...]`, each as it would be written in code."""
    match value:
        case cst.Subscript(value=cst.Name(value="Literal") | cst.Attribute(attr=cst.Name(value="Literal"))):
            options = [e.slice.value for e in value.slice if isinstance(e.slice, cst.Index)]
            return tuple(cst.Module([]).code_for_node(option) for option in options)
    return ()


def _table(source: Source, value: cst.BaseExpression) -> dict[str, str]:
    """Return the entries of a dictionary display whose keys are all strings, else nothing."""
    elements = value.elements if isinstance(value, cst.Dict) else ()
    entries = [e for e in elements if isinstance(e, cst.DictElement) and isinstance(e.key, cst.SimpleString)]
    return {source.text(e.key): source.text(e.value) for e in entries} if len(entries) == len(elements) else {}
