"""Make a reviewer drill: a change as a search proposes them, with a flaw in it, and evidence that it never earned.

The diff, the facts and the verdict are true. What was measured is lent from an earlier candidate of this workspace that
the law allowed, so that nothing but the diff tells a drill from a candidate. It is signed with keys of its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydantic import ValidationError

from agent.candidate import Evidence, State
from agent.digest import canonical_json
from agent.edits.diff import diff
from agent.errors import Misuse
from agent.gate.dossier import EVIDENCE, REQUEST, VERDICT, assemble, policies_of
from agent.gate.facts import Facts, collect
from agent.gate.review import ReviewRequest
from agent.gate.rules import load_bundle
from agent.gate.signer import MachineKey
from agent.gate.statement import parse_record
from agent.gate.verdict import Verdict, judge_document
from agent.lineage.repository import Repository
from agent.lineage.succession import read_log
from agent.loop.drill_shape import Shape, lent, proposal_of, shapes
from agent.loop.drills import WAY, Drill, Drills, opens
from agent.loop.judging import case_for, part_of, settings_of
from agent.loop.lifecycle import candidate_id, search_of
from agent.loop.store import Entry, Store

PROPOSER = "codemod"
"""In whose name a drill comes: it has the shape of what a search finds."""

TRIES = 60
"""Flawed trees that are shown to the law, for each lender, before another is looked for."""
LENDERS = 5
"""Candidates, the newest first, whose numbers may be lent."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A change, what is said to have been measured of it, and what the law says to that."""

    shape: Shape
    evidence: Evidence
    facts: Facts
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Drilling:
    """Makes drills on `parent`, the generation that everybody builds on. All that chance decides comes from `seed`."""

    repository: Repository
    store: Store
    parent: str
    seed: int

    def make(self) -> Entry:
        """Put one drill among the candidates that wait.

        Raises `Misuse` while another waits, and where no candidate was ever allowed or no flaw gets past the law.
        """
        self._demand_none_waits()
        chance = random.Random(self.seed)  # noqa: S311  # chance that can be repeated is what a drill needs
        shown = 0
        for lender, evidence in self._lenders():
            for judged in self._judged(evidence, chance):
                shown += 1
                if judged.verdict.allowed and (entry := self._drafted(judged, lender, chance)):
                    return entry
        raise Misuse(
            "no drill can be made of this scaffold",
            why=f"the law denies all {shown} flaws that were drawn" if shown else "there is no place for a flaw in it",
        )

    def _demand_none_waits(self) -> None:
        """Raise `Misuse` while a drill can be decided; one that nobody looked at in its time ends here."""
        store = self.store
        for entry in (one for one, _ in Drills(store).entries() if one.state is State.AWAITING_REVIEW):
            request = parse_record(part_of(store, entry, REQUEST), ReviewRequest, "the request for review")
            if request.expires > store.now():
                raise Misuse("a drill waits for review already", mend="Make another when somebody has decided it")
            store.advance(entry.id, State.EXPIRED, note="a drill that nobody looked at")

    def _lenders(self) -> Iterator[tuple[Entry, Evidence]]:
        """Yield the newest candidates that the law allowed without a waiver, and what was measured of them."""
        found = 0
        for entry in reversed(self.store.candidates()):
            known = self._measured(entry) if found < LENDERS else None
            if known is not None:
                found += 1
                yield entry, known
        if not found:
            raise Misuse(
                "there is nothing that a drill could be modelled on",
                why="no candidate of this workspace was allowed so far",
                mend="Make one first: successor run",
            )

    def _measured(self, entry: Entry) -> Evidence | None:
        """Return what was measured of a candidate; None where that was not allowed, or is of an older form."""
        if not {VERDICT, EVIDENCE} <= entry.parts.keys():
            return None
        try:
            verdict = Verdict.model_validate_json(part_of(self.store, entry, VERDICT))
            allowed = verdict.allowed and not verdict.waived
            return Evidence.model_validate_json(part_of(self.store, entry, EVIDENCE)) if allowed else None
        except ValidationError:
            return None

    def _judged(self, evidence: Evidence, chance: random.Random) -> Iterator[_Judged]:
        base = self.repository.tree(self.parent)
        bundle, zones = load_bundle(policies_of(base)), settings_of(base).zones
        for shape in shapes(base, chance, TRIES):
            measured = lent(evidence, self.parent, shape, chance)
            facts = collect(base, shape.tree, diff(base, shape.tree), zones, measured)
            yield _Judged(shape, measured, facts, judge_document(bundle, canonical_json(facts)))

    def _drafted(self, judged: _Judged, lender: Entry, chance: random.Random) -> Entry | None:
        """Sign and store the drill and lead it to its review; None when a candidate of this very tree is known."""
        store, shape, put = self.store, judged.shape, self.store.blobs.put
        proposal = proposal_of(shape, judged.evidence, chance)
        times = self._times(lender)
        parts = {
            "patch": put(diff(shape.base, shape.tree).to_json()),
            "search": put(search_of(proposal)),
            "rationale": put(proposal.rationale.encode()),
        }
        entry = Entry(
            id=candidate_id(self.parent, shape.tree), state=State.DRAFTED, proposer=PROPOSER, base_commit=self.parent,
            tree=shape.tree.digest, created=times[0], run=lender.run, trials=lender.trials, parts=parts,
        )  # fmt: skip
        gate, evaluator = MachineKey.generate(), MachineKey.generate()
        drill = Drill(flaw=shape.flaw.kind, told=shape.flaw.told, gate=gate.key.line, evaluator=evaluator.key.line)
        dossier = assemble(
            case_for(entry, shape.base, shape.tree, read_log(self.repository).workspace), judged.evidence, judged.facts,
            judged.verdict, gate=gate, evaluator=evaluator, nonce=drill.nonce,
            expires=store.now() + settings_of(shape.base).review.expires_hours * 3600,
        )  # fmt: skip
        entry = replace(entry, parts=parts | {name: put(content) for name, content in dossier.files.items()})
        drafted = store.draft(entry, f"proposed by {PROPOSER}", also=opens(entry.id, drill, times))
        return store.candidate(entry.id) if drafted else None

    def _times(self, lender: Entry) -> tuple[int, ...]:
        """When each step was taken, in unix seconds: as long after each other as those of the lender, the last now."""
        taken = {step.target: step.at for step in self.store.transitions(lender.id)}
        known = [taken.get(state, 0) for state in WAY]
        last = known[-1] if all(known) and known == sorted(known) else 0
        return tuple(self.store.now() - (last - at if last else 0) for at in known)
