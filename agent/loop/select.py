"""Which generation the next candidate is drafted on: never one that no person has approved."""

from __future__ import annotations

from agent.lineage.repository import Repository


def select_parent(repository: Repository) -> str:
    """Return the commit of the newest approved successor, or of the first generation when there is none yet.

    The answer comes from the gate log, not from the store or a branch name, so that only what was signed can be built on.
    """
    raise NotImplementedError
