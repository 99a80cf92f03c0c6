"""The gate log as an auditor reads it: entry by entry, each commit's tree computed from the entries alone.

Signatures, chain, times, trees and checkpoints of one entry after the other. A reader can begin anywhere: it takes what
the commit before stored as where the log stood, and whoever puts the parts together compares that with what the entries
before really come to.
"""

from __future__ import annotations

from agent.edits.tree import Tree
from agent.errors import AuditFailed, Refused
from agent.gate.note import check_signed, parse_note
from agent.gate.trust import TrustRoot
from agent.lineage.gate_log import (
    CHECKPOINT_FILE,
    FRONTIER_FILE,
    ROOT_FILE,
    Head,
    LogEntry,
    first_head,
    folder,
    log_tree,
    lookup,
    origin_of,
    read_head,
    split_files,
)
from agent.lineage.generations import read_flat
from agent.lineage.log_folders import LogFolders
from agent.lineage.merkle import Frontier
from agent.lineage.objects import (
    FOLDER_MODE,
    Read,
    check_gate_commit,
    object_id,
    parse_commit,
    parse_tree,
)


class Shelves:
    """The entries in the tree at the tip of the log. A folder of a hundred is looked up once."""

    def __init__(self, read: Read, tip: str) -> None:
        self._read = read
        self._tip = tip
        self._where: tuple[str, ...] = ()
        self._here: dict[str, str] = {}

    def take(self, index: int) -> tuple[LogEntry, Tree, str]:
        """Return entry `index`, its bundle and the ID of its folder. Raises `Refused`."""
        *where, name = folder(index)
        if tuple(where) != self._where:
            found = lookup(self._read, self._tip, tuple(where))
            entries = parse_tree(self._read(found, "tree")) if found else []
            self._here = {entry.name: entry.id for entry in entries if entry.mode == FOLDER_MODE}
            self._where = tuple(where)
        body = self._here.get(name)
        if body is None:
            raise Refused(f"entry {index} is missing from the gate log")
        entry, bundle = split_files(read_flat(self._read, body))
        if entry.index != index:
            raise Refused(f"entry {index} of the gate log says that it is entry {entry.index}")
        return entry, bundle, body


class LogReader:
    """Reads consecutive entries. Each refusal concerns one entry; the next call goes on from what is stored."""

    def __init__(self, read: Read, tip: str, fingerprint: str) -> None:
        self._read = read
        self._shelves = Shelves(read, tip)
        self._fingerprint = fingerprint
        self._tree: str | None = None
        self._folders: LogFolders | None = None
        self._head: Head | None = first_head(fingerprint)
        self._previous: LogEntry | None = None

    def begin_after(self, index: int, commit_id: str) -> None:
        """Stand behind entry `index`, which somebody else checks."""
        self._head = None
        try:
            self._previous, _, _ = self._shelves.take(index)
            self._tree = parse_commit(self._read(commit_id, "commit")).tree
            self._resume(index)
        except Refused:
            self._head = None

    @property
    def frontier(self) -> Frontier | None:
        """The Merkle frontier that the log is believed to have here."""
        return self._head.frontier if self._head else None

    def take(self, index: int, commit_id: str, root: TrustRoot) -> tuple[LogEntry, Tree]:
        """Check the log commit at `index`, made under `root`, and return its entry and bundle. Raises `Refused`."""
        before, self._tree = self._tree, None
        folders, self._folders, head, self._head = self._folders, None, self._head, None
        previous, self._previous = self._previous, None
        commit = parse_commit(self._read(commit_id, "commit"))
        self._tree = commit.tree
        entry, bundle, body = self._shelves.take(index)
        self._previous = entry
        check_gate_commit(commit, entry.time, root.gate_keys)
        if commit.message != entry.message:
            raise AuditFailed("the commit of the gate log does not say what its entry says")
        if index and previous and entry.previous != previous.digest:
            raise AuditFailed("the chain is broken", why="the entry does not name the digest of the entry before it")
        if index and previous and entry.time < previous.time:
            raise AuditFailed("the entry is older than the entry before it")
        if index and before and (folders is None or head is None):
            folders, head = self._stored(index - 1, before)
        if index == 0:
            folders, head = LogFolders(), first_head(self._fingerprint)
        if folders and head:
            self._check_tree(commit.tree, folders.with_entry(index, body), head.after(entry, bundle), root)
        return entry, bundle

    def _check_tree(self, tree: str, folders: LogFolders, head: Head, root: TrustRoot) -> None:
        """The tree of a log commit is the tree before, one folder, and its head: more or less is tampering."""
        blobs = {entry.name: entry.id for entry in parse_tree(self._read(tree, "tree"))}
        expected = {
            CHECKPOINT_FILE: blobs.get(CHECKPOINT_FILE, ""),
            FRONTIER_FILE: object_id("blob", head.frontier.content),
            ROOT_FILE: object_id("blob", head.root),
        }
        if not blobs.get(CHECKPOINT_FILE) or object_id("tree", log_tree(folders.tree_id, expected)) != tree:
            raise AuditFailed("the commit changes more of the gate log than its own entry and the head of the log")
        # What was computed is there as well, and under its own name: git shows it to whoever looks at an old entry.
        for name in folders.ids:
            self._read(name, "tree")
        for name in (expected[FRONTIER_FILE], expected[ROOT_FILE]):
            self._read(name, "blob")
        note = parse_note(self._read(expected[CHECKPOINT_FILE], "blob"))
        if note.checkpoint != head.checkpoint or len(note.marks) != 1:
            raise AuditFailed("the checkpoint is not of the entries up to here")
        check_signed(note, root.gate_keys)
        self._folders, self._head = folders, head

    def _stored(self, index: int, tree: str) -> tuple[LogFolders, Head]:
        return LogFolders.read(self._read, tree, index), read_head(
            self._read, tree, index + 1, origin_of(self._fingerprint)
        )

    def _resume(self, index: int) -> None:
        assert self._tree is not None
        self._folders, self._head = self._stored(index, self._tree)


def stored_root(bundle: Tree) -> bytes:
    """Return the trust root in the bundle of entry 0. Raises `AuditFailed` when it holds anything else."""
    if set(bundle) != {ROOT_FILE}:
        raise AuditFailed("the gate log does not begin with a trust root")
    return bundle[ROOT_FILE].content
