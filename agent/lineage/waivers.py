"""The waivers in the gate log: where one is found, which still last, and how often each was used.

A waiver is used by a successor whose verdict names it; rejections and denials use none up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.edits.tree import Tree
from agent.errors import PolicyDenied
from agent.gate.dossier import VERDICT, Case, Dossier, about_of, verdict_of
from agent.gate.quorum import approvals_of
from agent.gate.rules import Bundle
from agent.gate.statement import parse_record
from agent.gate.verdict import Verdict
from agent.gate.waiver import MAX_ENTRIES, Moment, Stored, Waiver, Waivers, check_in_force, covering, terms
from agent.lineage.gate_log import read_entry
from agent.lineage.objects import Read

if TYPE_CHECKING:  # an auditor asks here as well, and loads no writer
    from agent.lineage.repository import Repository
    from agent.lineage.succession import Log

MAX_VERDICT_BYTES = 16 * 1024 * 1024


def stored_waivers(read: Read, tree: str) -> Waivers:
    """Return how to find the waiver of an entry in the log tree `tree`. Raises `Refused` where there is none."""

    def found(index: int) -> Stored:
        entry, bundle = read_entry(read, tree, index)
        if entry.kind != "waived":
            raise PolicyDenied(f"entry {index} of the gate log is no waiver", why=f"it is of the kind {entry.kind}")
        return stored(bundle)

    return found


def stored(bundle: Tree) -> Stored:
    """Return the waiver in the bundle of an entry."""
    return Stored(bundle.digest, {name: file.content for name, file in bundle.items()})


def waivers_used(verdict: bytes) -> tuple[int, ...]:
    """Return the entries of the waivers that a stored verdict names, each once. Raises `SignatureRefused`."""
    named = parse_record(verdict, Verdict, "the verdict", max_bytes=MAX_VERDICT_BYTES).waived
    return tuple(sorted({one.entry for one in named}))


def lasting(repository: Repository, log: Log) -> dict[int, Stored]:
    """Return the waivers that may not be over yet by their place in the log, each by its entry."""
    find = stored_waivers(repository.read, log.tree)
    floor = max(0, log.last.index - MAX_ENTRIES)
    return {index: find(index) for index, kind in _back(repository, log, floor) if kind == "waived"}


def moment_of(log: Log, case: Case, now: int) -> Moment:
    """Return where the next entry would stand, if it decided on a candidate."""
    return Moment(log.last.index + 1, max(now, log.last.time), log.root, approvals_of(case.base, case.tree))


def with_waivers(repository: Repository, log: Log, verdict: Verdict, bundle: Bundle, case: Case, now: int) -> Verdict:
    """Return a verdict with the recorded waivers that allow it, if there are such; else as it is."""
    denials = {result.id for result in verdict.denials}
    if not denials <= {rule.id for rule in bundle.rules if rule.text.waivable}:
        return verdict
    recorded = {}
    for entry, one in lasting(repository, log).items():
        with suppress(PolicyDenied):
            demand_unspent(repository, log, {entry: terms(one.files)[0]})
            recorded[entry] = one
    return covering(verdict, bundle, about_of(case), moment_of(log, case, now), recorded)


def demand_waivers(repository: Repository, log: Log, dossier: Dossier, case: Case, now: int) -> None:
    """Raise `Refused` unless all waivers that a verdict rests on count for the next entry, and are not used up."""
    waivers = stored_waivers(repository.read, log.tree)
    found = check_in_force(verdict_of(dossier), about_of(case), moment_of(log, case, now), waivers)
    demand_unspent(repository, log, found)


def demand_unspent(repository: Repository, log: Log, found: Mapping[int, Waiver]) -> None:
    """Raise `PolicyDenied` when as many successors rest on one of these waivers as may."""
    if not found:
        return
    spent: Counter[int] = Counter()
    for index, kind in _back(repository, log, min(found)):
        if kind == "successor":
            _, bundle = read_entry(repository.read, log.tree, index)
            spent.update(waivers_used(bundle[VERDICT].content))
    for entry, waiver in found.items():
        if spent[entry] >= waiver.decisions:
            raise PolicyDenied(
                f"the waiver of entry {entry} is used up",
                why=f"{waiver.decisions} successor(s) may rest on it",
                mend="Let people sign a new one: successor waive",
            )


def _back(repository: Repository, log: Log, floor: int) -> Iterator[tuple[int, str]]:
    """Yield the index and the kind of every entry above `floor`, from the newest; the commits' messages say them."""
    here = log.commit
    for index in range(log.last.index, floor, -1):
        commit = repository.commit(here)
        yield index, commit.message.split("\n", 1)[0].split(" ", 1)[0]
        here = commit.parents[0]
