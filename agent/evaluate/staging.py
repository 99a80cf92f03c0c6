"""Staged trees: files of a `Tree` written once to a folder that sandboxes mount read-only."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from agent.edits.tree import Tree
from agent.errors import SandboxDown
from sandbox.errors import SandboxError
from sandbox.transfer import stage

KEPT = 64
"""Trees that stay staged between two requests: the parent, and those that a search comes back to."""

_PREFIX = "successor-stage-"
_LOCK = "in-use"


class Staging:
    """Writes each tree once, by digest, and removes them all when closed. Used from one thread.

    What a killed process left is removed by the next one: a folder in use holds a locked file, and the lock dies with
    its process.
    """

    def __init__(self) -> None:
        self._root: Path | None = None
        self._lock: int | None = None
        self._staged: dict[str, Path] = {}

    def folder(self, tree: Tree) -> Path:
        """Return the folder that holds the files of `tree`. Raises `SandboxDown` when it cannot be written."""
        try:
            target = self._make_root() / tree.digest.removeprefix("sha256:")
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
        if self._root is not None and self._lock is not None:
            shutil.rmtree(self._root, ignore_errors=True)
            os.close(self._lock)
        self._root, self._lock = None, None
        self._staged.clear()

    def _make_root(self) -> Path:
        if self._root is None:
            sweep(Path(tempfile.gettempdir()))
            draft = Path(tempfile.mkdtemp(prefix="successor-draft-"))
            self._lock = os.open(draft / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            # mkdtemp gives 0700; the sandbox runs as another user and must be able to walk through.
            draft.chmod(0o755)
            # Named like this only once it is locked, so that no sweep can take it before.
            self._root = draft.rename(draft.with_name(draft.name.replace("successor-draft-", _PREFIX)))
        return self._root


def sweep(temporary: Path) -> None:
    """Remove staged trees of this user whose process is gone."""
    for folder in temporary.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
