"""The audit of what was seen from outside: cosignatures of witnesses that the auditor knows, or that the root demands.

A root that names witnesses says how many must have seen the log, and how many entries at its end they need not have
seen yet. The root in force at the end of the log decides. Its demand begins with the first entry made under it,
so that a new witness has time to come. A witness counts with the newest checkpoint that it cosigned.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.errors import Refused
from agent.gate.note import Note, Verifier, cosigned_by
from agent.gate.trust import TrustRoot
from agent.lineage.audit_report import AuditReport


def check_known(report: AuditReport, notes: Sequence[Note], witnesses: Sequence[Verifier]) -> None:
    """Find each witness that the auditor named and that has cosigned no checkpoint of this log."""
    for witness in witnesses:
        seen = _most_seen(report, notes, witness)
        if seen is None:
            report.find("not-witnessed", "repository", f"{witness.name} has not cosigned this log")
        elif seen < report.entries:
            report.notes.append(f"{witness.name} has seen all but the last {report.entries - seen} entries")


def check_demanded(report: AuditReport, notes: Sequence[Note], roots: Sequence[tuple[int, TrustRoot]]) -> None:
    """Find that fewer witnesses than the root demands have seen as much of the log as it demands.

    `roots` are all trust roots, each with the first entry that is made under it.
    """
    asked = roots[-1][1].witnesses
    if not asked.keys:
        return
    seen = sorted((_most_seen(report, notes, one) or 0 for one in asked.verifiers), reverse=True)
    least = max(seen[asked.needed - 1], _since(roots))
    behind = report.entries - least
    if behind > asked.most_behind:
        report.find(
            "not-witnessed",
            "repository",
            f"the trust root demands that {asked.needed} of its {len(asked.keys)} witnesses have seen all but the last "
            f"{asked.most_behind} entries, and the last {behind} were not seen",
        )


def _since(roots: Sequence[tuple[int, TrustRoot]]) -> int:
    """The first entry that was made under this demand: other changes of the root do not begin it anew."""
    since, last = roots[-1]
    for first, root in reversed(roots):
        if root.witnesses != last.witnesses:
            break
        since = first
    return since


def _most_seen(report: AuditReport, notes: Sequence[Note], witness: Verifier) -> int | None:
    """The size of the newest checkpoint that a witness cosigned, or `None`. A forged line is a finding."""
    sizes = [note.checkpoint.size for note in notes if _cosigned(report, note, witness)]
    return max(sizes, default=None)


def _cosigned(report: AuditReport, note: Note, witness: Verifier) -> bool:
    try:
        return cosigned_by(note, witness) is not None
    except Refused as error:
        report.find("forged-cosignature", "repository", f"{witness.name}: {error}")
        return False
