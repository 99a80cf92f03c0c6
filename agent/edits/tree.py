"""A tree: the files of one generation as an immutable value.

Only regular files exist here. A symbolic link, a submodule or a device cannot be represented, so whoever reads a tree
from git, a patch or a directory must refuse them by name (`UnsafeTree`), and nothing behind this type has to ask again.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from weakref import ref

from agent.digest import sha256
from agent.errors import UnsafeTree

MAX_PATH_BYTES = 512
MAX_DEPTH = 20
MAX_PART_BYTES = 255
MAX_REMEMBERED = 64 * 1024
"""Bytes of a file whose digests are remembered."""


@dataclass(frozen=True, slots=True)
class File:
    """A regular file: its bytes and whether its owner may execute it. Git keeps no other mode bits."""

    content: bytes
    executable: bool = False

    @property
    def mode(self) -> str:
        """The mode in git's notation."""
        return "100755" if self.executable else "100644"


@lru_cache(maxsize=65536)
def check_path(path: str) -> str:
    """Return `path` if it is a safe relative POSIX path, else raise `UnsafeTree`.

    Refused: empty, absolute, `.`/`..`/empty parts, control characters, backslashes, a part that any file system would
    take for `.git`, and anything longer or deeper than the limits of this module.
    """
    parts = path.split("/")
    why = ""
    if not path or len(path.encode("utf-8", "surrogatepass")) > MAX_PATH_BYTES or len(parts) > MAX_DEPTH:
        why = "the path is empty, too long or too deep"
    elif any(part in ("", ".", "..") for part in parts):
        why = "the path has an empty part, '.' or '..'"
    elif any(ord(c) < 0x20 or ord(c) == 0x7F or c == "\\" or 0xD800 <= ord(c) <= 0xDFFF for c in path):
        why = "the path has control characters, backslashes or broken Unicode"
    elif any(part.rstrip(". ").casefold() in (".git", "git~1") for part in parts):
        why = "the path leads into git's own folder"
    elif any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        why = "a part of the path is too long"
    if why:
        raise UnsafeTree(f"refused path {path[:80]!a}", why=why)
    return path


class Tree(Mapping[str, File]):
    """Immutable mapping from checked relative path to `File`, iterated in byte order of the paths."""

    __slots__ = ("__dict__", "__weakref__", "_files")

    def __init__(self, files: Mapping[str, File]) -> None:
        ordered = sorted(files, key=lambda path: check_path(path).encode())
        self._files = {path: files[path] for path in ordered}
        folders: set[str] = set()
        for path in ordered:
            folder = path.rpartition("/")[0]
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
        for clash in sorted(folders & self._files.keys()):
            raise UnsafeTree(f"{clash!a} is both a file and a folder")

    @classmethod
    def vouched(cls, files: dict[str, File], manifest: bytes, git_id: str) -> Tree:
        """Return a tree of files that the caller has checked and ordered, and whose manifest and git ID it knows.

        For a reader of a long history, whose trees share most of their files; everyone else calls `Tree`.
        """
        tree = cls.__new__(cls)
        tree._files = files
        tree.__dict__.update(manifest=manifest, git_id=git_id)
        return tree

    @classmethod
    def flat(cls, files: dict[str, File]) -> Tree:
        """Return a tree of files that lie beside each other; the caller has checked and ordered the names.

        They are read once and seldom again, so that nothing is remembered of them.
        """
        tree = cls.__new__(cls)
        tree._files = files
        lines = (f"{f.mode} {hashlib.sha256(f.content).hexdigest()} {path}\n" for path, f in files.items())
        tree.__dict__["manifest"] = "".join(lines).encode()
        return tree

    def __getitem__(self, path: str) -> File:
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and self._files == other._files

    def __repr__(self) -> str:
        return f"Tree({len(self)} files, {self.digest[:19]})"

    def __getstate__(self) -> tuple[dict[str, object], dict[str, object]]:
        """What a copy in another process is made of: all but what is remembered of other trees here."""
        kept = {name: value for name, value in self.__dict__.items() if name != "_differing"}
        return kept, {"_files": self._files}

    def differing(self, other: Tree) -> list[str]:
        """Return the paths at which two trees differ, in byte order. The last answer is kept: trees do not change."""
        asked, known = self.__dict__.get("_differing", (None, ()))
        if asked is None or asked() is not other:
            mine, theirs = self._files, other._files
            paths = [path for path, file in mine.items() if (its := theirs.get(path)) is not file and its != file]
            paths += [path for path in theirs if path not in mine]
            known = tuple(sorted(paths, key=str.encode))
            self.__dict__["_differing"] = (ref(other), known)
        return list(known)

    def below(self, prefix: str) -> dict[str, File]:
        """Return the files whose paths begin with `prefix`, by what follows it."""
        paths = self._paths
        start = end = bisect_left(paths, prefix)
        while end < len(paths) and paths[end].startswith(prefix):
            end += 1
        return {path[len(prefix) :]: self._files[path] for path in paths[start:end]}

    def with_file(self, path: str, file: File) -> Tree:
        """Return this tree with `path` set to `file`."""
        return Tree({**self._files, path: file})

    def without(self, path: str) -> Tree:
        """Return this tree without `path`."""
        return Tree({name: file for name, file in self._files.items() if name != path})

    @cached_property
    def _paths(self) -> tuple[str, ...]:
        """The paths in order; byte order is the order of code points."""
        return tuple(self._files)

    @cached_property
    def manifest(self) -> bytes:
        r"""One line for each file: mode, space, SHA-256 in hexadecimal, space, path, `\n`.

        This is our own name for a tree beside git's SHA-1 one; paths hold no newline, so the form is unambiguous.
        """
        lines = (f"{f.mode} {_content_digest(f.content)} {path}\n" for path, f in self._files.items())
        return "".join(lines).encode()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the manifest, in the form of `agent.digest.sha256`."""
        return sha256(self.manifest)

    @cached_property
    def git_id(self) -> str:
        """The SHA-1 tree ID that git computes for the same files: 40 hexadecimal digits."""
        inside: dict[str, list[tuple[bytes, bytes]]] = {"": []}
        for path, file in self._files.items():
            folder, _, name = path.rpartition("/")
            while folder not in inside:
                inside[folder] = []
                folder = folder.rpartition("/")[0]
            line = f"{file.mode} {name}".encode() + b"\0" + _blob_id(file.content)
            inside[path.rpartition("/")[0]].append((name.encode(), line))
        # Whatever lies deeper is named first: a folder comes after all that it lies in.
        for folder in sorted(inside, key=lambda one: one.count("/"), reverse=True):
            if folder:
                above, _, name = folder.rpartition("/")
                line = b"40000 " + name.encode() + b"\0" + _folder_id(inside[folder])
                inside[above].append((name.encode() + b"/", line))
        return _folder_id(inside[""]).hex()


def _folder_id(lines: list[tuple[bytes, bytes]]) -> bytes:
    """Hash one folder as git does: entries sorted with a slash after folder names."""
    body = b"".join(line for _, line in sorted(lines))
    return hashlib.sha1(b"tree %d\0" % len(body) + body, usedforsecurity=False).digest()


# The files of one generation are nearly all those of the one before. Contents are the keys, so an answer is of exactly
# these bytes; what is kept is bounded by their number and by the size of a file.
def _content_digest(content: bytes) -> str:
    """The SHA-256 of a content, in hexadecimal."""
    return _small_digest(content) if len(content) <= MAX_REMEMBERED else hashlib.sha256(content).hexdigest()


def _blob_id(content: bytes) -> bytes:
    """The ID of the blob that git makes of a content."""
    return _small_id(content) if len(content) <= MAX_REMEMBERED else _hashed(content)


@lru_cache(maxsize=2048)
def _small_digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _hashed(content: bytes) -> bytes:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).digest()


_small_id = lru_cache(maxsize=2048)(_hashed)
