"""The account of reviewer drills: candidates with a flaw that anybody sees who reads them, never to be committed.

A drill is signed with keys of its own, made for it and written nowhere. Whoever reviews it is led through the same
checks; but no trust root names those keys, so neither the gate nor an auditor would ever take what they signed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pydantic import ValidationError, field_validator

from agent.candidate import Record, State, step
from agent.digest import canonical_json, sha256
from agent.errors import SignatureRefused, StoreBroken
from agent.gate.review import Review, ReviewRequest
from agent.gate.signature import PublicKey
from agent.gate.statement import StatementKind, decode, parse_envelope
from agent.gate.trust import TrustRoot
from agent.loop.store import Entry, Store

DECISION = "decision.dsse.json"
"""The part of a drill that is the signed decision which ended it."""

WAY = (State.DRAFTED, State.SCREENED, State.EVALUATED, State.JUDGED, State.AWAITING_REVIEW)
"""The states that a drill seems to have gone through."""

NOTICED = frozenset({State.REJECTED, State.SUPERSEDED})
"""Where a drill ends whose reviewer did not approve it."""


class Drill(Record):
    """What is wrong with a drill, and the public keys that vouch for it and for nothing else."""

    flaw: str
    told: str
    gate: str
    evaluator: str

    @field_validator("gate", "evaluator")
    @classmethod
    def _is_key(cls, line: str) -> str:
        try:
            return PublicKey.parse_line(line).line
        except SignatureRefused as error:
            raise ValueError("this is no key") from error

    @property
    def nonce(self) -> str:
        """The nonce of its request for review, so that no request of a candidate can be taken for a drill's."""
        return sha256(canonical_json(self)).removeprefix("sha256:")

    def demand(self, request: ReviewRequest) -> None:
        """Raise `StoreBroken` unless `request` is this drill's own: a true candidate was marked as a drill."""
        if request.nonce != self.nonce:
            raise StoreBroken(
                f"{request.candidate} is marked as a drill and is none",
                why="its request for review was not made for one",
                mend="Somebody altered .successor/state.db: decide nothing before you know who",
            )

    def root(self, root: TrustRoot) -> TrustRoot:
        """Return a trust root of the same people, in which this drill's keys stand for those of the machines."""
        fields = {name: getattr(root, name) for name in TrustRoot.model_fields}
        try:
            return TrustRoot.model_validate(fields | {"gate": (self.gate,), "evaluator": (self.evaluator,)})
        except ValidationError as error:
            raise StoreBroken("a drill in the store cannot be read", why="its keys are somebody else's") from error


@dataclass(frozen=True, slots=True)
class Drills:
    """All drills of one workspace."""

    store: Store

    def of(self, candidate: str) -> Drill | None:
        """Return what is known of a drill by its full ID; None for a candidate that is none."""
        with self.store.reading() as db:
            row = db.execute("SELECT drill FROM drills WHERE candidate = ?", (candidate,)).fetchone()
        return _read(candidate, row[0]) if row else None

    def entries(self) -> tuple[tuple[Entry, Drill], ...]:
        """Return every drill, oldest first."""
        known = ((entry, self.of(entry.id)) for entry in self.store.candidates(drills=True))
        return tuple((entry, drill) for entry, drill in known if drill is not None)

    def decided_by(self, entry: Entry) -> str:
        """Return who decided a drill; empty where nobody did."""
        if DECISION not in entry.parts:
            return ""
        envelope = parse_envelope(self.store.blobs.get(entry.parts[DECISION]))
        return decode(StatementKind.REVIEW, envelope.payload, Review)[1].reviewer


def opens(candidate: str, drill: Drill, times: Sequence[int]) -> Callable[[sqlite3.Connection], None]:
    """Return what leads a drill from its draft to its review, in the transaction that drafts it: there is no half.

    `times`: when it came to each state of `WAY`, in unix seconds.
    """

    def open_review(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO drills VALUES (?,?)", (candidate, drill.model_dump_json()))
        db.execute("UPDATE transitions SET at = ? WHERE candidate = ?", (times[0], candidate))
        for (source, target), at in zip(pairwise(WAY), times[1:], strict=True):
            db.execute(
                "INSERT INTO transitions (candidate, source, target, at, note) VALUES (?,?,?,?,'')",
                (candidate, source, step(source, target), at),
            )
        db.execute("UPDATE candidates SET state = ? WHERE id = ?", (WAY[-1], candidate))

    return open_review


def _read(candidate: str, text: str) -> Drill:
    try:
        return Drill.model_validate_json(text)
    except ValidationError as error:
        raise StoreBroken(f"the drill {candidate} cannot be read", why=f"{error.error_count()} faults") from error
