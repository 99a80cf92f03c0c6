"""A mutation: one small change to one definition of the mind, as a value that fits a tree or does not.

It says what to replace by text and not by position, so one that was found in a tree can be applied to another in which
different edits were made. The kinds of mutation are in `agent.propose.kinds`; how they are drawn is in `catalogue`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from enum import StrEnum

import libcst as cst

from agent.edits.tree import File, Tree
from agent.propose.mind import Library
from agent.propose.source import Source
from agent.propose.spots import Role, Spot


class Kind(StrEnum):
    """The kinds of mutation, the most likely to bear fruit first."""

    ALTERNATIVE = "alternative"  # another value that the declared type allows
    REGISTRY = "registry"  # another entry of a table of functions, or another key of it
    DEFAULT = "default"  # another number or switch as a parameter's default, a field or a constant
    ARGUMENT = "argument"  # a call says explicitly what it left to a default
    SEQUENCE = "sequence"  # an element of a tuple or list left out, moved or added
    NUMBER = "number"  # another number within a function
    BOOL = "bool"
    STRING = "string"  # another key where a key of a registry stands
    CALL = "call"  # another function of the same shape
    WRAP = "wrap"  # a function of the mind around an expression
    OPERATOR = "operator"
    DELETE = "delete"
    COPY = "copy"  # a statement of another function
    MOVE = "move"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Need:
    """A name that the changed file must import: `from module import name`."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """Replace the `occurrence`-th `before` of a role in a definition of a file by `after`; import what it needs.

    Only spans that begin and end with a spot of that role count as occurrences: the number 1 does not occur in 12. With
    a `label`, only spots in the place of that name count: a default of `k1` is never taken for one of `b`.
    """

    kind: Kind
    path: str
    definition: str
    role: Role
    before: str
    after: str
    label: str = ""
    occurrence: int = 0
    need: Need | None = None

    @property
    def place(self) -> tuple[str, str]:
        """The file and the definition that it changes."""
        return self.path, self.definition

    @property
    def target(self) -> tuple[str, str, str, str, int]:
        """What it replaces, whatever by: file, definition, role, and the name of the place or what stands there."""
        return self.path, self.definition, self.role, self.label or self.before, self.occurrence

    @property
    def description(self) -> str:
        """One line for a person: where, and what became what."""
        where = f"{self.path}::{self.definition}" if self.definition else self.path
        if self.label:
            where = f"{where} {self.label}"
        if self.kind is Kind.DELETE:
            return f"{where}: leave out `{excerpt(self.before, 0)}`"
        pairs = enumerate(zip(self.before, self.after, strict=False))
        same = next((index for index, (old, new) in pairs if old != new), 0)
        before, after = excerpt(self.before, same), excerpt(self.after, same)
        return f"{where}: `{before}` becomes `{after}` ({self.kind})"


def apply_mutation(tree: Tree, mutation: Mutation, library: Library) -> Tree | None:
    """Return the mutated tree, or `None` where the mutation does not fit or the result would not compile."""
    file = tree.get(mutation.path)
    source = library.source(mutation.path, file.content) if file and library.editable(mutation.path) else None
    if file is None or source is None:
        return None
    starts = _occurrences(source, mutation)
    if mutation.occurrence >= len(starts):
        return None
    start = starts[mutation.occurrence]
    content = _splice(source.content, start, mutation.before, mutation.after)
    if mutation.need:
        content = _with_import(source, content, mutation.need)
    if content == file.content or not _compiles(content):
        return None
    return tree.with_file(mutation.path, File(content, file.executable))


def mutate(
    kind: Kind, source: Source, spot: Spot, after: str, *, need: Need | None = None, following: str = ""
) -> Mutation:
    """Return the mutation that replaces a spot, and the text `following` it if the span reaches further."""
    before = spot.text + following
    place = (source.path, spot.definition, spot.role, before, after, spot.label)
    at = _occurrences(source, Mutation(kind, *place)).index(spot.start)
    return Mutation(kind, *place, at, need)


def compose(edits: tuple[Mutation, ...], edit: Mutation) -> tuple[Mutation, ...]:
    """Return `edits` and then `edit`; as one edit where it only goes on from what an earlier one put there.

    Judged by text, so the caller must check that the shorter list makes the same tree.
    """
    for index, earlier in enumerate(edits):
        if earlier.place == edit.place and edit.need is None and edit.before in earlier.after:
            joined = replace(earlier, after=earlier.after.replace(edit.before, edit.after, 1))
            middle = () if joined.before == joined.after else (joined,)
            return (*edits[:index], *middle, *edits[index + 1 :])
    return (*edits, edit)


def _occurrences(source: Source, mutation: Mutation) -> list[int]:
    """Return the byte positions at which the mutation's `before` stands, in order."""
    spots = source.group(mutation.role, mutation.definition)
    ends = {spot.end for spot in spots}
    wanted = mutation.before.encode()
    starts = sorted({s.start for s in spots if not mutation.label or s.label == mutation.label})
    code = source.content
    return [s for s in starts if s + len(wanted) in ends and code[s : s + len(wanted)] == wanted]


def _splice(content: bytes, start: int, before: str, after: str) -> bytes:
    return content[:start] + after.encode() + content[start + len(before.encode()) :]


def _with_import(source: Source, content: bytes, need: Need) -> bytes:
    """Add an import line behind the docstring and the imports at the top of a file.

    They stand before every spot, so positions in them hold for the changed content too.
    """
    end = 0
    last: cst.BaseSmallStatement | None = None
    for statement in source.module.body:
        first = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
        if not isinstance(first, cst.Import | cst.ImportFrom | cst.Expr):
            break
        last = first
        end = source.content.find(b"\n", source.spans[statement][1]) + 1
    line = f"from {need.module} import {need.name}\n"
    block = line if isinstance(last, cst.Import | cst.ImportFrom) else f"\n{line}" if last else f"{line}\n\n"
    return content[:end] + block.replace("\n", source.module.default_newline).encode() + content[end:]


def _compiles(content: bytes) -> bool:
    """Whether Python and libcst both read a file, without a warning, and libcst gives it back byte for byte."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(content, "<mutation>", "exec", dont_inherit=True)
        return cst.parse_module(content).bytes == content
    except (SyntaxError, SyntaxWarning, DeprecationWarning, ValueError, RecursionError, cst.ParserSyntaxError):
        return False


def excerpt(text: str, change: int, most: int = 72) -> str:
    """Return a text on one line, cut to the neighbourhood of the character where it begins to change."""
    start = max(0, change - most // 3) if len(text) > most else 0
    line = " ".join(text[start:].split())
    return ("…" if start else "") + (line if len(line) <= most else line[:most] + "…")
