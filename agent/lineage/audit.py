"""The audit: does this clone prove what it claims? Trusts nothing but the fingerprint it is given.

    1. Nothing in the clone makes git show another history than the one that is read here.
    2. There is one gate log. It is linear, every commit in it is signed by the gate, its entries are chained by
       SHA-256, its trees hold exactly the entries, its checkpoints their Merkle roots. Entry 0 holds the trust root
       with the given fingerprint; a later root is signed by the one before it.
    3. Every decision checks: signatures, statements, diff, manifest, verdict and reviews (`audit_entry`, `audit_part`).
    4. The log as a whole: nothing decided twice, nothing built on what was revoked (`audit_whole`), and it continues
       the log that was remembered or witnessed.
    5. Every branch of the workspace, and what is checked out, is a commit that the log records; none is missing.

Reads objects through dulwich, executes nothing from the repository, honours no configuration of it, and loads neither
GitPython nor docker, anthropic or scipy. Long logs are checked in several processes. The result is a list of findings,
each with a commit and a reason: an auditor wants all reasons, not the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from agent.digest import is_digest
from agent.errors import Misuse, Refused
from agent.gate.note import Note, Verifier
from agent.gate.review import BRANCH_PREFIX
from agent.gate.trust import TrustRoot, parse_root
from agent.gate.trust_change import read_change
from agent.lineage.audit_bundle import opened
from agent.lineage.audit_disguise import is_protected
from agent.lineage.audit_entry import guarded
from agent.lineage.audit_git import Branch, Clone
from agent.lineage.audit_log import Shelves, stored_root
from agent.lineage.audit_part import Part
from agent.lineage.audit_processes import check_all
from agent.lineage.audit_report import AuditReport, Finding, Line
from agent.lineage.audit_whole import Whole
from agent.lineage.audit_witness import check_demanded, check_known
from agent.lineage.gate_log import CHECKPOINT_FILE, LOG_BRANCH, MAX_ENTRIES, head_file, last_index
from agent.lineage.objects import parse_commit

__all__ = ["AuditReport", "Finding", "Line", "Wish", "audit"]


@dataclass(frozen=True)
class Wish:
    """What an auditor asks for beyond the fingerprint."""

    seen: Note | None = None
    """The checkpoint at the end of the last audit: the log must continue it."""
    witnesses: tuple[Verifier, ...] = ()
    """Each of these must have cosigned a checkpoint of this log."""
    cosigned: tuple[Note, ...] = ()
    """Cosigned checkpoints that came by another way than the log."""
    law: tuple[tuple[str, bytes], ...] = ()
    """The files of another policy, by which all of history is judged as well."""
    every: bool = False
    """List every entry in the report."""
    processes: int = 0
    """How many to use; 0 for as many as there are processors."""
    demands: bool = True
    """Whether the witnesses that the root names must have cosigned. Not for a witness: it is whom that waits for."""


def audit(path: Path, root: str, wish: Wish | None = None) -> AuditReport:
    """Audit a clone, a bare clone, a mirror, a workspace or a bundle file against the trust root `root` (`sha256:...`).

    Raises `Misuse` when `path` is none of these or `root` not a fingerprint; everything else is in the report.
    """
    if not is_digest(root):
        raise Misuse("the root is not a fingerprint", why="expected sha256: and 64 hexadecimal digits, in lower case")
    report = AuditReport(str(path), root)
    with opened(path) as clone:
        try:
            _Audit(clone, report, wish or Wish()).run()
        except Refused as error:
            report.find("unreadable", "repository", str(error))
    return report


class _Audit:
    """One pass over one clone."""

    def __init__(self, clone: Clone, report: AuditReport, wish: Wish) -> None:
        self._clone = clone
        self._report = report
        self._wish = wish
        self._whole = Whole(report, every=wish.every)
        self._trusts: set[str] = set()
        """Commits of the gate log that say that the trust root changes."""
        self._known_roots: list[tuple[int, TrustRoot]] = []

    def run(self) -> None:
        for slug, reason in self._clone.distortions():
            self._report.find(slug, "repository", reason)
        branches = self._clone.branches()
        if self._report.findings:
            return
        chain = self._chain(branches)
        if chain and self._entries(chain):
            self._outside_views()
            self._branches(branches)

    def _chain(self, branches: tuple[Branch, ...]) -> list[str]:
        """Return the commits of the gate log from the first to the last, or nothing when there is no one log."""
        tips = [branch for branch in branches if branch.name == LOG_BRANCH]
        if not tips:
            self._report.find("no-log", "repository", f"there is no branch {LOG_BRANCH}: nothing is proven")
            return []
        lines: dict[str, list[str]] = {}
        for branch in tips:
            lines.setdefault(branch.commit, self._line(branch.commit))
        longest = max(lines.values(), key=len)
        for branch in tips:
            line = lines[branch.commit]
            if line != longest[: len(line)]:
                reason = f"{branch} is not on one line with the other gate logs here"
                self._report.find("log-forked", branch.commit, reason)
        return longest if not self._report.findings else []

    def _line(self, tip: str) -> list[str]:
        line: list[str] = []
        here: str | None = tip
        while here is not None:
            body = self._clone.read(here, "commit")
            head, _, message = body.partition(b"\n\n")
            parents = [line[7:] for line in head.split(b"\n") if line.startswith(b"parent ")]
            if len(parents) > 1:
                raise Refused(f"{here} in the gate log is a merge", why="the log must be linear")
            line.append(here)
            if message.startswith(b"trust\n\nEntry: "):
                self._trusts.add(here)
            here = parents[0].decode("ascii", "replace") if parents else None
            if len(line) > MAX_ENTRIES:
                raise Refused("the gate log is too long")
        return line[::-1]

    def _entries(self, chain: list[str]) -> bool:
        """Check the log from its first entry; return whether there is a trust root to check the rest against."""
        read = self._clone.read
        tip = parse_commit(read(chain[-1], "commit")).tree
        found = last_index(read, tip) + 1
        if found != len(chain):
            self._report.find("log-chain", chain[-1], f"the gate log holds {found} entries in {len(chain)} commits")
        roots = self._roots(chain, tip)
        if not roots:
            return False
        self._known_roots = roots
        part = Part(self._clone.folder, tip, self._report.root, 0, None, tuple(chain), _contents(roots), self._wish.law)
        for checked in check_all(read, part, self._wish.processes):
            self._whole.take(checked)
        self._whole.close()
        self._report.judged = self._whole.judged
        self._report.checkpoint = head_file(read, tip, CHECKPOINT_FILE).decode("utf-8", "replace")
        demo = sorted({name for _, root in roots for name in root.demo_persons})
        self._report.notes += [
            f"{name} signs with a demonstration key: its signatures prove nothing about a person" for name in demo
        ]
        return True

    def _roots(self, chain: list[str], tip: str) -> list[tuple[int, TrustRoot]]:
        """Return the trust roots, each with the first entry that is made under it; none when the first is not ours."""
        shelves = Shelves(self._clone.read, tip)
        try:
            roots = [(0, guarded(lambda: self._given_root(shelves)))]
        except Refused as error:
            self._report.find("log-entry", chain[0], f"gate-log entry 0: {error}")
            return []
        for index in self._changes(chain):
            try:
                roots.append((index + 1, guarded(lambda i=index: _next_root(shelves, i, roots, self._report.root))))  # type: ignore[misc]  # bound at once
            except Refused as error:
                self._report.find("trust", chain[index], f"gate-log entry {index}: {error}")
        return roots

    def _given_root(self, shelves: Shelves) -> TrustRoot:
        root = parse_root(stored_root(shelves.take(0)[1]))
        if root.fingerprint != self._report.root:
            raise Refused("the trust root is not the one you gave", why=f"the gate log begins with {root.fingerprint}")
        return root

    def _changes(self, chain: list[str]) -> Iterable[int]:
        """Where the log says that the trust root changes; that it says so truly is checked with each entry."""
        return (index for index, commit in enumerate(chain) if commit in self._trusts)

    def _outside_views(self) -> None:
        """Hold the log against what was seen of it elsewhere: by this auditor before, and by witnesses."""
        wish, most = self._wish, self._report.entries
        known = [("remembered", note) for note in ([wish.seen] if wish.seen else [])]
        for what, note in (*known, *(("cosigned", note) for note in wish.cosigned)):
            try:
                self._whole.check_root(note, most)
            except Refused as error:
                self._report.find(f"{what}-checkpoint", "repository", str(error))
        notes = (*self._whole.witnessed, *wish.cosigned)
        check_known(self._report, notes, wish.witnesses)
        if wish.demands:
            check_demanded(self._report, notes, self._known_roots)

    def _branches(self, branches: tuple[Branch, ...]) -> None:
        recorded, commits = self._whole.recorded.branches, self._whole.recorded.commits
        allowed = commits | {branch.commit for branch in branches if branch.name == LOG_BRANCH}
        outside = []
        for branch in branches:
            if branch.name.casefold().startswith(BRANCH_PREFIX) and recorded.get(branch.name) != branch.commit:
                reason = f"{branch} is not the successor that the gate log records by that name"
                self._report.find("outside", branch.commit, reason)
            elif (branch.name == "HEAD" or is_protected(branch.name)) and branch.commit not in allowed:
                reason = f"{branch} holds a commit that the gate log does not record"
                self._report.find("outside", branch.commit, reason)
            elif branch.commit not in allowed:
                outside.append(str(branch))
        for missing in sorted(recorded.keys() - {branch.name for branch in branches}):
            reason = f"the branch {missing} that the gate log records is not here"
            self._report.find("missing-branch", recorded[missing], reason)
        self._checked_out(commits)
        outside += [name for name in self._clone.others() if not name.startswith("refs/replace/")]
        if outside:
            self._report.notes.append(f"not part of the record, and not checked: {', '.join(outside[:20])}")

    def _checked_out(self, commits: set[str]) -> None:
        head, revoked = self._clone.head(), self._whole.recorded.revoked
        if head is not None and head not in commits:
            self._report.find("head", head, "what is checked out is not a commit that the gate log records")
        if head in revoked:
            self._report.notes.append(f"what is checked out, {revoked[head]}, was revoked")
        if revoked:
            names = ", ".join(self._report.revoked[:20]) + " …" * (len(revoked) > 20)
            self._report.notes.append(f"revoked: {names}")


def _contents(roots: list[tuple[int, TrustRoot]]) -> tuple[tuple[int, bytes], ...]:
    return tuple((first, root.content) for first, root in roots)


def _next_root(shelves: Shelves, index: int, roots: list[tuple[int, TrustRoot]], workspace: str) -> TrustRoot:
    entry, bundle, _ = shelves.take(index)
    root, names = read_change({name: file.content for name, file in bundle.items()}, roots[-1][1], workspace)
    if names != entry.by:
        raise Refused("the gate log names other people than those who signed the new trust root")
    return root
