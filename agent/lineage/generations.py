"""Trees of many generations, which share most of their files: each is read as what differs from one read before.

The answer is that of `read_tree`, and so is every refusal: whatever is not plain is handed to it. Only the cost
differs, for a history whose generations change a few files each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from agent.edits.tree import MAX_DEPTH, File, Tree, check_path
from agent.errors import Refused, UnsafeTree
from agent.lineage.objects import (
    FOLDER_MODE,
    MAX_FILE_BYTES,
    MAX_FILES,
    MAX_TREE_BYTES,
    Entry,
    Read,
    is_ordered,
    parse_tree,
    read_tree,
)

_TREES_KEPT = 8
_FOLDERS_KEPT = 2000
MAX_FLAT = 100
_FILE_MODES = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class _Generation:
    """A tree, and what it takes to derive the next one: its manifest line by line, and its size."""

    tree_id: str
    files: dict[str, File]
    lines: dict[str, bytes]
    size: int
    tree: Tree


class Generations:
    """A reader of trees that remembers the last few."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._kept: dict[str, _Generation] = {}
        self._folders: dict[str, dict[str, Entry]] = {}

    def tree(self, tree_id: str) -> Tree:
        """Return the files of a git tree. Raises `UnsafeTree` as `read_tree` does."""
        found = self._kept.pop(tree_id, None) or self._made(tree_id)
        self._kept[tree_id] = found
        while len(self._kept) > _TREES_KEPT:
            del self._kept[next(iter(self._kept))]
        return found.tree

    def _made(self, tree_id: str) -> _Generation:
        near = next(reversed(self._kept.values()), None)
        try:
            return self._derived(near, tree_id)
        except (Refused, ValueError):
            return _whole(tree_id, read_tree(self._read, tree_id))  # which says by name what is wrong, if anything is

    def _derived(self, near: _Generation | None, tree_id: str) -> _Generation:
        files, lines, size = (dict(near.files), dict(near.lines), near.size) if near else ({}, {}, 0)
        before = len(files)
        added = False
        for path, old, new in self._differences(near.tree_id if near else None, tree_id, "", 0):
            if old is not None:
                size -= len(files[path].content)
                if new is None:
                    del files[path], lines[path]
            if new is not None:
                added = added or old is None
                file = files[path] = self._file(path, new)
                size += len(file.content)
                lines[path] = _line(path, file)
            if len(files) > MAX_FILES + before or size > MAX_TREE_BYTES:
                raise UnsafeTree("the tree is too large")
        if len(files) > MAX_FILES:
            raise UnsafeTree("the tree is too large")
        if added:
            order = sorted(files, key=str.encode)
            files, lines = {path: files[path] for path in order}, {path: lines[path] for path in order}
        return _Generation(tree_id, files, lines, size, Tree.vouched(files, b"".join(lines.values()), tree_id))

    def _differences(
        self, old: str | None, new: str | None, prefix: str, depth: int
    ) -> Iterator[tuple[str, Entry | None, Entry | None]]:
        """Yield path, old and new entry of every file that differs below two folders, either of which may be absent."""
        if depth > MAX_DEPTH:
            raise UnsafeTree("folders are nested too deep")
        was = self._folder(old) if old else {}
        now = self._folder(new) if new else {}
        for name in {**was, **now}:
            before, after = was.get(name), now.get(name)
            if before == after:
                continue
            path = prefix + name
            below, above = _below(before), _below(after)
            if below or above:
                yield from self._differences(below, above, path + "/", depth + 1)
            gone, made = (None if _below(one) else one for one in (before, after))
            if gone or made:
                yield path, gone, made

    def _folder(self, tree_id: str) -> dict[str, Entry]:
        """The entries of a folder by name; only one in git's canonical form is accepted."""
        found = self._folders.get(tree_id)
        if found is None:
            entries = parse_tree(self._read(tree_id, "tree"))
            found = {entry.name: entry for entry in entries}
            if not entries or len(found) != len(entries) or not is_ordered(entries):
                raise UnsafeTree("a folder is not in git's one canonical form")
            if len(self._folders) >= _FOLDERS_KEPT:
                self._folders.clear()
            self._folders[tree_id] = found
        return found

    def _file(self, path: str, entry: Entry) -> File:
        if entry.mode not in _FILE_MODES:
            raise UnsafeTree("not a regular file")
        check_path(path)
        content = self._read(entry.id, "blob")
        if len(content) > MAX_FILE_BYTES:
            raise UnsafeTree("the file is too large")
        return File(content, executable=entry.mode == _FILE_MODES[1])


def _below(entry: Entry | None) -> str | None:
    """The ID of the folder that an entry is, or `None`."""
    return entry.id if entry and entry.mode == FOLDER_MODE else None


def _line(path: str, file: File) -> bytes:
    """The line of a file in the manifest of a tree."""
    return f"{file.mode} {hashlib.sha256(file.content).hexdigest()} {path}\n".encode()


def _whole(tree_id: str, tree: Tree) -> _Generation:
    lines = {path: _line(path, file) for path, file in tree.items()}
    return _Generation(tree_id, dict(tree), lines, sum(len(file.content) for file in tree.values()), tree)


def read_flat(read: Read, tree_id: str) -> Tree:
    """Return the files of a folder that holds plain files only, as `read_tree` does."""
    entries = parse_tree(read(tree_id, "tree"))
    names = {entry.name for entry in entries}
    plain = all(entry.mode == _FILE_MODES[0] and entry.name.isascii() for entry in entries)
    if not plain or len(names) != len(entries) or len(entries) > MAX_FLAT or not is_ordered(entries):
        return read_tree(read, tree_id)
    files = {check_path(entry.name): File(read(entry.id, "blob")) for entry in entries}
    if any(len(file.content) > MAX_FILE_BYTES or "/" in name for name, file in files.items()):
        return read_tree(read, tree_id)
    return Tree.vouched(files, b"".join(_line(name, file) for name, file in files.items()), tree_id)
