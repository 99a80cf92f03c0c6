"""Waivers as people make them: what exactly is to be signed, and what becomes of the candidate once it is recorded.

Nothing here decides whether a waiver counts: `agent.gate.waiver` does, when it is recorded, used and audited.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.candidate import State
from agent.edits.tree import Tree
from agent.errors import Misuse
from agent.gate.dossier import policies_of
from agent.gate.review import new_nonce
from agent.gate.rules import load_bundle
from agent.gate.statement import Subject
from agent.gate.verdict import Verdict
from agent.gate.waiver import Waiver, check_waivable
from agent.lineage.repository import Repository
from agent.lineage.succession import Log
from agent.loop.judging import part_of, trees_of
from agent.loop.store import Entry, Store


def for_candidate(
    repository: Repository, store: Store, log: Log, entry: Entry, *, rules: Sequence[str], reason: str, entries: int,
    seconds: int,
) -> tuple[Waiver, Subject]:  # fmt: skip
    """Return the waiver, signed by nobody yet, of the rules that denied a candidate.

    Raises `Misuse` when the candidate was not denied by its verdict, or would still be denied; `PolicyDenied` when a
    rule cannot be waived.
    """
    if entry.state is not State.DENIED or "verdict.json" not in entry.parts:
        why = f"it is {entry.state}" if entry.state is not State.DENIED else "it was never measured"
        raise Misuse(f"{entry.id} was not denied by the law", why=why, mend="See: successor show ID")
    verdict = Verdict.model_validate_json(part_of(store, entry, "verdict.json"))
    left = [result.id for result in verdict.denials if result.id not in rules]
    if idle := sorted(set(rules) - {result.id for result in verdict.denials}):
        raise Misuse(f"the rule {idle[0]} did not deny {entry.id}", mend=f"See: successor show {entry.id}")
    base, tree = trees_of(store, repository, entry)
    diff = entry.parts["diff"]
    waiver = _waiver(
        log, base, entry.base_commit, rules, reason, decisions=1, entries=entries, until=_until(store, log, seconds),
        candidate=entry.id, diff=diff,
    )  # fmt: skip
    if left:
        raise Misuse(
            f"{entry.id} would still be denied", why=f"by {', '.join(left)}", mend="Waive all of them, or none"
        )
    return waiver, Subject(tree.git_id, tree.digest)


def for_rules(
    repository: Repository, store: Store, log: Log, base_commit: str, *, rules: Sequence[str], reason: str,
    entries: int, seconds: int, decisions: int,
) -> tuple[Waiver, Subject]:  # fmt: skip
    """Return the waiver, signed by nobody yet, of rules for whatever is decided next under the law of `base_commit`."""
    base = repository.tree(base_commit)
    waiver = _waiver(
        log,
        base,
        base_commit,
        rules,
        reason,
        decisions=decisions,
        entries=entries,
        until=_until(store, log, seconds),
    )
    return waiver, Subject(base.git_id, base.digest)


def _waiver(
    log: Log, base: Tree, base_commit: str, rules: Sequence[str], reason: str, *, decisions: int, entries: int,
    until: int, candidate: str | None = None, diff: str | None = None,
) -> Waiver:  # fmt: skip
    bundle = load_bundle(policies_of(base))
    try:
        waiver = Waiver(
            workspace=log.workspace, base_commit=base_commit, policy=bundle.digest, rules=tuple(sorted(set(rules))),
            candidate=candidate, diff=diff, decisions=decisions, last_entry=log.last.index + entries, expires=until,
            nonce=new_nonce(), reason=reason, by="nobody",
        )  # fmt: skip
    except ValueError as error:
        raise Misuse(
            "this cannot be a waiver", why="it names no rule, too many decisions, or no reason of at most 2000 letters"
        ) from error
    check_waivable(waiver, bundle)
    return waiver


def _until(store: Store, log: Log, seconds: int) -> int:
    """When a waiver ends, by the time of the log, which may be ahead of this machine's."""
    return max(store.now(), log.last.time) + seconds
