"""Which generation the next candidate is drafted on: never one that no person has approved."""

from __future__ import annotations

from agent.lineage.repository import Repository
from agent.lineage.standing import newest, rolled_back_to
from agent.lineage.succession import read_log


def select_parent(repository: Repository) -> str:
    """Return the commit of the newest generation in the gate log that is not revoked.

    After a rollback, the newest that descends from where the workspace was rolled back to. The answer comes from the
    log, not from the store or a branch, so that only what was signed is built on.
    """
    return newest(repository, read_log(repository), rolled_back_to(repository)).commit or ""
