"""A candidate of the search: an ordered list of mutations and the tree that they make of the base."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from agent.edits.tree import Tree
from agent.propose.mind import Library
from agent.propose.mutations import Mutation, apply_mutation, compose


@dataclass(frozen=True, slots=True)
class Genome:
    """Edits, and the tree that results from applying them to the base in order."""

    edits: tuple[Mutation, ...]
    tree: Tree


def grow(base: Tree, edits: Iterable[Mutation], library: Library) -> Genome | None:
    """Apply edits in order, or return `None` if one does not fit."""
    tree: Tree | None = base
    applied = tuple(edits)
    for edit in applied:
        tree = apply_mutation(tree, edit, library) if tree is not None else None
    return Genome(applied, tree) if tree is not None else None


def extend(base: Tree, genome: Genome, edit: Mutation, library: Library) -> Genome | None:
    """Return a genome with one edit more; two edits of one value become one where that makes the same tree."""
    tree = apply_mutation(genome.tree, edit, library)
    if tree is None:
        return None
    longer = Genome((*genome.edits, edit), tree)
    joined = compose(genome.edits, edit)
    shorter = grow(base, joined, library) if len(joined) < len(longer.edits) else None
    return shorter if shorter and shorter.tree == tree else longer  # told by text, so it may not be the same


def cross(base: Tree, first: Genome, second: Genome, library: Library) -> Genome:
    """Return the first genome with each edit of the second that fits and changes no place that it changed already."""
    taken = {_site(edit) for edit in first.edits}
    result = first
    for edit in second.edits:
        if _site(edit) not in taken:
            result = extend(base, result, edit, library) or result
    return result


def changed_lines(base: Tree, tree: Tree) -> int:
    """Return how many lines were added plus removed, over all files."""
    total = 0
    for path in base.keys() | tree.keys():
        old = base[path].content.splitlines() if path in base else []
        new = tree[path].content.splitlines() if path in tree else []
        if old != new:
            blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
            total += sum((i2 - i1) + (j2 - j1) for tag, i1, i2, j1, j2 in blocks if tag != "equal")
    return total


def _site(edit: Mutation) -> tuple[str, str, str, str]:
    """Return what an edit is about: two edits of one site contradict each other."""
    return edit.path, edit.definition, edit.label or edit.before, edit.role
