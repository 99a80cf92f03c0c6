r"""The gate log: one commit for each decision on the linear, gate-signed branch `gate-log`.

Layout of its tree. Entry 12 lives in `entries/00/00/12/`; every folder has at most a hundred names, so that neither a
commit nor an audit grows with the length of the log:

    checkpoint                                      the head of the log, signed as a C2SP checkpoint (`agent.gate.note`)
    frontier                                        what it takes to continue its Merkle tree (`agent.lineage.merkle`)
    root.json                                       the trust root in force for the next entry
    entries/00/00/12/entry.json                     the decision (`LogEntry`)
    entries/00/00/12/bundle                         its bundle in one file (`agent.lineage.bundle_file`): the files of
                                                    the dossier and the reviews; of the genesis, the trust root

An entry names the digest of the entry before it (`previous`) and of its own bundle (`Tree.digest` of the files in it).
The leaves of the Merkle tree are the stored bytes of the entries. The tree of each commit
is the tree before, plus one folder, with the three files at the top made anew, and nothing else: so an auditor computes
it from the entries. Pure: see `agent.lineage.objects`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from agent.candidate import Digest, GitId, Record
from agent.digest import canonical_json, sha256
from agent.edits.tree import File, Tree
from agent.errors import AuditFailed, Refused, UnsafeTree
from agent.gate.note import Checkpoint, NoteSigner, sign_checkpoint
from agent.gate.review import CandidateId
from agent.gate.statement import parse_record
from agent.gate.trust import Name
from agent.lineage.bundle_file import BUNDLE_FILE, packed, unpacked
from agent.lineage.merkle import Frontier, leaf_hash, parse_frontier
from agent.lineage.objects import (
    FOLDER_MODE,
    Entry,
    Kind,
    NewObjects,
    Read,
    format_tree,
    gate_commit,
    parse_tree,
    read_tree,
)

LOG_BRANCH = "gate-log"
_OTHER_FORM = "it is entry.json and bundle and nothing else; a log made before 2026-12 has to be begun anew"
MAX_ENTRIES = 1_000_000
ENTRY_FILE = "entry.json"
ROOT_FILE = "root.json"

CHECKPOINT_FILE = "checkpoint"
FRONTIER_FILE = "frontier"
REVOCATION_FILE = "revocation.dsse.json"

EntryKind = Literal["genesis", "successor", "rejected", "denied", "revoked", "trust", "witnessed", "waived"]
"""The last four are no decisions about a candidate that waits: see `revocation`, `trust_change`, `note`, `waiver`."""


# What an entry of each kind names: candidate, base, commit, files.
_NAMED: Final[dict[str, tuple[bool, bool, bool, bool]]] = {
    "genesis": (False, False, True, True),
    "successor": (True, True, True, True),
    "rejected": (True, True, False, True),
    "denied": (True, True, False, True),
    "revoked": (True, False, False, True),
    "trust": (False, False, False, False),
    "witnessed": (False, False, False, False),
    "waived": (False, False, False, False),
}


class LogEntry(Record):
    """One decision. `commit` is the successor (or the genesis) commit; `tree` the manifest digest of the result.

    What is revoked is named by `candidate` and `tree`. A new trust root, a witnessed checkpoint and a waiver name no
    files. `time` is in seconds since 1970, UTC, and never goes back along the log. `by` names the people who decided;
    for a rejection without a signed review it is only what the operator claimed.
    """

    schema_: Literal["successor.log-entry/v1"] = Field(default="successor.log-entry/v1", alias="schema")
    index: Annotated[int, Field(ge=0, lt=MAX_ENTRIES)]
    kind: EntryKind
    previous: Digest | None
    time: Annotated[int, Field(ge=0, le=2**53)]
    bundle: Digest
    candidate: CandidateId | None
    base_commit: GitId | None
    commit: GitId | None
    tree: Digest | None
    by: tuple[Name, ...]
    reason: Annotated[str, Field(max_length=2000)]

    @model_validator(mode="after")
    def _sound(self) -> LogEntry:
        if (self.index == 0, self.previous is None) != (self.kind == "genesis",) * 2:
            raise ValueError("only the first entry is the genesis, and it has no previous entry")
        named = tuple(getattr(self, name) is not None for name in ("candidate", "base_commit", "commit", "tree"))
        if named != _NAMED[self.kind]:
            raise ValueError("an entry of this kind names other things, or fewer or more")
        return self

    @property
    def content(self) -> bytes:
        """The canonical bytes, as stored."""
        return canonical_json(self)

    @property
    def digest(self) -> str:
        """The digest that the next entry names."""
        return sha256(self.content)

    @property
    def message(self) -> str:
        """The whole message of the log commit: it says nothing that the entry does not."""
        about = self.candidate or self.commit or ""
        return f"{self.kind} {about}".rstrip() + f"\n\nEntry: {self.index}\nBundle: {self.bundle}\n"


def folder(index: int) -> tuple[str, str, str, str]:
    """Return where entry `index` lives, as the parts of its path."""
    digits = f"{index:06d}"
    return "entries", digits[0:2], digits[2:4], digits[4:6]


def parse_entry(content: bytes) -> LogEntry:
    """Read stored bytes of an entry, strictly. Raises `SignatureRefused`."""
    return parse_record(content, LogEntry, "the log entry")


def entry_files(entry: LogEntry, bundle: Tree) -> Tree:
    """Return the files of an entry's folder."""
    return Tree({BUNDLE_FILE: File(packed(bundle)), ENTRY_FILE: File(entry.content)})


def split_files(files: Tree) -> tuple[LogEntry, Tree]:
    """Return the entry in a folder and its bundle; raise `Refused` unless the entry names exactly that bundle."""
    if ENTRY_FILE not in files:
        raise Refused("the log entry is missing")
    if files.keys() != {ENTRY_FILE, BUNDLE_FILE} or any(file.executable for file in files.values()):
        raise Refused("an entry of the gate log is not in a form that is read here", why=_OTHER_FORM)
    entry = parse_entry(files[ENTRY_FILE].content)
    bundle = unpacked(files[BUNDLE_FILE].content)
    if bundle.digest != entry.bundle:
        raise Refused("the evidence beside the log entry is not the evidence that it names")
    return entry, bundle


def genesis_bundle(root: bytes) -> Tree:
    """Return the bundle of entry 0: the trust root as it is stored."""
    return Tree({ROOT_FILE: File(root)})


@dataclass(frozen=True, slots=True)
class Head:
    """Where a log stands: the frontier of its entries, and the stored bytes of the trust root in force."""

    origin: str
    frontier: Frontier
    root: bytes

    def after(self, entry: LogEntry, bundle: Tree) -> Head:
        """Return the head once `entry` was added."""
        root = bundle[ROOT_FILE].content if entry.kind in ("genesis", "trust") and ROOT_FILE in bundle else self.root
        return Head(self.origin, self.frontier.grown(leaf_hash(entry.content)), root)

    @property
    def checkpoint(self) -> Checkpoint:
        """What the gate signs about it."""
        return Checkpoint(self.origin, self.frontier.size, self.frontier.root)


def origin_of(fingerprint: str) -> str:
    """Return the name under which the gate log of a workspace is known to witnesses."""
    return f"gate-log.successor.invalid/{fingerprint.removeprefix('sha256:')}"


def first_head(fingerprint: str) -> Head:
    """Return the head of a log that holds nothing yet, of the workspace with that fingerprint."""
    return Head(origin_of(fingerprint), Frontier(), b"")


def read_head(read: Read, root: str, size: int, origin: str) -> Head:
    """Return the head that is stored in the log tree `root`, which holds `size` entries. Raises `Refused`."""
    frontier = parse_frontier(size, head_file(read, root, FRONTIER_FILE))
    return Head(origin, frontier, head_file(read, root, ROOT_FILE))


def head_file(read: Read, root: str, name: str) -> bytes:
    """Return the content of a file at the top of the log tree `root`. Raises `AuditFailed` when it is not there."""
    found = [entry for entry in parse_tree(read(root, "tree")) if entry.name == name and entry.mode == "100644"]
    if len(found) != 1:
        raise AuditFailed(f"the gate log has no {name}")
    return read(found[0].id, "blob")


def append(
    objects: NewObjects, read: Read, tip: tuple[str, str] | None, *, entry: LogEntry, bundle: Tree, gate: NoteSigner
) -> str:
    """Gather the log commit that records `entry` and return its ID. `tip` is commit and tree of the log so far."""
    parent, root = tip or (None, None)
    head = _head(read, root, entry, bundle).after(entry, bundle)
    body = objects.add_tree(entry_files(entry, bundle))
    entries = lookup(read, root, ("entries",)) if root else None
    files = {
        CHECKPOINT_FILE: sign_checkpoint(head.checkpoint, gate).content,
        FRONTIER_FILE: head.frontier.content,
        ROOT_FILE: head.root,
    }
    blobs = {name: objects.add("blob", content) for name, content in files.items()}
    tree = objects.add("tree", log_tree(graft(objects, read, entries, folder(entry.index)[1:], body), blobs))
    return objects.add("commit", gate_commit(tree, parent, entry.time, entry.message, gate))


def log_tree(entries: str, blobs: Mapping[str, str]) -> bytes:
    """Return the body of the log's tree: the folder `entries` and the files at the top, by the IDs of their blobs."""
    return format_tree(
        [Entry(FOLDER_MODE, "entries", entries), *(Entry("100644", name, blob) for name, blob in blobs.items())]
    )


def _head(read: Read, root: str | None, entry: LogEntry, bundle: Tree) -> Head:
    """The head of the log so far: nothing, or what its tree holds."""
    first = read_entry(read, root, 0)[1] if root else bundle
    fingerprint = sha256(first[ROOT_FILE].content if ROOT_FILE in first else b"")
    return read_head(read, root, entry.index, origin_of(fingerprint)) if root else first_head(fingerprint)


def graft(objects: NewObjects, read: Read, root: str | None, path: tuple[str, ...], body: str) -> str:
    """Gather the trees that put `body` at `path` of the tree `root`; raise `UnsafeTree` if something is there."""
    name, rest = path[0], path[1:]
    entries = {entry.name: entry for entry in parse_tree(_read_tree(objects, read, root))} if root else {}
    here = entries.get(name)
    if here is not None and (not rest or here.mode != FOLDER_MODE):
        raise UnsafeTree("the gate log cannot be continued", why=f"{name!a} is already there")
    child = graft(objects, read, here.id if here else None, rest, body) if rest else body
    entries[name] = Entry(FOLDER_MODE, name, child)
    return objects.add("tree", format_tree(entries.values()))


def lookup(read: Read, root: str, path: tuple[str, ...]) -> str | None:
    """Return the ID of the folder at `path` of the tree `root`, or `None`."""
    here: str | None = root
    for name in path:
        found = [entry for entry in parse_tree(read(here, "tree")) if entry.name == name] if here else []
        here = found[0].id if len(found) == 1 and found[0].mode == FOLDER_MODE else None
    return here


def last_index(read: Read, root: str) -> int:
    """Return the highest index in the log tree `root`. Raises `Refused` when it holds no entries."""
    digits, here = "", lookup(read, root, ("entries",))
    for _ in range(3):
        names = [entry.name for entry in parse_tree(read(here, "tree"))] if here else []
        if not names or not max(names).isascii() or not max(names).isdigit():
            raise Refused("the gate log holds no entries")
        digits += max(names)
        here = lookup(read, here, (max(names),)) if here else None
    return int(digits)


def read_entry(read: Read, root: str, index: int) -> tuple[LogEntry, Tree]:
    """Return entry `index` of the log tree `root` and its bundle. Raises `Refused` when they do not agree."""
    found = lookup(read, root, folder(index))
    if found is None:
        raise Refused(f"entry {index} is missing from the gate log")
    entry, bundle = split_files(read_tree(read, found))
    if entry.index != index:
        raise Refused(f"entry {index} of the gate log says that it is entry {entry.index}")
    return entry, bundle


def _read_tree(objects: NewObjects, read: Read, name: str) -> bytes:
    kind: Kind = "tree"
    made = objects.read(name)
    return made[1] if made else read(name, kind)
