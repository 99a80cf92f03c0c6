"""One Python file as a searchable value: its definitions, and the spots in them that a mutation may replace.

Mutations splice bytes, they never print a syntax tree, so whatever lies outside a span stays as it was by construction.
libcst is asked only where things are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, MetadataWrapper

from agent.propose.spots import Definition, Role, Spot, collect


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A parsed file: `definitions` and `spots` in the order of the file."""

    path: str
    content: bytes
    module: cst.Module
    definitions: tuple[Definition, ...]
    spots: tuple[Spot, ...]
    spans: Mapping[cst.CSTNode, tuple[int, int]]
    groups: Mapping[tuple[Role, str], Sequence[Spot]]
    _uses: dict[cst.CSTNode, frozenset[str]] = field(default_factory=dict)

    def group(self, role: Role, definition: str) -> Sequence[Spot]:
        """Return the spots of one role in one definition, in order."""
        return self.groups.get((role, definition), ())

    def uses(self, node: cst.CSTNode) -> frozenset[str]:
        """Return the plain names used below a node and, as `self.x`, its own object's attributes; asked often, kept."""
        if node not in self._uses:
            self._uses[node] = frozenset(used_names(node))
        return self._uses[node]

    @property
    def module_name(self) -> str:
        """Dotted name by which other files import this one."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def text(self, node: cst.CSTNode) -> str:
        """Return the bytes of a node as they stand in the file."""
        start, end = self.spans[node]
        return self.content[start:end].decode()


def read_source(path: str, content: bytes) -> Source | None:
    """Parse a file, or return `None` where it cannot be edited byte for byte: broken, or not plain UTF-8."""
    if content.startswith(b"\xef\xbb\xbf"):
        return None  # byte positions are counted from behind the mark
    try:
        content.decode("utf-8")
        module = cst.parse_module(content)
    except (UnicodeDecodeError, SyntaxError, cst.ParserSyntaxError, RecursionError):
        return None
    if module.encoding != "utf-8" or module.bytes != content:
        return None
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    spans = {n: (s.start, s.start + s.length) for n, s in wrapper.resolve(ByteSpanPositionProvider).items()}
    definitions, spots = collect(module, content, spans)
    groups: dict[tuple[Role, str], list[Spot]] = {}
    for spot in spots:
        groups.setdefault((spot.role, spot.definition), []).append(spot)
    return Source(path, content, module, definitions, spots, spans, groups)


def names_in(node: cst.CSTNode) -> Iterator[str]:
    """Yield each identifier below a node, attributes and repetitions included, annotations left out."""
    if isinstance(node, cst.Name):
        yield node.value
    elif not isinstance(node, cst.Annotation):
        for child in node.children:
            yield from names_in(child)


def used_names(node: cst.CSTNode) -> Iterator[str]:
    """Yield the plain names below a node and, as `self.x`, the attributes of its own object; annotations left out."""
    match node:
        case cst.Name(value=name):
            yield name
        case cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name)):
            yield f"self.{name}"
        case cst.Attribute(value=value) | cst.Arg(value=value):
            yield from used_names(value)
        case cst.Annotation():
            return
        case _:
            for child in node.children:
                yield from used_names(child)


def assigned_names(node: cst.CSTNode) -> Iterator[str]:
    """Yield the names, and as `self.x` the attributes, that a statement or one inside it assigns or adds to."""
    if isinstance(node, cst.AssignTarget | cst.AugAssign | cst.AnnAssign):
        yield from used_names(node.target)
    else:
        for child in node.children:
            yield from assigned_names(child)
