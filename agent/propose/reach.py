"""Which definitions of a mind a suite can reach, judged by names alone.

A search that mutates code which the objective never runs wastes its budget. The answer errs on the side of reaching:
any use of a name, through whatever object, reaches every definition of that name that can be meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import libcst as cst

from agent.propose.mind import Mind
from agent.propose.source import names_in
from agent.propose.spots import Definition

Key = tuple[str, str]


def reachable(mind: Mind, entry_points: Sequence[str]) -> frozenset[Key]:
    """Return the path and name of each definition that can run when a suite enters by `entry_points`.

    A definition is an entry when a word of its name (`rank_files` has the words `rank` and `files`) is an entry point.
    Without an entry point, or with one that nothing is named after, everything is reachable, code at module level too.
    """
    nodes = {(path, d.name): d for path, source in mind.sources.items() for d in source.definitions}
    entries = set(entry_points)
    reached = [key for key, d in nodes.items() if entries & set(_simple(d.name).strip("_").split("_"))]
    if not reached:
        return frozenset([*nodes, *((path, "") for path in mind.sources)])
    reached += [(path, nodes[path, name].parent) for path, name in reached if nodes[path, name].parent]
    named: set[str] = set()
    looked_at = 0
    while looked_at < len(reached):
        named |= {n for key in reached[looked_at:] for n in _mentions(nodes[key].node) if not n.startswith("__")}
        looked_at = len(reached)
        reached += [key for key, d in nodes.items() if key not in reached and _runs(key, d, nodes, reached, named)]
    return frozenset(reached)


def _runs(
    key: Key, definition: Definition, nodes: Mapping[Key, Definition], reached: Sequence[Key], named: AbstractSet[str]
) -> bool:
    """Whether a definition runs: its name is used and what it stands in runs; or it comes with what it stands in.

    All comes with its parent but a class's ordinary methods, which must be named.
    """
    parent = nodes.get((key[0], definition.parent))
    if parent is None:
        return _simple(definition.name) in named
    method = isinstance(parent.node, cst.ClassDef) and isinstance(definition.node, cst.FunctionDef)
    used = not method or _simple(definition.name) in named or _simple(definition.name).startswith("__")
    return used and (key[0], definition.parent) in reached


def _mentions(node: cst.CSTNode) -> frozenset[str]:
    """Return the names that a definition itself uses; those in a class's methods belong to the methods."""
    if isinstance(node, cst.ClassDef):
        parts = [s for s in node.body.body if not isinstance(s, cst.FunctionDef)]
        return frozenset(name for part in (*parts, *node.bases, *node.decorators) for name in names_in(part))
    return frozenset(names_in(node))


def _simple(name: str) -> str:
    return name.rpartition(".")[2]
