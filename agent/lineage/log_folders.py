"""The folders of the gate log's tree as an entry is added, computed from what they were and nothing else.

Entry 12 lives in `entries/00/00/12/`, and each comes after all that are there: so three folders grow at their ends.
"""

from __future__ import annotations

from agent.lineage.gate_log import folder, lookup
from agent.lineage.objects import FOLDER_MODE, Entry, Read, format_tree, object_id, parse_tree


class LogFolders:
    """The folders of the log's tree, as bodies of git trees: an entry is added at the end of the last of them."""

    def __init__(self, bodies: tuple[bytes, ...] = (b"", b"", b""), ids: tuple[str, ...] = ()) -> None:
        self.bodies = bodies
        self.ids = ids
        """Of the folders that the last entry changed: `entries` and the two below it."""

    @classmethod
    def read(cls, read: Read, tree: str, index: int) -> LogFolders:
        """The folders on the way to entry `index` in a stored tree. Raises `Refused` when it is not the last."""
        bodies = []
        *path, _ = folder(index)
        here = lookup(read, tree, tuple(path[:1]))
        for name in (*path[1:], None):
            body = read(here, "tree") if here else b""
            bodies.append(body)
            here = next((entry.id for entry in parse_tree(body) if entry.name == name), None)
        return cls(tuple(bodies))

    def with_entry(self, index: int, body: str) -> LogFolders:
        """Return the folders with the folder `body` of entry `index` added, the next after those that are there."""
        _, high, middle, low = folder(index)
        tops, middles, lows = self.bodies
        lows = (b"" if low == "00" else lows) + _line(low, body)
        below = object_id("tree", lows)
        middles = _last(b"" if (middle, low) == ("00", "00") else middles, middle, below)
        between = object_id("tree", middles)
        tops = _last(tops, high, between)
        return LogFolders((tops, middles, lows), (object_id("tree", tops), between, below))

    @property
    def tree_id(self) -> str:
        """The ID of the folder `entries`."""
        return self.ids[0]


def _line(name: str, body: str) -> bytes:
    return format_tree([Entry(FOLDER_MODE, name, body)])


def _last(body: bytes, name: str, below: str) -> bytes:
    """Set the last line of a folder to `name`, or add it. Every line here has the same length."""
    line = _line(name, below)
    return (body[: -len(line)] if body[-len(line) :].startswith(line[:9]) else body) + line
