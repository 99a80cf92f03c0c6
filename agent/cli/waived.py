"""What people let go of the law for a candidate, beside its verdict: who, why, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agent.cli.parts import Workspace


def waivers_of(opened: Workspace, verdict: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return what the waivers say that a verdict rests on, by their entries in the gate log."""
    entries = sorted({one["entry"] for one in (verdict or {}).get("waived", ())})
    if not entries:
        return []
    from agent.gate.waiver import terms
    from agent.lineage.gate_log import read_entry
    from agent.lineage.succession import read_log
    from agent.lineage.waivers import stored

    log = read_log(opened.repository)
    found = []
    for index in entries:
        entry, bundle = read_entry(opened.repository.read, log.tree, index)
        waiver, _ = terms(stored(bundle).files)
        said = waiver.model_dump(mode="json", include={"reason", "candidate", "decisions", "last_entry", "expires"})
        rules = [one["rule"] for one in (verdict or {})["waived"] if one["entry"] == index]
        found.append({"entry": index, "rules": rules, "by": list(entry.by), **said})
    return found


def waived_lines(waivers: list[dict[str, Any]]) -> Iterator[str]:
    """Say for each waiver what a reviewer has to know of it."""
    for one in waivers:
        scope = "for this candidate" if one["candidate"] else f"for {one['decisions']} successor(s)"
        yield (
            f"waived: {', '.join(one['rules'])}, {scope}, by {', '.join(one['by'])} (entry {one['entry']}, holds to "
            f"entry {one['last_entry']}): {one['reason']}"
        )
