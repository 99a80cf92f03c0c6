"""Proposals of people: a diff, or a whole tree, goes the same way through the same gate as what a machine drafts."""

from __future__ import annotations

from agent.edits.tree import Tree
from agent.edits.unified import apply_unified
from agent.propose.proposer import Proposal

RATIONALE = "Proposed by a person."


def from_unified(base: Tree, diff: bytes, rationale: str = RATIONALE) -> Proposal:
    """Return the proposal that a unified diff makes of the base.

    Raises `EditConflict` where it does not fit and `UnsafeTree` where it holds what is never accepted.
    """
    return from_tree(apply_unified(base, diff), rationale)


def from_tree(tree: Tree, rationale: str = RATIONALE) -> Proposal:
    """Return the proposal of a tree as it stands. No search was made for it, so no trials were spent."""
    return Proposal(tree, rationale, search_trials=0, candidates_tried=0)
