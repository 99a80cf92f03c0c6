"""What the gate costs: a verdict over full facts, and the way from a candidate to the question, without trials."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent.candidate import Evidence, LeftOut, State
from agent.cli.init import create, template
from agent.cli.parts import load_keys
from agent.digest import sha256
from agent.edits.tree import File, Tree
from agent.edits.unified import unified_diff
from agent.gate.dossier import policies_of
from agent.gate.rules import load_bundle
from agent.gate.signer import MachineKey
from agent.gate.verdict import judge
from agent.lineage.repository import Repository
from agent.loop.lifecycle import Lifecycle
from agent.loop.store import Store
from agent.propose.proposer import Proposal
from agent.workspace import STATE_FOLDER
from bench.history import evidence_of
from bench.measure import Measure, median

VERDICTS = 300
CANDIDATES = 15
LINES = 400
MOST_IN_A_FILE = 140
_NO_MODEL = LeftOut(suite="coding", task="", why="it needs a model")


def measures() -> list[Measure]:
    """Time both, each many times."""
    return [_verdict(), _way()]


def _verdict() -> Measure:
    law = load_bundle(policies_of(template("container", "bench")))
    times = [_timed(lambda: judge(law, law.good)) for _ in range(VERDICTS)]
    against = f"{len(law.rules)} rules in two engines"
    return Measure("gate.verdict_ms_p50", median(times), "ms", "<= 5", against, VERDICTS)


def _way() -> Measure:
    """Each candidate changes four hundred lines; what is measured about it is given, so that only the gate is timed."""
    with tempfile.TemporaryDirectory(prefix="successor-bench-") as folder:
        place = Path(folder) / "workspace"
        create(place, "bench", MachineKey.generate().key, "container", demo=True)
        state = place / STATE_FOLDER
        store = Store(state, clock=lambda: 1_900_000_000)
        try:
            with Repository.open(place) as repository:
                times = [_one(repository, store, state, number) for number in range(CANDIDATES)]
        finally:
            store.close()
    against = f"{LINES} changed lines; diff, facts, verdict, dossier, two signatures, store"
    return Measure("gate.to_review_ms_p50", median(times), "ms", "<= 300", against, CANDIDATES)


def _one(repository: Repository, store: Store, state: Path, number: int) -> float:
    base_commit = repository.head()
    base = repository.tree(base_commit)
    tree = _changed(base, number)
    bench: Any = _Given(base, tree)
    lifecycle = Lifecycle(repository, store, bench, load_keys(state), lambda _: None)
    proposal = Proposal(tree, "", 0, 1)
    ended: list[State] = []

    def walk() -> None:
        entry = lifecycle.draft(base_commit, proposal, "bench", None)
        ended.append(lifecycle.resume(entry).state if entry else State.FAILED)

    took = _timed(walk)
    if ended[0] is not State.AWAITING_REVIEW:
        notes = [step.note for step in store.transitions(store.candidates()[-1].id)]
        raise RuntimeError(f"a candidate ended as {ended[0]}: {notes[-1]}")
    return took


def _changed(base: Tree, number: int) -> Tree:
    """Four hundred lines are other lines: comments in the files of the scaffold."""
    left, tree = LINES, base
    for path in [path for path in base if path.startswith("scaffold/") and path.endswith(".py")]:
        lines = base[path].content.split(b"\n")
        new = [f"# {number} {at}".encode() for at in range(min(left, MOST_IN_A_FILE))]
        left -= len(new)
        tree = tree.with_file(path, File(b"\n".join([*lines[:-1], *new, b""])))
    if left:
        raise RuntimeError("the scaffold has too few files")
    return tree


class _Given:
    """Stands where the evaluator stands, and says what was measured without measuring."""

    def __init__(self, base: Tree, tree: Tree) -> None:
        self.trials_run = 0
        self.suites: tuple[Any, ...] = ()
        self._law = load_bundle(policies_of(base))
        self._base, self._tree = base, tree

    def evaluate(self, base_commit: str, base: Tree, tree: Tree, *_: Sequence[Any], **__: Any) -> Evidence:
        """Return evidence of the good document, about these trees."""
        about = {"base_commit": base_commit, "base_tree": base.digest, "tree": tree.digest, "left_out": (_NO_MODEL,)}
        return evidence_of(self._law.good).model_copy(update={**about, "diff": sha256(unified_diff(base, tree))})

    def shown(self, _: Tree) -> str:
        """What trials see of any tree: always the same, so that no trial is asked for what an edit is worth."""
        return "the same"


def _timed(what: Any) -> float:
    started = time.perf_counter()
    what()
    return (time.perf_counter() - started) * 1000
