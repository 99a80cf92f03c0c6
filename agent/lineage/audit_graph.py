"""Git's cache of commits, the commit-graph, held against the commits: git believes it without looking at them.

Format: gitformat-commit-graph(5), version 1, one file with SHA-1 names. A chunk that is not known here, such as the
Bloom filters that let `git log -- PATH` pass over commits, makes the cache one that cannot be checked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from agent.errors import AuditFailed
from agent.lineage.objects import Read

MAX_BYTES = 256 * 1024 * 1024

_KNOWN = frozenset({b"OIDF", b"OIDL", b"CDAT", b"GDA2", b"GDO2", b"EDGE"})
_NO_PARENT = 0x70000000
_FLAG = 0x80000000


@dataclass(frozen=True, slots=True)
class _Row:
    """What the cache says about one commit. `corrected` is the later form of the level, if the cache has it."""

    tree: str
    parents: tuple[int, ...]
    level: int
    date: int
    corrected: int | None


def check_graph(folder: Path, read: Read) -> None:
    """Raise `AuditFailed` unless the cache below `folder` (a git folder), if any, agrees with the commits."""
    if (folder / "objects" / "info" / "commit-graphs").exists():
        raise AuditFailed("it is kept in several layers, which this auditor does not read")
    path = folder / "objects" / "info" / "commit-graph"
    if not path.exists():
        return
    if path.stat().st_size > MAX_BYTES:
        raise AuditFailed("it is too large")
    try:
        graph = _Graph(path.read_bytes())
        rows = [graph.row(index) for index in range(graph.count)]
        for index, row in enumerate(rows):
            _compare(graph, rows, index, row, read)
    except (OSError, struct.error, ValueError, IndexError, KeyError) as error:
        raise AuditFailed("it is damaged", why=type(error).__name__) from error


class _Graph:
    """The file, split into its chunks."""

    def __init__(self, content: bytes) -> None:
        magic, version, hashing, chunks, bases = struct.unpack_from(">4sBBBB", content)
        if (magic, version, hashing, bases) != (b"CGPH", 1, 1, 0):
            raise AuditFailed("it is of a form that this auditor does not read")
        table = [struct.unpack_from(">4sQ", content, 8 + 12 * index) for index in range(chunks + 1)]
        self._chunks = {name: content[start:end] for (name, start), (_, end) in pairwise(table) if start <= end}
        if not self._chunks.keys() <= _KNOWN or len(self._chunks) != chunks:
            raise AuditFailed("it holds what this auditor does not read")
        self.count = len(self._chunks[b"OIDL"]) // 20

    def name(self, index: int) -> str:
        """The ID of the commit at a place."""
        found = self._chunks[b"OIDL"][20 * index : 20 * index + 20]
        if index >= self.count or len(found) != 20:
            raise IndexError(index)
        return found.hex()

    def row(self, index: int) -> _Row:
        """What is said about the commit at a place."""
        tree, first, second, high, low = struct.unpack_from(">20sIIII", self._chunks[b"CDAT"], 36 * index)
        date = (high & 3) << 32 | low
        parents = tuple(parent for parent in (first, *self._more(second)) if parent != _NO_PARENT)
        return _Row(tree.hex(), parents, high >> 2, date, self._corrected(index, date))

    def _more(self, second: int) -> Iterator[int]:
        """The second parent, or where a merge has more, all but the first."""
        if not second & _FLAG:
            yield second
            return
        at, last = 4 * (second & ~_FLAG), False
        while not last:
            (value,) = struct.unpack_from(">I", self._chunks[b"EDGE"], at)
            at, last = at + 4, bool(value & _FLAG)
            yield value & ~_FLAG

    def _corrected(self, index: int, date: int) -> int | None:
        if b"GDA2" not in self._chunks:
            return None
        (offset,) = struct.unpack_from(">I", self._chunks[b"GDA2"], 4 * index)
        if offset & _FLAG:
            (offset,) = struct.unpack_from(">Q", self._chunks[b"GDO2"], 8 * (offset & ~_FLAG))
        return date + int(offset)


def _compare(graph: _Graph, rows: list[_Row], index: int, row: _Row, read: Read) -> None:
    """Hold one row against its commit, and its place in history against the rows of its parents."""
    name = graph.name(index)
    tree, parents, date = _plain(read(name, "commit"))
    if (row.tree, tuple(map(graph.name, row.parents)), row.date) != (tree, parents, date):
        raise AuditFailed(f"it tells of another commit {name} than there is")
    above = [rows[parent] for parent in row.parents]
    level = 1 + max((parent.level for parent in above), default=0)
    corrected = max([date, *(1 + (parent.corrected or 0) for parent in above)])
    if row.level != level or row.corrected not in (None, corrected):
        raise AuditFailed(f"it gives {name} another place in history")


def _plain(body: bytes) -> tuple[str, tuple[str, ...], int]:
    """Tree, parents and committer date of a commit, of whatever encoding its text is."""
    lines = body.partition(b"\n\n")[0].split(b"\n")
    parents = tuple(line[7:].decode("ascii") for line in lines if line.startswith(b"parent "))
    committer = next(line for line in lines if line.startswith(b"committer "))
    return lines[0][5:].decode("ascii"), parents, int(committer.rsplit(b" ", 2)[1])
