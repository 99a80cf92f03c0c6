"""What an audit says: findings, notes and figures, as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agent.errors import AuditFailed
from agent.lineage.gate_log import LogEntry


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason why the history does not prove what it claims."""

    slug: str
    """Short stable name of the kind of finding, such as `replace-ref`."""
    where: str
    """The commit, as 40 hexadecimal digits, or what else the finding is about."""
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the log, as an auditor's report lists it. `revoked` follows from entries after it."""

    index: int
    kind: str
    candidate: str
    commit: str
    time: int
    by: tuple[str, ...]
    reason: str


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
    revoked: list[str] = field(default_factory=list)
    """Successors that were revoked, or descend from one that was."""
    checkpoint: str = ""
    """The note at the end of the log: what to remember for the next audit."""
    judged: list[tuple[LogEntry, tuple[tuple[str, str], ...]]] = field(default_factory=list)
    """Decisions that another policy denies, with the rules and their reasons, where one was given."""
    lines: list[Line] = field(default_factory=list)
    """Filled only where a report of every entry was asked for."""

    @property
    def ok(self) -> bool:
        """Whether the history proves what it claims."""
        return not self.findings

    def demand(self) -> None:
        """Raise `AuditFailed` with the first finding unless `ok`."""
        if self.findings:
            more = f" (and {len(self.findings) - 1} more)" if len(self.findings) > 1 else ""
            raise AuditFailed(f"the audit failed{more}", why=str(self.findings[0]))

    def find(self, slug: str, where: str, reason: str) -> None:
        """Add a finding."""
        self.findings.append(Finding(slug, where, reason))

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        return {
            "ok": self.ok,
            "path": self.path,
            "root": self.root,
            "entries": self.entries,
            "successors": self.successors,
            "rejections": self.rejections,
            "revoked": list(self.revoked),
            "checkpoint": self.checkpoint,
            "findings": [{"slug": found.slug, "where": found.where, "reason": found.reason} for found in self.findings],
            "notes": list(self.notes),
        }
