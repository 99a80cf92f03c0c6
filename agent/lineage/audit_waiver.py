"""The audit of waivers: that each was signed as it is recorded, and that it counted when a successor rested on it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.edits.tree import Tree
from agent.errors import AuditFailed
from agent.gate.dossier import VERDICT, Case, Dossier, about_of, verdict_of
from agent.gate.trust import TrustRoot
from agent.gate.waiver import Moment, Waiver, Waivers, check_in_force, check_span, read_waiver
from agent.lineage.gate_log import LogEntry
from agent.lineage.waivers import stored, waivers_used


@dataclass(frozen=True, slots=True)
class Used:
    """A waiver that a successor rests on: its entry, which rules it let go there, and how many may rest on it."""

    entry: int
    rules: tuple[str, ...]
    decisions: int


def read_recorded(entry: LogEntry, bundle: Tree, root: TrustRoot, workspace: str) -> tuple[Waiver, tuple[str, ...]]:
    """Return a waiver as it was recorded, and who signed it. Raises `Refused` when entry and statement differ."""
    waiver, _, people = read_waiver(stored(bundle).files, root, workspace)
    if (people, waiver.reason) != (entry.by, entry.reason):
        raise AuditFailed("the gate log says other than the waiver that was signed")
    check_span(waiver, entry.index, entry.time)
    return waiver, people


def named_before(dossier: Dossier, entry: LogEntry) -> tuple[int, ...]:
    """Return the entries of the waivers that a verdict names; none of them may come after the decision."""
    named = () if _names_none(dossier) else waivers_used(dossier.files[VERDICT])
    if named and max(named) >= entry.index:
        raise AuditFailed(f"the waiver of entry {max(named)} was not recorded before the decision")
    return named


def check_used(
    dossier: Dossier, case: Case, entry: LogEntry, root: TrustRoot, approvals: int, waivers: Waivers
) -> tuple[Used, ...]:
    """Return the waivers that a successor rests on, all of which counted as it was recorded. Raises `Refused`."""
    if _names_none(dossier):
        return ()
    verdict = verdict_of(dossier)
    moment = Moment(entry.index, entry.time, root, approvals)
    found = check_in_force(verdict, about_of(case), moment, waivers)
    return tuple(
        Used(index, tuple(one.rule for one in verdict.waived if one.entry == index), waiver.decisions)
        for index, waiver in found.items()
    )


def _names_none(dossier: Dossier) -> bool:
    """Whether the verdict names no waiver, as almost all do, without reading it: its list is the last of its fields."""
    return dossier.files[VERDICT].endswith(b'"waived":[]}')
