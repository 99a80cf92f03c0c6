"""The ledger's journal as a file: what was spent today is known after a crash, and by the next run.

One JSON line for each entry, in the order in which they were made. A crash can leave the last line cut: it is dropped,
and its reservation, written before it, then counts in full. One process writes at a time: a workspace has one run.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path

from sandbox.broker.ledger import Entry, Reservation, Spent, spent_of
from sandbox.broker.usage import Usage


class FileJournal:
    """A journal in one file, which is made if need be. Raises `ValueError` when a whole line of it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._entries = self._load()

    @property
    def last_number(self) -> int:
        """The highest number in use."""
        return max((entry.reservation.number for entry in self._entries), default=0)

    def write(self, entry: Entry) -> None:
        """Append a line. It outlives this process, however that ends; what a power cut may lose is a call or two."""
        line = json.dumps(asdict(entry), separators=(",", ":")).encode() + b"\n"
        with self._path.open("ab") as file:
            file.write(line)
        self._entries.append(entry)

    def spent_on(self, day: str) -> Spent:
        """Add up the entries of a day."""
        return spent_of(self._entries, day)

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
