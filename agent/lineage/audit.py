"""The audit: does this clone prove what it claims? Trusts nothing but the fingerprint it is given.

    1. Nothing in the clone makes git show another history than the one that is read here.
    2. There is one gate log. It is linear, every commit in it is signed by the gate, its entries are chained by
       SHA-256, and its trees hold exactly the entries. Entry 0 holds the trust root with the given fingerprint.
    3. Every decision checks: signatures, statements, diff, manifest, verdict and reviews (`audit_entry`).
    4. Every branch of the workspace, and what is checked out, is a commit that the log records; none is missing.

Reads objects through dulwich, executes nothing from the repository, honours no configuration of it, and loads neither
GitPython nor docker, anthropic or scipy. The result is a list of findings, each with a commit and a reason: an auditor
wants all reasons, not the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.candidate import Evidence
from agent.digest import is_digest
from agent.edits.tree import Tree
from agent.errors import AuditFailed, Misuse, Refused
from agent.gate.dossier import EVIDENCE
from agent.gate.review import BRANCH_PREFIX
from agent.gate.trust import TrustRoot, parse_root
from agent.lineage.audit_disguise import is_protected
from agent.lineage.audit_entry import Decided, Moment, check_decision, guarded
from agent.lineage.audit_git import Branch, Clone, printable
from agent.lineage.gate_log import (
    LOG_BRANCH,
    MAX_ENTRIES,
    ROOT_FILE,
    LogEntry,
    entry_files,
    folder,
    graft,
    last_index,
    read_entry,
)
from agent.lineage.objects import NewObjects, check_gate_commit, parse_commit


@dataclass(frozen=True)
class Finding:
    """One reason why the history does not prove what it claims."""

    slug: str
    """Short stable name of the kind of finding, such as `replace-ref`."""
    where: str
    """The commit, as 40 hexadecimal digits, or what else the finding is about."""
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass
class AuditReport:
    """What an audit found. `notes` do not fail it: things an auditor should know."""

    path: str
    root: str
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    entries: int = 0
    successors: int = 0
    rejections: int = 0

    @property
    def ok(self) -> bool:
        """Whether the history proves what it claims."""
        return not self.findings

    def demand(self) -> None:
        """Raise `AuditFailed` with the first finding unless `ok`."""
        if self.findings:
            more = f" (and {len(self.findings) - 1} more)" if len(self.findings) > 1 else ""
            raise AuditFailed(f"the audit failed{more}", why=str(self.findings[0]))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        return {
            "ok": self.ok,
            "path": self.path,
            "root": self.root,
            "entries": self.entries,
            "successors": self.successors,
            "rejections": self.rejections,
            "findings": [vars(finding) for finding in self.findings],
            "notes": list(self.notes),
        }


def audit(path: Path, root: str) -> AuditReport:
    """Audit a clone, a bare clone or a workspace against the trust root with the fingerprint `root` (`sha256:...`).

    Raises `Misuse` when `path` is not a repository or `root` not a fingerprint; everything else is in the report.
    """
    if not is_digest(root):
        raise Misuse("the root is not a fingerprint", why="expected sha256: and 64 hexadecimal digits, in lower case")
    report = AuditReport(str(path), root)
    clone = Clone.open(path)
    try:
        _Audit(clone, report).run()
    except Refused as error:
        report.findings.append(Finding("unreadable", "repository", str(error)))
    finally:
        clone.close()
    return report


class _Audit:
    """One pass over one clone."""

    def __init__(self, clone: Clone, report: AuditReport) -> None:
        self._clone = clone
        self._report = report
        self._decided = Decided(clone.read)
        self._reduced: list[str] = []

    def run(self) -> None:
        for slug, reason in self._clone.distortions():
            self._find(slug, "repository", reason)
        branches = self._clone.branches()
        if self._report.findings:
            return
        chain = self._chain(branches)
        if chain and self._entries(chain):
            self._branches(branches)

    def _find(self, slug: str, where: str, reason: str) -> None:
        self._report.findings.append(Finding(slug, where, reason))

    def _chain(self, branches: tuple[Branch, ...]) -> list[str]:
        """Return the commits of the gate log from the first to the last, or nothing when there is no one log."""
        tips = [branch for branch in branches if branch.name == LOG_BRANCH]
        if not tips:
            self._find("no-log", "repository", f"there is no branch {LOG_BRANCH}: nothing is proven")
            return []
        chains = [(branch, self._line(branch.commit)) for branch in tips]
        longest = max((chain for _, chain in chains), key=len)
        for branch, chain in chains:
            if chain != longest[: len(chain)]:
                self._find("log-forked", branch.commit, f"{branch} is not on one line with the other gate logs here")
        return longest if not self._report.findings else []

    def _line(self, tip: str) -> list[str]:
        line: list[str] = []
        here: str | None = tip
        while here is not None:
            commit = parse_commit(self._clone.read(here, "commit"))
            if len(commit.parents) > 1:
                raise AuditFailed(f"{here} in the gate log is a merge", why="the log must be linear")
            line.append(here)
            here = commit.parents[0] if commit.parents else None
            if len(line) > MAX_ENTRIES:
                raise AuditFailed("the gate log is too long")
        return line[::-1]

    def _entries(self, chain: list[str]) -> bool:
        """Check the log from its first entry; return whether there is a trust root to check the rest against."""
        read = self._clone.read
        tip = parse_commit(read(chain[-1], "commit")).tree
        found = last_index(read, tip) + 1
        if found != len(chain):
            self._find("log-chain", chain[-1], f"the gate log holds {found} entries in {len(chain)} commits")
        step = _LogStep(self._decided, tip, self._report.root)
        for index, commit_id in enumerate(chain):
            try:
                entry = guarded(lambda i=index, c=commit_id: step.take(i, c))  # type: ignore[misc]  # bound at once
            except Refused as error:
                self._find("log-entry", commit_id, f"gate-log entry {index}: {error}")
                if step.root is None:
                    return False
                continue
            self._count(entry)
            if entry.kind == "genesis":
                self._genesis(entry, step)
            else:
                self._decision(entry, step)
        self._weak_walls()
        return True

    def _count(self, entry: LogEntry) -> None:
        self._report.entries += 1
        self._report.successors += entry.kind == "successor"
        self._report.rejections += entry.kind in ("rejected", "denied")

    def _genesis(self, entry: LogEntry, step: _LogStep) -> None:
        try:
            parents = guarded(lambda: self._decided.begin(entry))
        except Refused as error:
            self._find("genesis", entry.commit or "", str(error))
            return
        if parents:
            self._report.notes.append(f"history before the first generation {entry.commit} is not vouched for")
        for name in step.root.demo_persons if step.root else ():
            self._report.notes.append(
                f"{name} signs with a demonstration key: its signatures prove nothing about a person"
            )

    def _decision(self, entry: LogEntry, step: _LogStep) -> None:
        root, bundle = step.root, step.bundle
        if root is None:
            return
        try:
            guarded(lambda: check_decision(self._decided, entry, bundle, Moment(root, self._report.root)))
        except Refused as error:
            self._find(entry.kind, entry.commit or entry.bundle, f"{entry.kind} {entry.candidate}: {error}")
            return
        evidence = Evidence.model_validate_json(bundle[EVIDENCE].content)
        if entry.kind == "successor" and evidence.sandbox.level == "reduced":
            self._reduced.append(f"{entry.candidate} ({printable(evidence.sandbox.backend)})")

    def _weak_walls(self) -> None:
        """What was measured behind a weaker wall is no fault of the history, but an auditor is told."""
        if self._reduced:
            names = ", ".join(self._reduced[:20]) + " …" * (len(self._reduced) > 20)
            self._report.notes.append(f"measured in a sandbox of level reduced: {names}")

    def _branches(self, branches: tuple[Branch, ...]) -> None:
        recorded, commits = self._decided.branches, self._decided.commits
        allowed = commits | {branch.commit for branch in branches if branch.name == LOG_BRANCH}
        outside = []
        for branch in branches:
            if branch.name.casefold().startswith(BRANCH_PREFIX) and recorded.get(branch.name) != branch.commit:
                self._find(
                    "outside", branch.commit, f"{branch} is not the successor that the gate log records by that name"
                )
            elif (branch.name == "HEAD" or is_protected(branch.name)) and branch.commit not in allowed:
                self._find("outside", branch.commit, f"{branch} holds a commit that the gate log does not record")
            elif branch.commit not in allowed:
                outside.append(str(branch))
        for missing in sorted(recorded.keys() - {branch.name for branch in branches}):
            self._find(
                "missing-branch", recorded[missing], f"the branch {missing} that the gate log records is not here"
            )
        head = self._clone.head()
        if head is not None and head not in commits:
            self._find("head", head, "what is checked out is not a commit that the gate log records")
        outside += [name for name in self._clone.others() if not name.startswith("refs/replace/")]
        if outside:
            self._report.notes.append(f"not part of the record, and not checked: {', '.join(outside[:20])}")


class _LogStep:
    """The gate log up to one entry: what the next one must continue."""

    def __init__(self, decided: Decided, tip: str, fingerprint: str) -> None:
        self._read = decided.read
        self._tip = tip
        self._fingerprint = fingerprint
        self._tree: str | None = None
        self._previous: LogEntry | None = None
        self.root: TrustRoot | None = None
        self.bundle = Tree({})

    def take(self, index: int, commit_id: str) -> LogEntry:
        """Check the log commit at `index` and return its entry. Raises `Refused`; the next call goes on from here."""
        before, self._tree = self._tree, None
        commit = parse_commit(self._read(commit_id, "commit"))
        self._tree = commit.tree
        previous, self._previous = self._previous, None
        entry, self.bundle = read_entry(self._read, self._tip, index)
        self._previous = entry
        if index == 0:
            self.root = self._given_root()
        assert self.root is not None, "an audit ends at the first entry when that holds no root"
        check_gate_commit(commit, entry.time, self.root.gate_keys)
        if commit.message != entry.message:
            raise AuditFailed("the commit of the gate log does not say what its entry says")
        if index and previous and entry.previous != previous.digest:
            raise AuditFailed("the chain is broken", why="the entry does not name the digest of the entry before it")
        if index and previous and entry.time < previous.time:
            raise AuditFailed("the entry is older than the entry before it")
        if index == 0 or before:
            self._check_tree(before, entry, commit.tree)
        return entry

    def _given_root(self) -> TrustRoot:
        if set(self.bundle) != {ROOT_FILE}:
            raise AuditFailed("the gate log does not begin with a trust root")
        root = parse_root(self.bundle[ROOT_FILE].content)
        if root.fingerprint != self._fingerprint:
            raise AuditFailed(
                "the trust root is not the one you gave", why=f"the gate log begins with {root.fingerprint}"
            )
        return root

    def _check_tree(self, before: str | None, entry: LogEntry, tree: str) -> None:
        """The tree of a log commit is the tree before plus this entry's folder: anything more or less is tampering."""
        objects = NewObjects()
        body = objects.add_tree(entry_files(entry, self.bundle))
        if graft(objects, self._read, before, folder(entry.index), body) != tree:
            raise AuditFailed("the commit changes more of the gate log than its own entry")
