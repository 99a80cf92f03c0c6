"""Files of tasks and answers, written to folders that sandboxes mount."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from agent.edits.tree import File
from sandbox.errors import SandboxBroken, TransferRefused
from sandbox.scratch import Scratch
from sandbox.transfer import stage

PREFIX = "successor-tasks-"


class Shelf:
    """Keeps the files of tasks for as long as the suite is open; an answer only while it is graded. For any thread."""

    def __init__(self) -> None:
        self._scratch = Scratch(PREFIX)
        weakref.finalize(self, self._scratch.close)  # also where nobody closes the suite
        self._guard = threading.Lock()

    def folder(self, files: Mapping[str, File]) -> Path:
        """Return a folder that holds these files, written when first asked for. Raises `SandboxBroken`."""
        whole = hashlib.sha256()
        for path, file in sorted(files.items()):
            whole.update(f"{file.mode} {hashlib.sha256(file.content).hexdigest()} {path}\n".encode())
        with self._guard:
            target = self._scratch.folder() / whole.hexdigest()
            if not target.is_dir():
                _stage({path: (file.content, file.executable) for path, file in files.items()}, target)
            return target

    @contextmanager
    def lent(self, files: Mapping[str, tuple[bytes, bool]]) -> Iterator[Path]:
        """Give a folder that holds these files, and remove it. Raises `SandboxBroken`."""
        target = self._scratch.folder() / secrets.token_hex(16)
        try:
            _stage(files, target)
            yield target
        finally:
            shutil.rmtree(target, ignore_errors=True)

    def close(self) -> None:
        """Remove everything. May be called twice."""
        self._scratch.close()


def _stage(files: Mapping[str, tuple[bytes, bool]], target: Path) -> None:
    try:
        stage(files, target)
    except (OSError, TransferRefused) as error:
        raise SandboxBroken(f"files could not be staged for a sandbox: {error}", mend="Free some disk") from error
