"""Evidence speaks for one change: patch, diff and tree must all say the same."""

from __future__ import annotations

from agent.edits.apply import apply
from agent.edits.patch import Patch
from agent.edits.tree import Tree
from agent.edits.unified import unified_diff
from agent.errors import EditConflict


def check_same(base: Tree, tree: Tree, patch: Patch, diff: bytes) -> None:
    """Raise `EditConflict` unless `patch` leads from `base` to `tree` and `diff` is the canonical diff between them."""
    why = "they were made apart"
    if apply(base, patch) != tree:
        raise EditConflict("the patch does not lead to the tree that was to be measured", why=why)
    if unified_diff(base, tree) != diff:
        raise EditConflict("the diff is not the canonical diff of the tree that was to be measured", why=why)
