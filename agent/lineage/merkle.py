"""The Merkle root over the entries of a log, RFC 6962: grown one entry at a time, from as little as must be kept.

A `Frontier` holds the roots of the whole subtrees that the log ends in, largest first: one hash for each bit that is
set in its size. With it, an entry can be added and the root computed without reading the entries before.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from agent.errors import AuditFailed


@dataclass(frozen=True, slots=True)
class Frontier:
    """The log so far: how many entries, and the roots of its whole subtrees."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if len(self.peaks) != self.size.bit_count():
            raise AuditFailed("the frontier of the log is not one of its size", why=f"{self.size} entries")

    def grown(self, leaf: bytes) -> Frontier:
        """Return the log with one more entry, given as its leaf hash."""
        peaks, size = (*self.peaks, leaf), self.size
        while size & 1:
            peaks = (*peaks[:-2], node_hash(peaks[-2], peaks[-1]))
            size >>= 1
        return Frontier(self.size + 1, peaks)

    @property
    def root(self) -> bytes:
        """The Merkle tree hash over all entries."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        *above, here = self.peaks
        for peak in reversed(above):
            here = node_hash(peak, here)
        return here

    @property
    def content(self) -> bytes:
        """The bytes in which it is stored: one hash on a line, in base64."""
        return b"".join(base64.b64encode(peak) + b"\n" for peak in self.peaks)


def leaf_hash(content: bytes) -> bytes:
    """Hash one entry."""
    return hashlib.sha256(b"\0" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into the one above."""
    return hashlib.sha256(b"\1" + left + right).digest()


def parse_frontier(size: int, content: bytes) -> Frontier:
    """Read a stored frontier of a log of `size` entries, in its one form. Raises `AuditFailed`."""
    try:
        peaks = tuple(base64.b64decode(line, validate=True) for line in content.split(b"\n")[:-1])
    except (binascii.Error, ValueError) as error:
        raise AuditFailed("the frontier of the log is malformed") from error
    frontier = Frontier(size, peaks)
    if any(len(peak) != 32 for peak in peaks) or frontier.content != content:
        raise AuditFailed("the frontier of the log is malformed")
    return frontier
