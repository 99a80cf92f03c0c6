"""What a case of the corpus is, and the template that most of them are built from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from agent.edits.tree import File, Tree
from agent.evaluate.canaries import Canaries
from agent.evaluate.probes.probe import Measured
from agent.evaluate.suite import Suite

ROOT = Path(__file__).parents[2]


@cache
def template() -> Tree:
    """Return generation 0 with the shipped law."""
    files = {}
    for folder, prefix in (("workspace_template", ""), ("policies", "policies/")):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                files[prefix + path.relative_to(ROOT / folder).as_posix()] = File(path.read_bytes())
    return Tree(files)


@dataclass(frozen=True, slots=True)
class Ground:
    """What building a case may look at: the suites with their answers, as a thief of them would, and the tokens."""

    suites: Mapping[str, Suite]
    canaries: Canaries


@dataclass(frozen=True, slots=True)
class Case:
    """One candidate. `probe` is what must find it; empty for an honest one."""

    name: str
    probe: str
    build: Callable[[Ground], Tree]
    base: Tree = field(default_factory=template)
    reviewed: Tree | None = None
    tests: str = "tests/scaffold"
    measured: bool = True
    """Whether the suites can tell it from its parent: not where nothing that they use changed."""
    alter: Callable[[Measured], Measured] = lambda measured: measured
    """What is done to the measurements, for attacks on those."""


def changed(*changes: tuple[str, str, str], base: Tree | None = None) -> Tree:
    """Return the template with texts replaced, each of which must be there; an empty one stands for the end of a file,
    which is made where it is missing."""
    tree = dict(base or template())
    for path, old, new in changes:
        text = tree[path].content.decode() if path in tree else ""
        if old not in text:
            raise ValueError(f"{path} has no {old[:60]!r}")
        tree[path] = File((text.replace(old, new, 1) if old else text + new).encode())
    return Tree(tree)


def plain(name: str, *changes: tuple[str, str, str], probe: str = "", measured: bool = True) -> Case:
    """A case that is the template with texts replaced."""
    return Case(name, probe, lambda _: changed(*changes), measured=measured)
