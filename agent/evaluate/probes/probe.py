"""What a probe is given and what it gives back. A probe computes; it runs nothing and decides nothing.

One that must see something run is a `agent.evaluate.probes.running.RunningProbe`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.candidate import Comparison, ProbeResult
from agent.edits.tree import File, Tree
from agent.evaluate.suite import Split

MAX_FINDINGS = 50
MAX_FINDING = 300
MAX_DEPTH = 100
"""Levels of a syntax tree, so that following it never ends the stack. The standard library's deepest file has 33."""


@dataclass(frozen=True, slots=True)
class Measured:
    """All scores of one suite and split in one batch, in ppm by task ID."""

    suite: str
    split: Split
    comparison: Comparison
    stored: Mapping[str, int]
    """The parent's scores as first measured, in this batch or before."""
    replayed: Mapping[str, int]
    """The parent's scores, run anew beside the candidate."""
    candidate: Mapping[str, int]
    """The candidate's scores; empty when it gave no answers."""
    ended: str
    """How the candidate's run ended, in the words of `sandbox.contract.Ending`."""
    impossible: frozenset[str]
    """Tasks that no honest scaffold can do."""


@dataclass(frozen=True, slots=True)
class Change:
    """A file that the candidate added, changed or removed. `None` stands for no file."""

    path: str
    before: bytes | None
    after: bytes | None

    @property
    def is_python(self) -> bool:
        """Whether Python would run it as source."""
        return self.path.endswith((".py", ".pyi", ".pyw"))


@dataclass(frozen=True, slots=True)
class Subject:
    """A candidate and everything measured about it so far."""

    base: Tree
    tree: Tree
    measured: tuple[Measured, ...] = ()
    reviewed: Tree | None = None
    """The tree that people last looked at deeply, where it is known; else the cumulative change is not known either."""

    def changes(self) -> Iterator[Change]:
        """Yield what differs between the two trees, in order of the paths."""
        for path in sorted(self.base.keys() | self.tree.keys(), key=str.encode):
            before, after = self.base.get(path), self.tree.get(path)
            if before != after:
                yield Change(path, _content(before), _content(after))


def _content(file: File | None) -> bytes | None:
    return None if file is None else file.content


class Probe(Protocol):
    """One check for deception."""

    @property
    def name(self) -> str:
        """Stable name, as policies use it."""
        ...

    @property
    def blocking(self) -> bool:
        """Whether a finding denies by default."""
        ...

    def look(self, subject: Subject) -> ProbeResult:
        """Return what was found; passed when nothing was. Never raises for anything a candidate could have written."""
        ...


class Named(Protocol):
    """Whatever findings are reported for."""

    @property
    def name(self) -> str:
        """Stable name, as policies use it."""
        ...

    @property
    def blocking(self) -> bool:
        """Whether a finding denies by default."""
        ...


def result(probe: Named, findings: Iterator[str] | tuple[str, ...] | list[str]) -> ProbeResult:
    """Return a result whose findings are safe to show: ASCII, short, and not too many."""
    shown = [finding.encode("ascii", "backslashreplace").decode()[:MAX_FINDING] for finding in findings]
    if len(shown) > MAX_FINDINGS:
        shown[MAX_FINDINGS:] = [f"and {len(shown) - MAX_FINDINGS} more"]
    return ProbeResult(name=probe.name, passed=not shown, blocking=probe.blocking, findings=tuple(shown))


def parse(content: bytes | None) -> ast.Module | None:
    """Return the syntax tree of Python source; an empty one for no file, `None` for what cannot be parsed or is nested
    deeper than `MAX_DEPTH`."""
    try:
        module = ast.parse(content or b"")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # MemoryError is what CPython's parser raises when source nests deeper than its own stack.
        return None
    return module if _is_shallow(module) else None


def _is_shallow(module: ast.Module) -> bool:
    layer: list[ast.AST] = [module]
    for _ in range(MAX_DEPTH):
        layer = [child for node in layer for child in ast.iter_child_nodes(node)]
        if not layer:
            return True
    return False
