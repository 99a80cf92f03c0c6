"""What of a tree its own scaffold may see while it is measured.

The judge's things (policies, suites, kept tests, settings) are not for the judged: a scaffold that can read the seed of
a suite could make its tasks again. What remains also names the trial, so that two trees which differ only in what no
trial can see share their trials.
"""

from __future__ import annotations

from agent.edits.tree import Tree
from agent.workspace import SETTINGS_FILE, Settings

JUDGE_FOLDERS = ("policies", "suites", "trust")


def visible(tree: Tree, settings: Settings) -> Tree:
    """Return the files of `tree` that a suite's sandbox mounts."""
    hidden = (*JUDGE_FOLDERS, settings.tests.kept)
    return Tree({path: file for path, file in tree.items() if path != SETTINGS_FILE and not within(path, hidden)})


def within(path: str, folders: tuple[str, ...]) -> bool:
    """Whether a path lies in one of the folders."""
    return any(path.startswith(folder.rstrip("/") + "/") for folder in folders)


def overlay(tree: Tree, base: Tree, folder: str) -> Tree:
    """Return `tree` with everything under `folder` replaced by what `base` has there."""
    theirs = {path: file for path, file in tree.items() if not within(path, (folder,))}
    return Tree({**theirs, **{path: file for path, file in base.items() if within(path, (folder,))}})
