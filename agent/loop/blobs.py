"""Bytes by digest: whatever a candidate's row refers to (diff, evidence, facts, envelopes) lives here, once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from agent.digest import is_digest, sha256
from agent.errors import StoreBroken


class Blobs:
    """A folder of files named by the SHA-256 of their content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Keep `content` and return its digest. Durable when this returns; a killed process leaves no half file."""
        digest = sha256(content)
        target = self._path(digest)
        if target.exists():
            return digest
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part:
                part.write(content)
                part.flush()
                os.fsync(part.fileno())
            Path(part.name).rename(target)
        except OSError as error:
            raise StoreBroken(
                "the store cannot be written",
                why=str(error.strerror or error),
                mend="Free space or fix the permissions of .successor; nothing was lost",
            ) from error
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes named `digest`; raise `StoreBroken` when they are gone or are not what the name says."""
        if not is_digest(digest):
            raise StoreBroken(f"{digest[:80]!a} is not a digest", mend="Run: successor doctor")
        try:
            content = self._path(digest).read_bytes()
        except OSError as error:
            raise StoreBroken(f"the store lacks {digest[:19]}", why=str(error.strerror or error)) from error
        if sha256(content) != digest:
            raise StoreBroken(
                f"the store's {digest[:19]} is not what its name says",
                why="its bytes were changed after they were written",
                mend="Evaluate the candidate again: successor propose",
            )
        return content

    def _path(self, digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        return self._folder / name[:2] / name[2:]
