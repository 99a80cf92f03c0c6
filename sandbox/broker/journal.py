"""The ledger's journal as a file: what was spent today is known after a crash, and by the next run.

One JSON line for each entry, in the order in which they were made. A crash can leave the last line cut: it is dropped,
and its reservation, written before it, then counts in full. One process writes at a time: a workspace has one run.
"""

from __future__ import annotations

import errno
import json
import os
import weakref
from dataclasses import fields
from pathlib import Path
from typing import Any

from sandbox.broker.ledger import Entry, Reservation, Spent, spent_of
from sandbox.broker.usage import Usage

_HELD = tuple(f.name for f in fields(Reservation))
_USAGE = tuple(f.name for f in fields(Usage))


class FileJournal:
    """A journal in one file, which is made if need be. Raises `ValueError` when a whole line of it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._entries = self._load()
        self._file: int | None = None

    @property
    def last_number(self) -> int:
        """The highest number in use."""
        return max((entry.reservation.number for entry in self._entries), default=0)

    def write(self, entry: Entry) -> None:
        """Append a line. It outlives this process, however that ends; what a power cut may lose is a call or two."""
        line = json.dumps(_document(entry), separators=(",", ":")).encode() + b"\n"
        file = self._opened()
        end = os.lseek(file, 0, os.SEEK_END)
        try:
            whole = os.write(file, line) == len(line)
        except OSError:
            os.ftruncate(file, end)
            raise
        if not whole:  # the next line must not go on where this one was cut
            os.ftruncate(file, end)
            raise OSError(errno.ENOSPC, "a line did not fit", str(self._path))
        self._entries.append(entry)

    def spent_on(self, day: str) -> Spent:
        """Add up the entries of a day."""
        return spent_of(self._entries, day)

    def _opened(self) -> int:
        """Return the file, which stays open as long as this journal is in use: each call writes two entries."""
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            weakref.finalize(self, os.close, self._file)
        return self._file

    def _load(self) -> list[Entry]:
        if not self._path.exists():
            return []
        content = self._path.read_bytes()
        whole, _, cut = content.rpartition(b"\n")
        if cut:
            os.truncate(self._path, len(content) - len(cut))
        return [self._read(number, line) for number, line in enumerate(whole.splitlines(), 1)]

    def _read(self, number: int, line: bytes) -> Entry:
        try:
            value = json.loads(line)
            return Entry(
                Reservation(**value["reservation"]), value["settled"], Usage(**value["usage"]), value["micro_usd"]
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self._path}, line {number}: this is no entry of a journal of spending") from error


def _document(entry: Entry) -> dict[str, Any]:
    """Return an entry field by field: `dataclasses.asdict` copies each value, and a call waits for this."""
    held, usage = entry.reservation, entry.usage
    return {
        "reservation": {name: getattr(held, name) for name in _HELD},
        "settled": entry.settled,
        "usage": {name: getattr(usage, name) for name in _USAGE},
        "micro_usd": entry.micro_usd,
    }
