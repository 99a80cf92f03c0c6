"""Staged trees: files of a `Tree` written once to a folder that sandboxes mount read-only."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from agent.edits.tree import Tree
from agent.errors import SandboxDown
from sandbox.errors import SandboxError
from sandbox.transfer import stage

KEPT = 64
"""Trees that stay staged between two requests: the parent, and those that a search comes back to."""


class Staging:
    """Writes each tree once, by digest, and removes them all when closed. Used from one thread."""

    def __init__(self) -> None:
        self._root: Path | None = None
        self._staged: dict[str, Path] = {}

    def folder(self, tree: Tree) -> Path:
        """Return the folder that holds the files of `tree`."""
        target = self._make_root() / tree.digest.removeprefix("sha256:")
        if self._staged.pop(tree.digest, None) is None:
            try:
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
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
            self._root = None
            self._staged.clear()

    def _make_root(self) -> Path:
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="successor-stage-"))
            # mkdtemp gives 0700; the sandbox runs as another user and must be able to walk through.
            self._root.chmod(0o755)
        return self._root
