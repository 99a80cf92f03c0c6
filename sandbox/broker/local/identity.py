"""Which model a file is: its name for requests, and its digest for records."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.broker.local.errors import ModelUnavailable

PREFIX = "local:"
_MAGIC = b"GGUF"
_SPLIT = re.compile(r"-\d{5}-of-\d{5}\.gguf$")
_PLAIN = re.compile(r"[^\w.+-]")
_NAME_CHARACTERS = 100
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Identity:
    """A file of weights, by content."""

    name: str
    """As requests carry it: `local:NAME`."""
    digest: str
    """SHA-256 of the whole file, in hex."""
    state: str
    """Size, times and place of the file when it was read: another state is another file."""

    @property
    def model_id(self) -> str:
        """As records carry it."""
        return f"{self.name}@sha256:{self.digest[:_SHOWN_DIGITS]}"


def identify(path: Path, cache: Path) -> Identity:
    """Return which model `path` is; a digest is computed once for each state of a file and kept in `cache`.

    Raises `ModelUnavailable` unless the file is one whole model in the GGUF format.
    """
    check(path)
    state = state_of(path)
    kept = cache / "models" / hashlib.sha256(state.encode()).hexdigest()
    digest = _kept(kept)
    if digest is None:
        digest = _digest(path)
        _keep(kept, digest)
    return Identity(PREFIX + _PLAIN.sub("-", path.name)[:_NAME_CHARACTERS], digest, state)


def check(path: Path) -> None:
    """Refuse what is no model in one file, before anything opens it that trusts it."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ModelUnavailable(
            f"the model {path} cannot be read: {error.strerror}", mend="Name a GGUF file that is there"
        ) from error
    if magic != _MAGIC:
        raise ModelUnavailable(f"{path} is no GGUF file", mend="Name a model in the GGUF format, as llama.cpp reads it")
    if _SPLIT.search(path.name):
        raise ModelUnavailable(
            f"{path} is one part of a model in several files", mend="Join them first: llama-gguf-split --merge"
        )


def state_of(path: Path) -> str:
    """Name a file by everything that changes when its content does."""
    try:
        found = path.stat()
    except OSError as error:
        raise ModelUnavailable(f"the model {path} is gone", mend="Name a GGUF file that stays there") from error
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _kept(path: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        text = path.read_text("ascii")
        return text if _DIGEST.fullmatch(text) else None
    return None


def _keep(path: Path, digest: str) -> None:
    """Keep a digest, whole or not at all; a cache that cannot be written costs time and nothing else."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(digest, "ascii")
        draft.replace(path)
