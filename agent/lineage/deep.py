"""The last deep review: the generation at which people looked at the whole way, and not at the last step alone.

An approval is of one diff, and many small ones lead far. Who looked at everything since the last deep review says so
in the review that they sign (`Review.since`). A generation was looked at deeply when everybody who approved it did
that. The log is believed here as the workspace's own. Where a deep review began is checked when it is handed in, and
again, from the log alone, by every audit (`agent.lineage.audit_whole`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.errors import ReviewRefused
from agent.gate.dossier import Dossier
from agent.gate.review import Review
from agent.gate.statement import StatementKind, decode, parse_envelope
from agent.lineage.gate_log import read_entry
from agent.lineage.repository import Repository
from agent.lineage.standing import ancestry
from agent.lineage.trailers import entry_index

if TYPE_CHECKING:
    from agent.lineage.succession import Log


def last_deep_review(repository: Repository, log: Log, commit: str) -> str:
    """Return the nearest generation, `commit` or one before it, that was looked at deeply; the first if none was."""
    here = commit
    for here, candidate in ancestry(repository, log, commit):
        if candidate and all(review.since for review in _reviews(repository, log, here)):
            break
    return here


def demand_whole_way(repository: Repository, log: Log, review: Review) -> None:
    """Raise `ReviewRefused` when a review claims to be deep and does not begin at the last deep one."""
    if review.since is None:
        return
    since = last_deep_review(repository, log, review.request.base_commit)
    if review.since != since:
        raise ReviewRefused(
            f"the review by {review.reviewer} is not a deep one",
            why=f"it looked at the way since {review.since[:12]}, and the last deep review was at {since[:12]}",
            mend="Look at all of it: successor review show ID --deep",
        )


def _reviews(repository: Repository, log: Log, commit: str) -> list[Review]:
    """Return the approvals of a successor, as the log keeps them."""
    _, bundle = read_entry(repository.read, log.tree, entry_index(repository.commit(commit).message) or 0)
    _, envelopes = Dossier.from_bundle(bundle)
    return [decode(StatementKind.REVIEW, parse_envelope(envelope).payload, Review)[1] for envelope in envelopes]
