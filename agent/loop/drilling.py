"""Make a reviewer drill: a change as a search proposes them, with a flaw in it, and evidence that it never earned.

The diff, the facts and the verdict are true. What was measured is borrowed from an earlier candidate of this workspace
that the law allowed, so that nothing but the diff tells a drill from a candidate. It is signed with keys of its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from agent.candidate import Comparison, EditWorth, Evidence, LookTaken, State
from agent.digest import canonical_json, sha256
from agent.edits.diff import diff
from agent.edits.tree import Tree
from agent.edits.unified import unified_diff
from agent.errors import Misuse
from agent.evaluate.drills import Flaw, flaws
from agent.gate.dossier import EVIDENCE, REQUEST, VERDICT, assemble, policies_of
from agent.gate.facts import Facts, collect
from agent.gate.review import ReviewRequest, new_nonce
from agent.gate.rules import load_bundle
from agent.gate.signer import MachineKey
from agent.gate.statement import parse_record
from agent.gate.verdict import Verdict, judge_document
from agent.lineage.repository import Repository
from agent.lineage.succession import read_log
from agent.loop.drills import Drill, Drills, opens
from agent.loop.judging import case_for, part_of, settings_of
from agent.loop.lifecycle import candidate_id, search_of
from agent.loop.store import Entry, Store
from agent.propose.catalogue import Catalogue
from agent.propose.mind import Library
from agent.propose.mutations import Mutation, apply_mutation
from agent.propose.proposer import Proposal
from agent.propose.reach import reachable

PROPOSER = "codemod"
"""In whose name a drill comes: it has the shape of what a search finds."""

Measured = TypeVar("Measured", Comparison, LookTaken, EditWorth)

TRIES = 60
"""Flawed trees that are shown to the law before it is said that there is no drill to be made."""


@dataclass(frozen=True, slots=True)
class _Shaped:
    """A flaw within an honest change: the tree that is shown, and what its proposer would say of it."""

    flaw: Flaw
    honest: Mutation
    base: Tree

    @property
    def tree(self) -> Tree:
        return self.flaw.tree

    def rationale(self, gain: Comparison | None) -> str:
        """Return the words of a search for this change."""
        worth = ""
        if gain is not None:
            error = (gain.gain_high_ppm - gain.gain_low_ppm) / 2 / 1.96
            worth = f", together {gain.gain_ppm / 10_000:+.2f} ± {error / 10_000:.2f} points on {gain.tasks} dev tasks"
        lines = (
            f"2 edits found by search{worth}:",
            f"- {self.honest.description}",
            f"- {_described(self.base, self.flaw)}",
        )
        return "\n".join(lines)


def make_drill(repository: Repository, store: Store, parent: str, seed: int) -> Entry:
    """Put one drill among the candidates that wait, based on `parent`. All that chance decides is drawn from `seed`.

    Raises `Misuse` while another waits, and where no candidate was ever allowed or no flaw gets past the law.
    """
    _demand_none_waits(store)
    example, evidence = _example(store)
    base = repository.tree(parent)
    chance = random.Random(seed)  # noqa: S311  # chance that can be repeated is what a drill needs
    for shaped in _shaped(base, chance):
        lent = _lent(evidence, parent, shaped, chance)
        facts = collect(base, shaped.tree, diff(base, shaped.tree), settings_of(base).zones, lent)
        verdict = judge_document(load_bundle(policies_of(base)), canonical_json(facts))
        if verdict.allowed and (entry := _drafted(repository, store, parent, shaped, (lent, facts, verdict), example)):
            return entry
    raise Misuse("no drill can be made of this scaffold", why=f"the law denies the first {TRIES} flaws that were drawn")


def _demand_none_waits(store: Store) -> None:
    """Raise `Misuse` while a drill can be decided; one that nobody looked at in its time ends here."""
    for entry in (one for one, _ in Drills(store).entries() if one.state is State.AWAITING_REVIEW):
        if parse_record(part_of(store, entry, REQUEST), ReviewRequest, "the request for review").expires > store.now():
            raise Misuse("a drill waits for review already", mend="One at a time; to see them: successor review drills")
        store.advance(entry.id, State.EXPIRED, note="a drill that nobody looked at")


def _example(store: Store) -> tuple[Entry, Evidence]:
    """Return the newest candidate that the law allowed, and what was measured of it."""
    for entry in reversed(store.candidates()):
        if VERDICT in entry.parts and Verdict.model_validate_json(part_of(store, entry, VERDICT)).allowed:
            return entry, Evidence.model_validate_json(part_of(store, entry, EVIDENCE))
    raise Misuse(
        "there is nothing that a drill could be modelled on",
        why="no candidate of this workspace was allowed so far",
        mend="Make one first: successor run",
    )


def _shaped(base: Tree, chance: random.Random) -> Iterator[_Shaped]:
    """Yield changes that hold a flaw: each an honest mutation, and a flaw in the tree that it makes."""
    library = Library(settings_of(base).zones)
    mind = library.mind(base)
    catalogue = Catalogue(mind, reachable(mind, ()))
    for _ in range(TRIES):
        honest = catalogue.draw(chance, lambda _: 1.0)
        tree = apply_mutation(base, honest, library) if honest else None
        if honest is None or tree is None:
            continue
        flaw = next(
            (one for one in flaws(tree, sorted(mind.sources), chance.getrandbits(63)) if one.path != honest.path), None
        )
        if flaw is not None:
            yield _Shaped(flaw, honest, base)


def _lent(evidence: Evidence, parent: str, shaped: _Shaped, chance: random.Random) -> Evidence:
    """Return what was measured of another candidate as if it had been of this one, its gains a little other ones."""
    base, edits = shaped.base, [edit.summary() for edit in diff(shaped.base, shaped.tree).edits]
    by = chance.randint(-100, 100) / 1000
    known = [one for one in evidence.worth if one.tasks]
    worth = [_moved(chance.choice(known), -chance.random() / 2, edit=edit) for edit in edits if known]
    decisions = [
        one.model_copy(update={"looks": tuple(_moved(look, by) for look in one.looks)}) for one in evidence.decisions
    ]
    return evidence.model_copy(
        update={
            "base_commit": parent,
            "base_tree": base.digest,
            "tree": shaped.tree.digest,
            "diff": sha256(unified_diff(base, shaped.tree)),
            "worth": tuple(worth),
            "decisions": tuple(decisions),
            "comparisons": tuple(_moved(one, by) for one in evidence.comparisons),
        }
    )


def _moved(measured: Measured, by: float, **also: object) -> Measured:
    """Return a measured gain that is other by a share of itself, and all that moves with it."""
    shift = int(measured.gain_ppm * by)
    moving = ("gain_ppm", "gain_low_ppm", "gain_high_ppm", "candidate_ppm", "expected_ppm")
    moved = {name: getattr(measured, name) + shift for name in moving if hasattr(measured, name)}
    return measured.model_copy(update=moved | also)


def _drafted(
    repository: Repository,
    store: Store,
    parent: str,
    shaped: _Shaped,
    judged: tuple[Evidence, Facts, Verdict],
    example: Entry,
) -> Entry | None:
    """Sign and store the drill and lead it to its review; None when a candidate of this very tree is known."""
    evidence, facts, verdict = judged
    base, tree, put = repository.tree(parent), shaped.tree, store.blobs.put
    gate, evaluator = MachineKey.generate(), MachineKey.generate()
    proposal = Proposal(
        tree, shaped.rationale(_dev_gain(evidence)), evidence.search_trials, evidence.candidates_tried,
        evidence.inherited_trials,
    )  # fmt: skip
    parts = {
        "patch": put(diff(base, tree).to_json()),
        "search": put(search_of(proposal)),
        "rationale": put(proposal.rationale.encode()),
    }
    entry = Entry(
        id=candidate_id(parent, tree), state=State.DRAFTED, proposer=PROPOSER, base_commit=parent, tree=tree.digest,
        created=store.now(), run=example.run, trials=example.trials, parts=parts,
    )  # fmt: skip
    dossier = assemble(
        case_for(entry, base, tree, read_log(repository).workspace), evidence, facts, verdict, gate=gate,
        evaluator=evaluator, nonce=new_nonce(),
        expires=store.now() + settings_of(base).review.expires_hours * 3600,
    )  # fmt: skip
    drill = Drill(flaw=shaped.flaw.kind, told=shaped.flaw.told, gate=gate.key.line, evaluator=evaluator.key.line)
    parts |= {name: put(content) for name, content in dossier.files.items()}
    drafted = store.draft(
        replace(entry, parts=parts), f"proposed by {PROPOSER}", also=opens(entry.id, drill, store.now())
    )
    return store.candidate(entry.id) if drafted else None


def _dev_gain(evidence: Evidence) -> Comparison | None:
    return next((one for one in evidence.comparisons if one.split == "dev"), None)


def _described(base: Tree, flaw: Flaw) -> str:
    """Return one line for the flaw as a search writes one: where, and what became what."""
    old, new = (tree[flaw.path].content.decode("utf-8", "replace").splitlines() for tree in (base, flaw.tree))
    first = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)) - 1)
    before, after = old[first].strip()[:60], new[first].strip()[:60]
    change = f"leave out `{before}`" if flaw.called == "delete" else f"`{before}` becomes `{after}` ({flaw.called})"
    return f"{flaw.path}::{flaw.definition}: {change}"
