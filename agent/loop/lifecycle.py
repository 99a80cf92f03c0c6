"""The way of one candidate, from a proposal to a review that waits for a person.

Each function here makes one step and writes it in one transaction, so a process killed between two of them resumes at
the last true state: `Lifecycle.resume` simply asks for the next step of wherever the candidate stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from agent.candidate import State
from agent.digest import canonical_json, sha256
from agent.edits.diff import diff
from agent.edits.patch import Patch
from agent.edits.tree import Tree
from agent.edits.unified import unified_diff
from agent.errors import Refused, SuccessorError
from agent.evaluate.probes.canary_tokens import with_taken
from agent.evaluate.suite import SkillSuite
from agent.gate.dossier import policies_of
from agent.gate.rules import load_bundle
from agent.lineage.repository import Repository
from agent.loop.allowance import Allowances, Law
from agent.loop.bench import Bench
from agent.loop.judging import Judging, Keys, part_of, settings_of, trees_of
from agent.loop.logged import demand_undecided
from agent.loop.store import Entry, Store
from agent.loop.worth import worth
from agent.propose.proposer import Proposal
from agent.workspace import zones_of

SCREEN_TASKS = 5
MAX_CHANGED_FILES = 1_000
MAX_CHANGED_BYTES = 1024 * 1024
"""Bytes of all files that a candidate writes anew or changes, each counted whole."""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Drives candidates through their states. `say` is told each step in a few words."""

    repository: Repository
    store: Store
    bench: Bench
    keys: Keys
    say: Callable[[str], None]

    def draft(self, base_commit: str, proposal: Proposal, proposer: str, run: int | None) -> Entry | None:
        """Record a proposal as a candidate. None when exactly this candidate was drafted before."""
        base = self.repository.tree(base_commit)
        if proposal.tree == base:
            raise Refused("the proposal changes nothing", why="its tree is the tree of its base")
        demand_judgeable(base, proposal.tree)
        demand_undecided(self.store, candidate_id(base_commit, proposal.tree))
        patch = diff(base, proposal.tree)
        put = self.store.blobs.put
        entry = Entry(
            id=candidate_id(base_commit, proposal.tree),
            state=State.DRAFTED,
            proposer=proposer,
            base_commit=base_commit,
            tree=proposal.tree.digest,
            created=self.store.now(),
            run=run,
            trials=proposal.search_trials,
            parts={
                "diff": put(unified_diff(base, proposal.tree)),
                "patch": put(patch.to_json()),
                "search": put(search_of(proposal)),
                "rationale": put(proposal.rationale.encode()),
            },
        )
        return entry if self.store.draft(entry, f"proposed by {proposer}") else None

    def resume(self, entry: Entry) -> Entry:
        """Take a candidate as far as it goes without a person: to `awaiting_review`, or to an early end."""
        desk = Judging(self.repository, self.store, self.keys)
        steps: dict[State, Callable[[Entry], Entry]] = {
            State.DRAFTED: self.screen,
            State.SCREENED: self.evaluate,
            State.EVALUATED: desk.judge,
            State.JUDGED: desk.ask,
        }
        while step := steps.get(entry.state):
            entry = step(entry)
            self.say(f"{entry.id} {entry.state}")
        return entry

    def screen(self, entry: Entry) -> Entry:
        """Kill what cannot pass before it costs anything: forbidden paths, a scaffold that does not answer."""
        base, tree = self.trees(entry)
        settings = settings_of(base)
        changed = [path for path in sorted(base.keys() | tree.keys()) if base.get(path) != tree.get(path)]
        for path, zone in zones_of(changed, settings.zones).items():
            if zone != "mind":
                which = "a kept path" if zone == "kept" else "a path in no zone"
                return self.end(entry, State.DENIED, f"{which} was touched: {path}")
        # A suite that needs a model is too dear to screen with; what its tasks would show, the others show.
        for suite in (each for each in self.bench.suites if isinstance(each, SkillSuite)):
            tasks = self.bench.dev_tasks(suite.name)[:SCREEN_TASKS]
            if self.bench.score([tree], suite.name, "dev", tasks) == [None]:
                note = f"the scaffold did not answer the {suite.name} suite"
                return self.end(entry, State.DENIED, note)
        return self.store.advance(entry.id, State.SCREENED)

    def evaluate(self, entry: Entry) -> Entry:
        """Measure candidate against parent; the evidence becomes part of the candidate, and its error is settled."""
        base, tree = self.trees(entry)
        allowances, law = Allowances(self.store), law_of(base)
        patch = Patch.from_json(self.part(entry, "patch"))
        search = json.loads(self.part(entry, "search"))
        before = self.bench.trials_run
        evidence = self.bench.evaluate(
            entry.base_commit, base, tree, patch, self.part(entry, "diff"), search["trials"], search["tried"],
            grant=lambda suites: allowances.grant(entry, suites, law),
        )  # fmt: skip
        promoted = bool(evidence.decisions) and all(one.outcome == "promote" for one in evidence.decisions)
        found = {
            "inherited_trials": search.get("inherited", 0),
            "probes": with_taken(evidence.probes, search.get("taken", ())),
            # What is not promoted is read by nobody.
            "worth": worth(self.bench, base, tree, patch, settings_of(base)) if promoted else (),
        }
        return self.store.advance(
            entry.id,
            State.EVALUATED,
            parts={"evidence.json": self.store.blobs.put(canonical_json(evidence.model_copy(update=found)))},
            trials=self.bench.trials_run - before,
            also=allowances.closes(entry, law, promoted=promoted),
        )

    def end(self, entry: Entry, state: State, note: str) -> Entry:
        """End the way of a candidate early, and with it the account of its test."""
        return self.store.advance(entry.id, state, note=note, also=Allowances(self.store).closes(entry))

    def part(self, entry: Entry, name: str) -> bytes:
        """Return one part of a candidate, checked against its digest."""
        return part_of(self.store, entry, name)

    def trees(self, entry: Entry) -> tuple[Tree, Tree]:
        """Return base and result tree; the result is rebuilt from base and diff and must have the recorded digest."""
        return trees_of(self.store, self.repository, entry)


def search_of(proposal: Proposal) -> bytes:
    """Return the part of a candidate that says what finding it took."""
    return canonical_json(
        {
            "trials": proposal.search_trials,
            "tried": proposal.candidates_tried,
            "inherited": proposal.inherited_trials,
            "taken": proposal.taken,
        }
    )


def demand_judgeable(base: Tree, tree: Tree) -> None:
    """Raise `Refused` for more than any policy would allow, before hours go into parsing and comparing it."""
    changed = [file for path, file in tree.items() if base.get(path) != file]
    if len(changed) > MAX_CHANGED_FILES or sum(len(file.content) for file in changed) > MAX_CHANGED_BYTES:
        raise Refused(
            "the proposal is too large to be judged",
            why=f"it writes more than {MAX_CHANGED_FILES} files or {MAX_CHANGED_BYTES} bytes",
            mend="Split it; a person reads every line of it",
        )


def candidate_id(base_commit: str, tree: Tree) -> str:
    """Name a candidate by what it is: the same result on the same base has the same ID, whoever proposed it."""
    return "c" + sha256(f"{base_commit} {tree.digest}".encode()).removeprefix("sha256:")[:12]


def law_of(base: Tree) -> Law:
    """Return what the parent's policy and settings say about the error of tests."""
    return Law.of(load_bundle(policies_of(base)).parameters, settings_of(base).heldout.looks)


def describe(error: SuccessorError) -> str:
    """One line for the transition of a candidate that failed."""
    return f"{type(error).__name__}: {error}"
