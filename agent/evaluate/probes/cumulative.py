"""All that came since people last looked deeply, judged as one patch. A tripwire: each step was approved by itself.

Many small steps lead to a place where nobody would have gone in one. So the scans of a patch look once more, over the
distance from the last deep review, or from generation 0 where there was none; and the distance itself is bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from agent.candidate import ProbeResult
from agent.evaluate.probes.probe import Change, Probe, Subject, result

MOST_LINES = 2_000
"""Lines that may change between two deep reviews, where successor.toml says nothing."""


class Cumulative:
    """Runs other probes over a longer way, and reports what they do not see in the last step alone."""

    name = "cumulative"
    blocking = False

    def __init__(self, scans: Sequence[Probe], most_lines: int = MOST_LINES) -> None:
        self._scans = scans
        self._most_lines = most_lines

    def look(self, subject: Subject) -> ProbeResult:
        """Report what the whole way shows and its last step does not."""
        if subject.reviewed is None or subject.reviewed == subject.base:
            return result(self, [])
        whole = Subject(subject.reviewed, subject.tree)
        return result(self, [*self._size(whole), *self._findings(subject, whole)])

    def _size(self, whole: Subject) -> Iterator[str]:
        lines = sum(map(changed_lines, whole.changes()))
        if lines > self._most_lines:
            yield f"{lines} lines changed since the last deep review, and {self._most_lines} may"

    def _findings(self, subject: Subject, whole: Subject) -> Iterator[str]:
        for scan in self._scans:
            found = scan.look(whole).findings
            known = set(scan.look(subject).findings) if found else set()
            yield from (f"{scan.name}: {each}" for each in found if each not in known)


def changed_lines(change: Change) -> int:
    """Count the lines that one side of a change has and the other has not."""
    before, after = (Counter((content or b"").split(b"\n")) for content in (change.before, change.after))
    return (before - after).total() + (after - before).total()
