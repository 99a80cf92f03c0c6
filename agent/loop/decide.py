"""What people decide about a candidate that waits: approve, reject, or ask for changes.

A decision counts only with the exact bytes that were shown: the dossier is put together again from the store, and the
commit checks all of it once more. A refused decision leaves the candidate waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from agent.candidate import Evidence, State, step
from agent.errors import IllegalTransition, Infrastructure, Misuse, Refused, ReviewRefused
from agent.gate.dossier import NAMES, Dossier, case_of, check_dossier
from agent.gate.note import NoteSigner
from agent.gate.quorum import approvals_needed
from agent.gate.review import Decision, Review, check_approvals, check_binding, read_review
from agent.gate.trust import TrustRoot
from agent.lineage.deep import demand_whole_way
from agent.lineage.repository import Repository
from agent.lineage.succession import Log, Recorded, commit_successor, read_log, record_rejection
from agent.lineage.waivers import demand_waivers, stored_waivers
from agent.loop.drills import DECISION, Drill, Drills
from agent.loop.judging import part_of, settings_of
from agent.loop.store import Entry, Store

REVIEW_PART = "review-{}.dsse.json"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a decision led to. `needed` approvals are required and `given` of them are there."""

    entry: Entry
    reviewer: str
    given: int
    needed: int
    recorded: Recorded | None
    drill: Drill | None = None
    """What it was, where it was no candidate at all."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """The desk at which reviews are handed in."""

    repository: Repository
    store: Store
    gate: Callable[[], NoteSigner]
    """Loads the gate's key; called only when something is to be recorded."""

    def dossier(self, entry: Entry) -> Dossier:
        """Return what people are asked to sign, checked against the repository; `Refused` says what does not agree."""
        dossier = Dossier({name: part_of(self.store, entry, name) for name in sorted(NAMES)})
        log = read_log(self.repository)
        case = case_of(dossier, self.repository.tree(entry.base_commit), log.workspace)
        if (case.candidate, case.base_commit) != (entry.id, entry.base_commit):
            raise Refused(f"the dossier of {entry.id} is about another candidate", why=f"it names {case.candidate}")
        root = log.root
        if drill := Drills(self.store).of(entry.id):
            drill.demand(dossier.request)
            root = drill.root(root)
        check_dossier(dossier, case, root, waivers=stored_waivers(self.repository.read, log.tree))
        return dossier

    def hand_in(self, entry: Entry, envelope: bytes) -> Outcome:
        """Take a signed review, whatever it decides. Raises `ReviewRefused` and leaves everything as it was."""
        log = read_log(self.repository)
        review = read_review(envelope, log.root)
        check_binding(review, self.dossier(entry).request)
        demand_whole_way(self.repository, log, review)
        if drill := Drills(self.store).of(entry.id):
            return self._end_drill(entry, envelope, review, drill)
        if review.decision is Decision.APPROVE:
            return self._approve(entry, envelope, review, log)
        if review.decision is Decision.REJECT:
            return self._reject(entry, envelope, review)
        return self._return_for_changes(entry, envelope, review)

    def finish(self, entry: Entry) -> Entry:
        """Commit an approved candidate. Safe to repeat: after a kill it finds what was committed and only says so."""
        recorded = self._recorded(entry)
        if recorded is None:
            reviews = self._approvals(entry)
            done = commit_successor(
                self.repository, self.dossier(entry), reviews, gate=self.gate(), now=self.store.now(),
                title=_title(self.store, entry),
            )  # fmt: skip
            recorded = done.commit or ""
        return self.store.advance(entry.id, State.COMMITTED, note=f"commit {recorded}")

    def finish_approved(self) -> bool:
        """Commit what was decided and signed before a process died; return whether there was any.

        One that cannot be committed stops nobody else: what the law refuses has failed, what the world refuses is tried
        again by the next command.
        """
        approved = self.store.candidates([State.APPROVED])
        for entry in approved:
            try:
                self.finish(entry)
            except Refused as error:
                self.store.advance(entry.id, State.FAILED, note=f"approved, but it cannot be committed: {error}")
            except Infrastructure as error:
                log.warning("approved.not_committed", candidate=entry.id, reason=str(error))
        return bool(approved)

    def _approve(self, entry: Entry, envelope: bytes, review: Review, log: Log) -> Outcome:
        step(entry.state, State.APPROVED)
        dossier = self.dossier(entry)
        reviews = (*self._approvals(entry), envelope)
        base = self.repository.tree(entry.base_commit)
        case = case_of(dossier, base, log.workspace)
        tree = case.tree
        needed = max(approvals_needed(settings_of(base), base, tree), log.root.thresholds.approve)
        # Before they are enough, so that a doubtful review is refused now and not at the last one.
        check_approvals(reviews, dossier.request, log.root, self.store.now())
        demand_waivers(self.repository, log, dossier, case, self.store.now())
        parts = {REVIEW_PART.format(len(_review_parts(entry)) + 1): self.store.blobs.put(envelope)}
        if len(reviews) < needed:
            return Outcome(self.store.attach(entry.id, parts), review.reviewer, len(reviews), needed, None)
        approved = self.store.advance(entry.id, State.APPROVED, note=f"approved by {review.reviewer}", parts=parts)
        committed = self.finish(approved)
        commit = self.repository.branch(dossier.request.target)
        recorded = Recorded(read_log(self.repository).last.index, "", commit, dossier.request.target)
        return Outcome(committed, review.reviewer, len(reviews), needed, recorded)

    def _reject(self, entry: Entry, envelope: bytes, review: Review) -> Outcome:
        step(entry.state, State.REJECTED)
        recorded = record_rejection(
            self.repository, self.dossier(entry), gate=self.gate(), now=self.store.now(), by=review.reviewer,
            reason=review.reason, reviews=(envelope,),
        )  # fmt: skip
        note = f"rejected by {review.reviewer}: {review.reason}"
        return Outcome(self.store.advance(entry.id, State.REJECTED, note=note), review.reviewer, 0, 0, recorded)

    def _return_for_changes(self, entry: Entry, envelope: bytes, review: Review) -> Outcome:
        """Close this candidate; the comment is kept for the next brief and for whoever proposes again."""
        if entry.state is not State.AWAITING_REVIEW:
            raise IllegalTransition(f"{entry.id} does not wait for review", why=f"it is {entry.state}")
        parts = {"changes": self.store.blobs.put(envelope)}
        note = f"changes requested by {review.reviewer}: {review.reason}"
        closed = self.store.advance(entry.id, State.SUPERSEDED, note=note, parts=parts)
        return Outcome(closed, review.reviewer, 0, 0, None)

    def _approvals(self, entry: Entry) -> tuple[bytes, ...]:
        """Return the approvals that were kept and still count: whose key was revoked since has approved nothing."""
        root = read_log(self.repository).root
        return tuple(
            envelope
            for envelope in (part_of(self.store, entry, name) for name in _review_parts(entry))
            if _counts(envelope, root)
        )

    def _end_drill(self, entry: Entry, envelope: bytes, review: Review, drill: Drill) -> Outcome:
        """End a drill with the first decision, whatever it is: nothing of it reaches git, and its reviewer is told."""
        ends = {Decision.REJECT: State.REJECTED, Decision.REQUEST_CHANGES: State.SUPERSEDED}
        end = ends.get(review.decision, State.FAILED)
        if end is State.FAILED:
            check_approvals((envelope,), self.dossier(entry).request, read_log(self.repository).root, self.store.now())
        word = "approved" if end is State.FAILED else "noticed"
        note = f"a drill, {word} by {review.reviewer}: {drill.told}"
        parts = {DECISION: self.store.blobs.put(envelope)}
        return Outcome(self.store.advance(entry.id, end, note=note, parts=parts), review.reviewer, 0, 0, None, drill)

    def _recorded(self, entry: Entry) -> str | None:
        """Return the commit of this candidate's branch if the log's last entry recorded it already."""
        last = read_log(self.repository).last
        return last.commit if (last.kind, last.candidate) == ("successor", entry.id) else None


def reconcile(repository: Repository, store: Store) -> Entry | None:
    """Bring the store up to the log's last entry, after a kill between the two. The log is the truth."""
    last = read_log(repository).last
    ends = {"successor": State.COMMITTED, "rejected": State.REJECTED, "denied": State.DENIED}
    if last.candidate is None or last.kind not in ends:
        return None
    known = [entry for entry in store.candidates() if entry.id == last.candidate]
    if not known or known[0].state is ends[last.kind]:
        return None
    try:
        return store.advance(last.candidate, ends[last.kind], note=f"found in the gate log, entry {last.index}")
    except IllegalTransition as error:
        raise Misuse(
            f"store and gate log disagree about {last.candidate}",
            why=f"the log says {last.kind}, the store says {known[0].state}",
            mend="The log is what counts; move .successor/state.db aside to begin a new store",
        ) from error


def check_open(entry: Entry) -> Entry:
    """Return the entry if it waits for review, else raise `ReviewRefused` saying where it stands."""
    if entry.state is not State.AWAITING_REVIEW:
        raise ReviewRefused(
            f"{entry.id} does not wait for review", why=f"it is {entry.state}", mend="See: successor review list"
        )
    return entry


def _counts(envelope: bytes, root: TrustRoot) -> bool:
    try:
        read_review(envelope, root)
    except Refused:
        return False
    return True


def _review_parts(entry: Entry) -> list[str]:
    names = (REVIEW_PART.format(number) for number in range(1, len(entry.parts) + 1))
    return [name for name in names if name in entry.parts]


def _title(store: Store, entry: Entry) -> str:
    """One line for the commit, from numbers of ours only: nothing a candidate wrote becomes a commit message."""
    evidence = Evidence.model_validate_json(part_of(store, entry, "evidence.json"))
    gains = [f"{c.suite} {c.gain_ppm / 1e6:+.4f}" for c in evidence.comparisons if c.split == "heldout"]
    return f"{', '.join(gains)} held out"[:72] if gains else ""
