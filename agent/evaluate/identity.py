"""Evidence speaks for one diff: what is measured must be what the diff, the patch and the tree all say."""

from __future__ import annotations

from agent.edits.tree import Tree
from agent.edits.unified import unified_diff
from agent.errors import EditConflict


def check_same(base: Tree, tree: Tree, diff: bytes) -> None:
    """Raise `EditConflict` unless `diff` is the canonical diff from `base` to `tree`."""
    if unified_diff(base, tree) != diff:
        raise EditConflict(
            "the diff is not the canonical diff of the tree that was to be measured", why="they were made apart"
        )
