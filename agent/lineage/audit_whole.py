"""The audit of the log as a whole: its parts taken in order, and what no entry shows alone.

Nothing is decided twice, no review counts twice, every base was recorded before and not revoked, and the Merkle roots
that were signed, witnessed and remembered are those of the entries that are there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from agent.errors import AuditFailed
from agent.gate.note import Note
from agent.gate.waiver import Waiver
from agent.lineage.audit_entry import Decided
from agent.lineage.audit_part import Checked, Seen
from agent.lineage.audit_report import AuditReport, Line
from agent.lineage.audit_waiver import Used
from agent.lineage.gate_log import LogEntry, origin_of
from agent.lineage.merkle import Frontier


@dataclass
class Recorded:
    """What the log has recorded so far."""

    commits: set[str] = field(default_factory=set)
    branches: dict[str, str] = field(default_factory=dict)
    revoked: dict[str, str] = field(default_factory=dict)
    """Commits that are revoked, directly or by descent, and the candidate each belongs to."""
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Commit and manifest of each successor, by its candidate."""
    _candidates: set[str] = field(default_factory=set)
    _denied: dict[str, int] = field(default_factory=dict)
    """Candidates that were denied and not decided since, and where: a waiver recorded later may open one again."""
    _waived: set[str] = field(default_factory=set)
    _waivers: dict[int, int] = field(default_factory=dict)
    """How many successors rest on each waiver, by its entry."""
    _nonces: set[str] = field(default_factory=set)
    _looks: dict[tuple[tuple[str, ...], int], str] = field(default_factory=dict)
    """Which candidate was the how manieth that was shown to these held-out tasks."""
    _deep: dict[str, str] = field(default_factory=dict)
    """For each generation the last deep review, itself included; for none after what was not proven."""
    _children: dict[str, list[str]] = field(default_factory=dict)
    _names: dict[str, str] = field(default_factory=dict)

    def begin(self, commit: str) -> None:
        """Record the first generation."""
        self.commits.add(commit)
        self._deep[commit] = commit

    def decide(self, entry: LogEntry, waived: int | None = None) -> None:
        """Record a decision, once; one bad decision is not reported again for all after it. Raises `AuditFailed`.

        `waived` is the newest waiver that its verdict names: what was denied before that may be decided again.
        """
        candidate, commit, base = entry.candidate or "", entry.commit, entry.base_commit or ""
        base_known, base_revoked = base in self.commits, base in self.revoked
        twice = candidate in self._candidates or (commit is not None and commit in self.commits)
        denied = self._denied.pop(candidate, None)
        if denied is not None and waived is not None and denied < waived:
            twice = commit is not None and commit in self.commits
        elif entry.kind == "denied" and not twice:
            self._denied[candidate] = entry.index
        self._candidates.add(candidate)
        if commit is not None:
            self.commits.add(commit)
            self.branches.setdefault(f"successor/{candidate}", commit)
            self.files.setdefault(candidate, (commit, entry.tree or ""))
            self._children.setdefault(base, []).append(commit)
            self._names.setdefault(commit, candidate)
        if twice:
            raise AuditFailed("the gate log decides on it twice")
        if not base_known:
            raise AuditFailed("its base is not a commit that the gate log recorded before", why=base)
        if base_revoked and commit is not None:
            raise AuditFailed("its base was revoked before", why=base)

    def spend(self, nonce: str) -> None:
        """Record that a request for review was answered. Raises `AuditFailed` when it was answered before."""
        if nonce in self._nonces:
            raise AuditFailed("a review was used twice", why="another entry answers the same request of the gate")
        self._nonces.add(nonce)

    def test(self, candidate: str, looks: tuple[tuple[str, ...], int]) -> None:
        """Record a test on held-out tasks. Raises `AuditFailed` when looks were counted anew meanwhile.

        All looks that are ever taken at these tasks share one error: two candidates at the same one took it twice.
        Tests are recorded as they are decided, so the numbers need not rise.
        """
        before = self._looks.setdefault(looks, candidate)
        if before != candidate:
            raise AuditFailed("looks at held-out tasks were counted anew", why=f"{before} had look {looks[1]} as well")

    def look(self, entry: LogEntry, since: tuple[str | None, ...]) -> None:
        """Record since which generation each who approved a successor looked at everything, if they did.

        Raises `AuditFailed` when one did not begin at the last deep review (`agent.lineage.deep`).
        """
        base, commit = entry.base_commit or "", entry.commit or ""
        last = self._deep.get(base)
        if all(since):
            self._deep.setdefault(commit, commit)
        elif last is not None:
            self._deep.setdefault(commit, last)
        wrong = next((each for each in since if last is not None and each is not None and each != last), None)
        if wrong is not None:
            why = f"it looked at the way since {wrong}, and the last deep review was at {last}"
            raise AuditFailed("a review that is called deep is not of the whole way", why=why)

    def waive(self, nonce: str) -> None:
        """Record that a waiver was recorded. Raises `AuditFailed` when it was before."""
        if nonce in self._waived:
            raise AuditFailed("a waiver was recorded twice", why="another entry holds what was signed once")
        self._waived.add(nonce)

    def use(self, used: Used) -> None:
        """Record that a successor rests on a waiver. Raises `AuditFailed` when as many did as may."""
        self._waivers[used.entry] = self._waivers.get(used.entry, 0) + 1
        if self._waivers[used.entry] > used.decisions:
            raise AuditFailed(
                f"the waiver of entry {used.entry} was used up", why=f"{used.decisions} successor(s) may rest on it"
            )

    def revoke(self, entry: LogEntry, commit: str) -> None:
        """Mark a successor and what descends from it. Raises `AuditFailed` when the log recorded no such successor."""
        if self.files.get(entry.candidate or "") != (commit, entry.tree):
            raise AuditFailed("it revokes what the gate log did not record as a successor")
        if commit in self.revoked:
            raise AuditFailed("it was revoked before")
        waiting = [commit]
        while waiting:
            here = waiting.pop()
            if here not in self.revoked:
                self.revoked[here] = self._names[here]
                waiting += self._children.get(here, ())


class Whole:
    """Takes what was found of each part, in order."""

    def __init__(self, report: AuditReport, *, every: bool) -> None:
        self.recorded = Recorded()
        self.roots: list[bytes] = []
        """The Merkle root after each entry, as far as all entries could be read."""
        self.judged: list[tuple[LogEntry, tuple[tuple[str, str], ...]]] = []
        self._report = report
        self._every = every
        self._frontier: Frontier | None = Frontier()
        self._weak: list[str] = []
        self._waived: list[str] = []
        self._witnessed: list[tuple[Note, Seen]] = []

    def take(self, checked: Checked) -> None:
        """Add one part."""
        start, here = checked.start, self._frontier
        if start is not None and here is not None and start != here:
            self._report.find(
                "checkpoint", checked.seen[0].log_commit, f"the log says that entry {checked.first} follows others"
            )
        for seen in checked.seen:
            self._take(seen)

    def _take(self, seen: Seen) -> None:
        entry = seen.entry
        if entry is None:
            self._report.find("log-entry", seen.log_commit, f"gate-log entry {seen.index}: {seen.fault}")
            self._frontier = None
            return
        if self._frontier is not None:
            self._frontier = self._frontier.grown(seen.leaf)
            self.roots.append(self._frontier.root)
        self._count(entry)
        if seen.weak_wall:
            self._weak.append(seen.weak_wall)
        if seen.denials:
            self.judged.append((entry, seen.denials))
        try:
            self._place(seen, entry)
        except AuditFailed as error:
            about = f" {entry.candidate}" if entry.candidate else ""
            said = str(error) if entry.kind == "genesis" else f"{entry.kind}{about}: {error}"
            self._report.find(entry.kind, entry.commit or seen.log_commit, said)

    def _count(self, entry: LogEntry) -> None:
        report = self._report
        report.entries += 1
        report.successors += entry.kind == "successor"
        report.rejections += entry.kind in ("rejected", "denied")
        if self._every:
            report.lines.append(
                Line(
                    entry.index,
                    entry.kind,
                    entry.candidate or "",
                    entry.commit or "",
                    entry.time,
                    entry.by,
                    entry.reason,
                )
            )

    def _place(self, seen: Seen, entry: LogEntry) -> None:
        """Put one entry in its place among all. Raises `AuditFailed` with what is wrong, the gravest first."""
        if entry.kind == "genesis":
            self.recorded.begin(entry.commit or "")
            if seen.parents:
                self._report.notes.append(f"history before the first generation {entry.commit} is not vouched for")
        elif entry.candidate is not None and entry.kind != "revoked":
            self.recorded.decide(entry, max(seen.decided.waived, default=None) if seen.decided else None)
        if seen.wrong:
            raise AuditFailed(seen.wrong)
        if seen.decided is not None:
            self._take_decided(seen.decided, entry)
        if entry.kind == "revoked":
            self.recorded.revoke(entry, seen.revokes)
        if seen.waiver is not None:
            self._waive(seen.waiver)
        if seen.note is not None:
            self.check_root(seen.note, seen.index)
            self._witnessed.append((seen.note, seen))

    def _take_decided(self, decided: Decided, entry: LogEntry) -> None:
        self.recorded.spend(decided.nonce)
        if decided.looks is not None:
            self.recorded.test(entry.candidate or "", decided.looks)
        if entry.kind == "successor":
            self.recorded.look(entry, decided.since)
        for used in decided.rests_on:
            self.recorded.use(used)
            self._waived.append(f"{entry.candidate} ({', '.join(used.rules)}, entry {used.entry})")

    def _waive(self, waiver: Waiver) -> None:
        """Raise `AuditFailed` for a waiver recorded twice, or of a law of no generation that was recorded before."""
        self.recorded.waive(waiver.nonce)
        if waiver.base_commit not in self.recorded.commits:
            raise AuditFailed("its base is not a commit that the gate log recorded before", why=waiver.base_commit)

    def check_root(self, note: Note, most: int) -> None:
        """Raise `AuditFailed` unless a checkpoint, of at most `most` entries, is of a beginning of this very log."""
        point = note.checkpoint
        if point.origin != origin_of(self._report.root):
            raise AuditFailed("the checkpoint is of another log", why=point.origin)
        if point.size > most:
            raise AuditFailed("the log is shorter than it was", why=f"{point.size} entries were seen; there are {most}")
        if not point.size or (point.size <= len(self.roots) and self.roots[point.size - 1] != point.root):
            raise AuditFailed("the log is not the one that was seen", why=f"its first {point.size} entries are others")
        if point.size > len(self.roots):
            raise AuditFailed("the checkpoint cannot be compared", why="not all entries before it can be read")

    @property
    def witnessed(self) -> Iterable[Note]:
        """The witnessed checkpoints in the log that agree with it, newest last."""
        return [note for note, _ in self._witnessed]

    def close(self) -> None:
        """Say what concerns the whole."""
        self._report.revoked = sorted(self.recorded.revoked.values())
        if self._waived:
            self._report.notes.append(f"rests on waivers: {_listed(self._waived)}")
        if self._weak:
            self._report.notes.append(f"measured in a sandbox of level reduced: {_listed(self._weak)}")


def _listed(names: list[str]) -> str:
    return ", ".join(names[:20]) + " …" * (len(names) > 20)
