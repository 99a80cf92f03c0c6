"""The audit of a part of the log, in a process of its own when the log is long: what concerns each entry alone.

What needs all entries together (twice decided, a base that nobody recorded, the Merkle root) is left to
`agent.lineage.audit_whole`, which takes the parts in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.candidate import Evidence
from agent.edits.tree import Tree
from agent.errors import Refused
from agent.gate.dossier import EVIDENCE, FACTS
from agent.gate.note import Note, parse_note
from agent.gate.rules import Bundle, load_bundle
from agent.gate.trust import TrustRoot, parse_root
from agent.gate.verdict import judge_document
from agent.gate.waiver import Waiver
from agent.lineage.audit_entry import (
    Archive,
    Decided,
    Moment,
    check_decision,
    check_genesis,
    check_revocation,
    check_waiver,
    guarded,
)
from agent.lineage.audit_git import Clone, printable
from agent.lineage.audit_log import LogReader
from agent.lineage.gate_log import CHECKPOINT_FILE, LogEntry
from agent.lineage.merkle import Frontier, leaf_hash
from agent.lineage.objects import Read
from agent.lineage.waivers import stored_waivers


@dataclass(frozen=True)
class Part:
    """Which entries to check: `commits` of the log from entry `first` on, after the commit `before` them."""

    folder: Path
    tip: str
    """The tree at the tip of the log."""
    workspace: str
    first: int
    before: str | None
    commits: tuple[str, ...]
    roots: tuple[tuple[int, bytes], ...]
    """Each trust root, and the first entry that is made under it."""
    law: tuple[tuple[str, bytes], ...] = ()
    """Another policy, by which all decisions are judged again; empty for none."""


@dataclass(slots=True)
class Seen:
    """What was found of one entry. `fault` is why it cannot be read, `wrong` why what it records is not proven."""

    index: int
    log_commit: str
    entry: LogEntry | None = None
    leaf: bytes = b""
    fault: str = ""
    wrong: str = ""
    decided: Decided | None = None
    revokes: str = ""
    parents: tuple[str, ...] = ()
    weak_wall: str = ""
    note: Note | None = None
    waiver: Waiver | None = None
    denials: tuple[tuple[str, str], ...] = field(default=())


@dataclass(slots=True)
class Checked:
    """What was found of a part, and where its first commit says that the log stood."""

    first: int
    start: Frontier | None
    seen: list[Seen]


def check_part(part: Part) -> Checked:
    """Check the entries of a part, in a clone that is opened for it."""
    clone = Clone.open(part.folder)
    try:
        return PartAudit(clone.read, part).run()
    finally:
        clone.close()


class PartAudit:
    """One pass over consecutive entries."""

    def __init__(self, read: Read, part: Part) -> None:
        self._part = part
        self._archive = Archive(read, stored_waivers(read, part.tip))
        self._log = LogReader(read, part.tip, part.workspace)
        self._roots = [(first, parse_root(content)) for first, content in part.roots]
        self._law = load_bundle(dict(part.law)) if part.law else None

    def run(self) -> Checked:
        """Check all entries, whatever is wrong with any of them."""
        if self._part.before is not None:
            self._log.begin_after(self._part.first - 1, self._part.before)
        start = self._log.frontier
        return Checked(self._part.first, start, list(self._seen()))

    def _seen(self) -> Iterator[Seen]:
        for index, commit in enumerate(self._part.commits, start=self._part.first):
            seen, root = Seen(index, commit), self._root(index)
            try:
                entry, bundle = guarded(lambda i=index, c=commit, r=root: self._log.take(i, c, r))  # type: ignore[misc]  # bound at once
            except Refused as error:
                seen.fault = str(error)
            else:
                seen.entry, seen.leaf = entry, leaf_hash(entry.content)
                self._decision(seen, entry, bundle, root)
            yield seen

    def _root(self, index: int) -> TrustRoot:
        return next(root for first, root in reversed(self._roots) if first <= index)

    def _decision(self, seen: Seen, entry: LogEntry, bundle: Tree, root: TrustRoot) -> None:
        try:
            guarded(lambda: self._check(seen, entry, bundle, Moment(root, self._part.workspace)))
        except Refused as error:
            seen.wrong = str(error)
        if entry.kind in ("successor", "rejected", "denied") and self._law and FACTS in bundle:
            seen.denials = judged_again(self._law, bundle[FACTS].content)

    def _check(self, seen: Seen, entry: LogEntry, bundle: Tree, moment: Moment) -> None:
        if entry.kind == "genesis":
            seen.parents = check_genesis(self._archive, entry)
        elif entry.kind == "revoked":
            seen.revokes = check_revocation(self._archive, entry, bundle, moment)
        elif entry.kind == "witnessed":
            seen.note = parse_note(bundle[CHECKPOINT_FILE].content)
        elif entry.kind == "waived":
            seen.waiver = check_waiver(self._archive, entry, bundle, moment)
        elif entry.kind != "trust":  # the roots were read before the parts were dealt out
            seen.decided = check_decision(self._archive, entry, bundle, moment)
            if entry.kind == "successor":
                seen.weak_wall = _weak_wall(entry, bundle[EVIDENCE].content)


def judged_again(law: Bundle, facts: bytes) -> tuple[tuple[str, str], ...]:
    """Return the rules of another law that deny these facts, each with its reason."""
    return tuple((result.id, result.reason) for result in judge_document(law, facts).denials)


def _weak_wall(entry: LogEntry, evidence: bytes) -> str:
    if b'"level":"reduced"' not in evidence:  # it was found canonical: there is no other spelling
        return ""
    sandbox = Evidence.model_validate_json(evidence).sandbox
    return f"{entry.candidate} ({printable(sandbox.backend)})" if sandbox.level == "reduced" else ""
