"""The trusted transcript: every exchange as one JSON document, named by its digest, with secrets taken out.

Stored is what was sent upstream and what came back, not what the sandbox says about it. Pieces of a stream are joined
where they follow one another: the same message, and a secret that came in two pieces is found.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

SCHEMA = "successor.exchange/v1"
REDACTED = "[redacted]"

_WORD = r"[A-Za-z0-9_-]"
_SECRETS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern)
    for pattern in (
        rf"sk-{_WORD}{{20,}}",
        *(rf"gh{kind}_[A-Za-z0-9]{{20,}}" for kind in "pousr"),
        r"github_pat_[A-Za-z0-9_]{20,}",
        r"AKIA[0-9A-Z]{16}(?![0-9A-Z])",
        r"ASIA[0-9A-Z]{16}(?![0-9A-Z])",
        r"xox[abprs]-[A-Za-z0-9-]{10,}",
        rf"AIza{_WORD}{{35}}",
        rf"eyJ{_WORD}{{10,}}\.{_WORD}{{10,}}\.{_WORD}{{10,}}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^\"]*?-----END [A-Z ]*PRIVATE KEY-----",
        *(rf"{word}\s+[A-Za-z0-9._~+/-]{{16,}}=*" for word in ("Bearer", "bearer", "BEARER")),
    )
)
"""Things that look like keys, as they stand within a JSON string. Each begins with letters of its own, because such a
pattern is looked for thirty times faster, and no other thread runs meanwhile."""


_IN_A_WORD = re.compile(r"[A-Za-z0-9]\Z")
_ESCAPE = re.compile(r"\\(?:[nrtbf]|u[0-9a-f]{4})\Z")


class Transcripts(Protocol):
    """Where exchanges are kept. Safe from many threads."""

    def put(self, document: bytes) -> str:
        """Keep one exchange, already without secrets; return its `sha256:` digest. Raises `OSError`."""
        ...

    def get(self, digest: str) -> bytes:
        """Return one exchange. Raises `KeyError` when there is none, or it is not what its name says."""
        ...


class MemoryTranscripts:
    """Exchanges that last as long as the process."""

    def __init__(self) -> None:
        self._documents: dict[str, bytes] = {}

    def put(self, document: bytes) -> str:
        """Keep it in a dictionary."""
        digest = digest_of(document)
        self._documents[digest] = document
        return digest

    def get(self, digest: str) -> bytes:
        """Return what was put."""
        return self._documents[digest]

    def all(self) -> tuple[dict[str, Any], ...]:
        """Every exchange, in the order in which they ended."""
        return tuple(json.loads(document) for document in self._documents.values())


class FolderTranscripts:
    """Exchanges as files `ab/cdef....json.gz` below a folder, each named by the digest of what it holds."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, document: bytes) -> str:
        """Write a file whole or not at all; one that is there already is the same."""
        digest = digest_of(document)
        path = self._path(digest)
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
                try:
                    file.write(gzip.compress(document, compresslevel=1, mtime=0))
                    file.flush()
                    Path(file.name).replace(path)
                except OSError:
                    Path(file.name).unlink(missing_ok=True)
                    raise
        return digest

    def get(self, digest: str) -> bytes:
        """Read a file and hold it to its name."""
        if re.fullmatch(r"sha256:[0-9a-f]{64}", digest) is None:
            raise KeyError(digest)
        try:
            document = gzip.decompress(self._path(digest).read_bytes())
        except (OSError, EOFError, zlib.error) as error:
            raise KeyError(digest) from error
        if digest_of(document) != digest:
            raise KeyError(digest)
        return document

    def _path(self, digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        return self._folder / name[:2] / f"{name[2:]}.json.gz"


def canonical(value: Any) -> bytes:
    """The one byte form of a JSON value: keys sorted, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(
        "utf-8", "backslashreplace"
    )


def digest_of(content: bytes) -> str:
    """Name bytes by their SHA-256."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def redacted(text: str, key: str) -> str:
    """Take `key`, and whatever looks like a key, out of a text or out of JSON as a text."""
    for form in {key, json.dumps(key)[1:-1]} if key else ():
        text = text.replace(form, REDACTED)
    for secret in _SECRETS:
        text = secret.sub(_unless_within_a_word, text)
    return text


def _unless_within_a_word(found: re.Match[str]) -> str:
    """Leave alone what only ends a longer word; a line end before it is `\\n` here, which is no word."""
    before = found.string[max(0, found.start() - 6) : found.start()]
    return found.group() if _IN_A_WORD.search(before) and not _ESCAPE.search(before) else REDACTED


def document_of(record: Mapping[str, Any], key: str) -> bytes:
    """Return the bytes of an exchange as they are kept: canonical and without secrets."""
    return redacted(canonical(record).decode("utf-8"), key).encode("utf-8")
