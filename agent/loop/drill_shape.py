"""What a drill looks like: a flaw within a change as a search proposes them, and numbers lent from a true candidate."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from agent.candidate import Comparison, EditWorth, Evidence, LookTaken
from agent.digest import sha256
from agent.edits.diff import diff
from agent.edits.tree import Tree
from agent.edits.unified import unified_diff
from agent.evaluate.drills import Flaw, flaws
from agent.loop.judging import settings_of
from agent.propose.catalogue import Catalogue
from agent.propose.mind import Library
from agent.propose.mutations import Kind, Mutation, apply_mutation, excerpt
from agent.propose.proposer import Proposal
from agent.propose.reach import reachable

HONEST = (Kind.ALTERNATIVE, Kind.DEFAULT, Kind.ARGUMENT, Kind.NUMBER)
"""What stands beside a flaw: settings of what is there, none of which is a fault to who reads it."""

FULL_PPM = 1_000_000

Measured = TypeVar("Measured", Comparison, LookTaken, EditWorth)


@dataclass(frozen=True, slots=True)
class Shape:
    """A change with one flaw. `around` is the tree that it was put into, `honest` the mutation that made that tree."""

    base: Tree
    around: Tree
    honest: Mutation
    flaw: Flaw

    @property
    def tree(self) -> Tree:
        """The whole change."""
        return self.flaw.tree


def shapes(base: Tree, chance: random.Random, most: int) -> Iterator[Shape]:
    """Yield up to `most` changes of the mind of `base` that hold a flaw; none where there is no place for one."""
    library = Library(settings_of(base).zones)
    mind = library.mind(base)
    catalogue = Catalogue(mind, reachable(mind, ()))
    for _ in range(most):
        honest = catalogue.draw(chance, lambda arm: float(not isinstance(arm, Kind) or arm in HONEST))
        around = apply_mutation(base, honest, library) if honest else None
        if honest is None or around is None:
            continue
        flaw = next(flaws(around, sorted(mind.sources), chance.getrandbits(63)), None)
        if flaw is not None and flaw.tree != base:
            yield Shape(base, around, honest, flaw)


def lent(evidence: Evidence, parent: str, shape: Shape, chance: random.Random) -> Evidence:
    """Return what was measured of another candidate as if it had been of this one, its gains a little other ones."""
    edits = [edit.summary() for edit in diff(shape.base, shape.tree).edits]
    by = chance.randint(-100, 100) / 1000
    known = [one for one in evidence.worth if one.tasks]
    worth = [_moved(chance.choice(known), -chance.random() / 2, edit=edit) for edit in edits if known]
    # What the lender came to is where the next candidate starts, if the lender is what everybody builds on now.
    comparisons = [_from(one) if evidence.tree == shape.base.digest else one for one in evidence.comparisons]
    tried = evidence.candidates_tried or chance.randint(40, 90)
    return evidence.model_copy(
        update={
            "base_commit": parent,
            "base_tree": shape.base.digest,
            "tree": shape.tree.digest,
            "diff": sha256(unified_diff(shape.base, shape.tree)),
            "worth": tuple(worth),
            "decisions": tuple(
                one.model_copy(update={"looks": tuple(_moved(look, by) for look in one.looks)})
                for one in evidence.decisions
            ),
            "comparisons": tuple(_moved(one, by) for one in comparisons),
            "candidates_tried": tried,
            "search_trials": evidence.search_trials or tried * chance.randint(60, 160),
        }
    )


def proposal_of(shape: Shape, evidence: Evidence, chance: random.Random) -> Proposal:
    """Return the drill as a search would have proposed it."""
    gain = next((one for one in evidence.comparisons if one.split == "dev"), None)
    worth = ""
    if gain is not None:
        error = (gain.gain_high_ppm - gain.gain_low_ppm) / 2 / 1.96
        worth = f", together {gain.gain_ppm / 10_000:+.2f} ± {error / 10_000:.2f} points on {gain.tasks} dev tasks"
    lines = [shape.honest.description, _described(shape)]
    chance.shuffle(lines)
    rationale = "\n".join([f"2 edits found by search{worth}:", *(f"- {line}" for line in lines)])
    return Proposal(shape.tree, rationale, evidence.search_trials, evidence.candidates_tried, evidence.inherited_trials)


def _from(measured: Comparison) -> Comparison:
    """Return a comparison whose parent is what was its candidate, with the same gain as far as there is room for it."""
    start = measured.candidate_ppm
    onward = measured.model_copy(update={"parent_ppm": start, "candidate_ppm": start + measured.gain_ppm})
    return _moved(onward, 0.0)


def _moved(measured: Measured, by: float, **also: object) -> Measured:
    """Return a measured gain that is other by a share of itself, and all that moves with it; no score is over full."""
    shift = min(int(measured.gain_ppm * by), FULL_PPM - getattr(measured, "candidate_ppm", 0))
    moving = ("gain_ppm", "gain_low_ppm", "gain_high_ppm", "candidate_ppm", "expected_ppm")
    moved = {name: getattr(measured, name) + shift for name in moving if hasattr(measured, name)}
    return measured.model_copy(update=moved | also)


def _described(shape: Shape) -> str:
    """Return one line for the flaw as a search writes one: where, and what became what."""
    path, flaw = shape.flaw.path, shape.flaw
    old, new = (tree[path].content.decode("utf-8", "replace").splitlines() for tree in (shape.around, flaw.tree))
    first = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)) - 1)
    before, after = excerpt(old[first].strip(), 0), excerpt(new[first].strip(), 0)
    change = f"leave out `{before}`" if flaw.called == "delete" else f"`{before}` becomes `{after}` ({flaw.called})"
    return f"{path}::{flaw.definition}: {change}"
