"""Staged trees: files of a `Tree` written once to a folder that sandboxes mount read-only."""

from __future__ import annotations

import shutil
from pathlib import Path

from agent.edits.tree import Tree
from agent.errors import SandboxDown
from sandbox.errors import SandboxError
from sandbox.scratch import Scratch
from sandbox.transfer import stage

KEPT = 64
"""Trees that stay staged between two requests: the parent, and those that a search comes back to."""

PREFIX = "successor-stage-"


class Staging:
    """Writes each tree once, by digest, and removes them all when closed. Used from one thread.

    What a killed process left is removed by the next one.
    """

    def __init__(self) -> None:
        self._scratch = Scratch(PREFIX)
        self._staged: dict[str, Path] = {}

    def folder(self, tree: Tree) -> Path:
        """Return the folder that holds the files of `tree`. Raises `SandboxDown` when it cannot be written."""
        try:
            target = self._scratch.folder() / tree.digest.removeprefix("sha256:")
            if self._staged.pop(tree.digest, None) is None:
                stage({path: (file.content, file.executable) for path, file in tree.items()}, target)
        except (OSError, SandboxError) as error:
            raise SandboxDown("a tree could not be staged for a sandbox", why=str(error)) from error
        self._staged[tree.digest] = target
        return target

    def trim(self) -> None:
        """Remove all but the trees used last, so that a long search does not fill the disk. Not while a job runs."""
        for digest in list(self._staged)[:-KEPT]:
            shutil.rmtree(self._staged.pop(digest), ignore_errors=True)

    def close(self) -> None:
        """Remove everything that was staged. May be called twice."""
        self._scratch.close()
        self._staged.clear()
