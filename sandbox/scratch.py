"""Folders of one process under the machine's temporary folder, which the next process removes if this one is killed.

A folder in use holds a locked file, and the lock dies with its process. The name says what a folder is for, and is
given only once the lock is held, so that no sweep can take it before.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

_DRAFT = "successor-draft-"
_LOCK = "in-use"


class Scratch:
    """One such folder, made when first asked for. `prefix` names its kind. Safe to use from several threads."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._guard = threading.Lock()
        self._made: tuple[Path, int] | None = None

    def folder(self) -> Path:
        """Return the folder; what killed processes left of this kind is removed before it is made."""
        with self._guard:
            if self._made is None:
                sweep(self._prefix, Path(tempfile.gettempdir()))
                self._made = self._make()
            return self._made[0]

    def close(self) -> None:
        """Remove the folder with all that is in it. May be called twice; asked again, another is made."""
        with self._guard:
            if self._made is not None:
                shutil.rmtree(self._made[0], ignore_errors=True)
                os.close(self._made[1])
            self._made = None

    def _make(self) -> tuple[Path, int]:
        draft = Path(tempfile.mkdtemp(prefix=_DRAFT))
        lock = os.open(draft / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # mkdtemp gives 0700; an engine that maps users must be able to walk through, and nobody needs to list it.
        draft.chmod(0o711)
        return draft.rename(draft.with_name(draft.name.replace(_DRAFT, self._prefix))), lock


def sweep(prefix: str, temporary: Path) -> None:
    """Remove the folders of this kind and this user whose process is gone."""
    for folder in temporary.glob(f"{prefix}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
