"""Git objects as values: read, check and make blobs, trees and commits without git.

Pure: objects come from whoever can read them by ID (`Read`), and new ones are gathered in `NewObjects` until someone
stores them. Both the writer (through GitPython) and the auditor (through dulwich) stand on this one reading of git's
formats. A commit of the gate is signed as git itself does it: an SSH signature in namespace `git` over the commit
without its `gpgsig` header.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from agent.edits.tree import MAX_DEPTH, File, Tree, check_path
from agent.errors import SignatureRefused, UnsafeTree
from agent.gate.signature import GIT_NAMESPACE, PublicKey, Signature, Signer, armor

Kind = Literal["commit", "tree", "blob"]
Read = Callable[[str, Kind], bytes]
"""Returns the body of the object of that ID and kind; raises when there is none."""

FOLDER_MODE = "40000"
MAX_FILES = 20_000
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_TREE_BYTES = 256 * 1024 * 1024

_LINE = re.compile(rb"([^ ]*) ([^\0]*)\0(.{20})", re.DOTALL)
_OBJECT_ID = re.compile(r"[0-9a-f]{40}")
_PACK_TYPES: dict[Kind, int] = {"commit": 1, "tree": 2, "blob": 3}
_REFUSED_MODES = {"120000": "it is a symbolic link", "160000": "it is a submodule"}
_IDENTITY = "successor gate <gate@successor.invalid>"


class Entry(NamedTuple):
    """One line of a git tree."""

    mode: str
    name: str
    id: str


@dataclass(frozen=True)
class Commit:
    """A parsed commit. `payload` is what its signature signs; `headers` are the names of all headers in order."""

    tree: str
    parents: tuple[str, ...]
    headers: tuple[str, ...]
    author: str
    committer: str
    signatures: tuple[str, ...]
    payload: bytes
    message: str


class NewObjects:
    """Objects that are made but not stored yet, by ID."""

    def __init__(self) -> None:
        self._bodies: dict[str, tuple[Kind, bytes]] = {}

    def add(self, kind: Kind, body: bytes) -> str:
        """Gather one object and return its ID."""
        name = object_id(kind, body)
        self._bodies[name] = (kind, body)
        return name

    def add_tree(self, tree: Tree) -> str:
        """Gather all objects of a tree and return the ID of its root."""
        return self._add_folder(dict(tree))

    def _add_folder(self, files: dict[str, File]) -> str:
        entries = []
        folders: dict[str, dict[str, File]] = {}
        for path, file in files.items():
            name, slash, rest = path.partition("/")
            if slash:
                folders.setdefault(name, {})[rest] = file
            else:
                entries.append(Entry(file.mode, name, self.add("blob", file.content)))
        entries.extend(Entry(FOLDER_MODE, name, self._add_folder(inner)) for name, inner in folders.items())
        return self.add("tree", format_tree(entries))

    def read(self, name: str) -> tuple[Kind, bytes] | None:
        """Return a gathered object."""
        return self._bodies.get(name)

    def pack(self) -> bytes:
        """Return all objects as one git pack (version 2, no deltas), for `git unpack-objects`."""
        parts = [b"PACK", (2).to_bytes(4, "big"), len(self._bodies).to_bytes(4, "big")]
        for kind, body in self._bodies.values():
            parts.append(_pack_header(_PACK_TYPES[kind], len(body)))
            parts.append(zlib.compress(body, 1))
        content = b"".join(parts)
        return content + hashlib.sha1(content, usedforsecurity=False).digest()


def object_id(kind: Kind, body: bytes) -> str:
    """Return git's SHA-1 name for an object."""
    return hashlib.sha1(f"{kind} {len(body)}\0".encode() + body, usedforsecurity=False).hexdigest()


def is_object_id(text: str) -> bool:
    """Whether `text` is a full SHA-1 object ID."""
    return _OBJECT_ID.fullmatch(text) is not None


def format_tree(entries: Collection[Entry]) -> bytes:
    """Return the body of a tree object."""
    ordered = sorted(entries, key=_key)
    return b"".join(f"{e.mode} {e.name}".encode() + b"\0" + bytes.fromhex(e.id) for e in ordered)


def parse_tree(body: bytes) -> list[Entry]:
    """Return the lines of a tree object. Raises `UnsafeTree` when it is malformed or has a name that is not UTF-8."""
    entries: list[Entry] = []
    at = 0
    try:
        while at < len(body):
            found = _LINE.match(body, at)
            if found is None:
                raise UnsafeTree("a tree in the repository is malformed", why="an entry has no mode, name or ID")
            mode, name, raw = found.groups()
            entries.append(Entry(mode.decode("ascii"), name.decode("utf-8"), raw.hex()))
            at = found.end()
    except ValueError as error:
        raise UnsafeTree("a tree in the repository is malformed", why="an entry has no valid mode or name") from error
    return entries


def is_ordered(entries: Sequence[Entry]) -> bool:
    """Whether `format_tree` gives back the body that these entries were read from: they stand in git's order."""
    keys = [_key(entry) for entry in entries]
    return keys == sorted(keys)


def _key(entry: Entry) -> bytes:
    """What git orders a tree by: a folder stands where its name with a slash behind it would."""
    return entry.name.encode() + (b"/" if entry.mode == FOLDER_MODE else b"")


def read_tree(read: Read, tree_id: str) -> Tree:
    """Return the files of a git tree, or raise `UnsafeTree` naming what can be no part of one.

    Symbolic links, submodules, odd modes and names, empty folders and doubled names are refused, and so is a tree above
    the limits of this module: the result, hashed again, must be the tree that was asked for.
    """
    gathered = _Gathered(read)
    gathered.folder(tree_id, "", depth=0)
    tree = Tree(gathered.files)
    if tree.git_id != tree_id:
        raise UnsafeTree("a tree in the repository is not in git's one canonical form", why=f"tree {tree_id}")
    return tree


class _Gathered:
    """The files of a tree so far. A few small objects may stand for more than any machine holds, so all is counted."""

    def __init__(self, read: Read) -> None:
        self.files: dict[str, File] = {}
        self._read = read
        self._bytes = 0

    def folder(self, tree_id: str, prefix: str, *, depth: int) -> None:
        """Gather what lies below a folder."""
        if depth > MAX_DEPTH:
            raise UnsafeTree(f"refused path {prefix[:80]!a}", why="folders are nested too deep")
        entries = parse_tree(self._read(tree_id, "tree"))
        if prefix and not entries:
            # Git writes none. Without this, folders of folders of nothing would never reach a limit.
            raise UnsafeTree(
                f"refused path {prefix[:80]!a}", why="the folder is empty, which is not in git's one canonical form"
            )
        for entry in entries:
            path = prefix + entry.name
            if entry.mode == FOLDER_MODE:
                self.folder(entry.id, path + "/", depth=depth + 1)
            else:
                self._file(path, entry)

    def _file(self, path: str, entry: Entry) -> None:
        if entry.mode not in ("100644", "100755"):
            why = _REFUSED_MODES.get(entry.mode, f"its mode {entry.mode[:10]!a} is not that of a regular file")
            raise UnsafeTree(f"refused path {path[:80]!a}", why=why)
        check_path(path)
        content = self._read(entry.id, "blob")
        self.files[path] = File(content, executable=entry.mode == "100755")
        self._bytes += len(content)
        if len(self.files) > MAX_FILES or len(content) > MAX_FILE_BYTES:
            raise UnsafeTree(f"refused path {path[:80]!a}", why="the tree has too many files or the file is too large")
        if self._bytes > MAX_TREE_BYTES:
            raise UnsafeTree("the tree is too large", why=f"more than {MAX_TREE_BYTES} bytes")


def parse_commit(body: bytes) -> Commit:
    """Read a commit. Raises `SignatureRefused` when it is malformed: nothing can be proven about it."""
    head, separator, message = body.partition(b"\n\n")
    fields: list[tuple[str, list[str]]] = []
    try:
        for line in head.decode("utf-8").split("\n"):
            if line.startswith(" ") and fields:
                fields[-1][1].append(line[1:])
            else:
                name, _, value = line.partition(" ")
                fields.append((name, [value]))
        text = message.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SignatureRefused("the commit is malformed", why="it is not UTF-8") from error
    if not separator:
        raise SignatureRefused("the commit is malformed", why="it has no message")
    unsigned = [f"{name} " + "\n ".join(lines) for name, lines in fields if name != "gpgsig"]
    return Commit(
        tree=_single(fields, "tree"),
        parents=tuple(_id(lines[0]) for name, lines in fields if name == "parent"),
        headers=tuple(name for name, _ in fields),
        author=_single(fields, "author"),
        committer=_single(fields, "committer"),
        signatures=tuple("\n".join(lines) for name, lines in fields if name == "gpgsig"),
        payload="\n".join(unsigned).encode() + b"\n\n" + message,
        message=text,
    )


def gate_commit(tree: str, parent: str | None, seconds: int, message: str, gate: Signer) -> bytes:
    """Return the body of a commit signed by the gate. `seconds` since 1970 become both of its dates, in UTC."""
    who = f"{_IDENTITY} {seconds} +0000"
    head = "\n".join([f"tree {tree}", *([f"parent {parent}"] if parent else []), f"author {who}", f"committer {who}"])
    payload = f"{head}\n\n{message}".encode()
    signature = armor(gate.sign(GIT_NAMESPACE, payload)).replace("\n", "\n ")
    return f"{head}\ngpgsig {signature}\n\n{message}".encode()


def check_gate_commit(commit: Commit, seconds: int, keys: frozenset[PublicKey]) -> None:
    """Raise `SignatureRefused` unless one of `keys` signed this commit in the gate's form with that date."""
    count = len(commit.signatures)
    if count != 1:
        raise SignatureRefused("the commit is not signed" if not count else f"the commit has {count} signatures")
    expected = ("tree", *("parent" for _ in commit.parents), "author", "committer", "gpgsig")
    if commit.headers != expected or commit.signatures[0].endswith("\n"):
        raise SignatureRefused("the commit has other headers than the gate writes")
    key = Signature.parse_armor(commit.signatures[0]).verify(GIT_NAMESPACE, commit.payload)
    if key not in keys:
        raise SignatureRefused("the commit is not signed by the gate", why=f"it is signed by {key.fingerprint}")
    if not commit.author == commit.committer == f"{_IDENTITY} {seconds} +0000":
        raise SignatureRefused("the commit names another author or date than the gate log")


def _single(fields: list[tuple[str, list[str]]], name: str) -> str:
    values = [lines for key, lines in fields if key == name]
    if len(values) != 1 or len(values[0]) != 1:
        raise SignatureRefused("the commit is malformed", why=f"it must have exactly one {name}")
    return _id(values[0][0]) if name == "tree" else values[0][0]


def _id(text: str) -> str:
    if not is_object_id(text):
        raise SignatureRefused("the commit is malformed", why="it names no object where it must")
    return text


def _pack_header(kind: int, size: int) -> bytes:
    """Encode type and size as git's pack format does: four bits of size, then seven for each byte."""
    byte, size = (kind << 4) | (size & 15), size >> 4
    encoded = bytearray()
    while size:
        encoded.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    encoded.append(byte)
    return bytes(encoded)
