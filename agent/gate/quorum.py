"""How many people a decision needs: by the settings of the base, and two where a candidate would change the law."""

from __future__ import annotations

from agent.edits.tree import Tree
from agent.workspace import SETTINGS_FILE, Settings, parse_settings

FOR_KEPT_PATHS = 2
"""Policies, suites, kept tests and settings decide about all that comes after: no one person changes them."""


def approvals_needed(settings: Settings, base: Tree, tree: Tree) -> int:
    """Return how many different people must approve `tree` on `base`, whose `settings` these are."""
    kept = any(settings.zones.zone(path) == "kept" for path in base.differing(tree))
    return max(settings.review.approvals, FOR_KEPT_PATHS if kept else 1)


def approvals_of(base: Tree, tree: Tree) -> int:
    """Return the same by the settings that stand in `base`. Raises `BadSettings`."""
    settings = parse_settings(base[SETTINGS_FILE].content if SETTINGS_FILE in base else b"")
    return approvals_needed(settings, base, tree)
