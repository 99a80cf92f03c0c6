"""Which generation the next candidate is drafted on: never one that no person has approved."""

from __future__ import annotations

from agent.errors import AuditFailed
from agent.lineage.gate_log import read_entry
from agent.lineage.repository import Repository
from agent.lineage.succession import read_log


def select_parent(repository: Repository) -> str:
    """Return the commit of the newest successor in the gate log, or of the first generation when there is none yet.

    The answer comes from the log, not from the store or a branch, so that only what was signed is built on.
    """
    log = read_log(repository)
    for index in range(log.last.index, -1, -1):
        entry, _ = read_entry(repository.read, log.tree, index)
        if entry.kind in ("successor", "genesis") and entry.commit is not None:
            return entry.commit
    raise AuditFailed("the gate log names no generation to build on")
