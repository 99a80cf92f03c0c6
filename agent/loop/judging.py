"""The judgement of a candidate that was measured: facts, verdict, and what people are then asked to sign.

Needs neither a sandbox nor a suite, so that a denied candidate can be judged again when people have waived a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from agent.candidate import Evidence, State
from agent.digest import canonical_json
from agent.edits.patch import Patch
from agent.edits.tree import Tree
from agent.edits.unified import apply_unified
from agent.errors import Refused, StoreBroken
from agent.gate.dossier import Case, Dossier, assemble, policies_of
from agent.gate.facts import Facts, collect
from agent.gate.note import NoteSigner
from agent.gate.review import new_nonce
from agent.gate.rules import load_bundle
from agent.gate.signature import Signer
from agent.gate.verdict import Verdict, judge_document
from agent.lineage.repository import Repository
from agent.lineage.succession import read_log, record_rejection
from agent.lineage.waivers import with_waivers
from agent.loop.store import Entry, Store
from agent.workspace import SETTINGS_FILE, Settings, parse_settings


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the machines: what the evaluator measured and what the gate judged is signed with them."""

    gate: NoteSigner
    evaluator: Signer


@dataclass(frozen=True, slots=True)
class Judging:
    """The desk at which a candidate is judged."""

    repository: Repository
    store: Store
    keys: Keys

    def judge(self, entry: Entry) -> Entry:
        """Let the parent's policies judge the facts."""
        base, tree = trees_of(self.store, self.repository, entry)
        evidence = Evidence.model_validate_json(self._part(entry, "evidence.json"))
        patch = Patch.from_json(self._part(entry, "patch"))
        facts = collect(base, tree, patch, settings_of(base).zones, evidence)
        verdict = self._verdict(entry, base, tree, facts)
        parts = {
            "facts.json": self.store.blobs.put(canonical_json(facts)),
            "verdict.json": self.store.blobs.put(canonical_json(verdict)),
        }
        return self.store.advance(entry.id, State.JUDGED, parts=parts)

    def ask(self, entry: Entry) -> Entry:
        """Write and sign the dossier: open the review of an allowed candidate, record the denial of any other."""
        verdict = Verdict.model_validate_json(self._part(entry, "verdict.json"))
        dossier = self._dossier(entry, verdict)
        parts = {name: self.store.blobs.put(content) for name, content in dossier.files.items()}
        if verdict.allowed:
            return self.store.advance(entry.id, State.AWAITING_REVIEW, parts=parts)
        reasons = "; ".join(result.reason for result in verdict.results if not result.holds)
        record_rejection(
            self.repository, dossier, gate=self.keys.gate, now=self.store.now(), by="gate", reason=reasons[:2000],
            kind="denied",
        )  # fmt: skip
        return self.store.advance(entry.id, State.DENIED, note=reasons, parts=parts)

    def _dossier(self, entry: Entry, verdict: Verdict) -> Dossier:
        base, tree = trees_of(self.store, self.repository, entry)
        return assemble(
            case_for(entry, base, tree, read_log(self.repository).workspace),
            Evidence.model_validate_json(self._part(entry, "evidence.json")),
            Facts.model_validate_json(self._part(entry, "facts.json")),
            verdict,
            gate=self.keys.gate,
            evaluator=self.keys.evaluator,
            nonce=new_nonce(),
            expires=self.store.now() + settings_of(base).review.expires_hours * 3600,
        )

    def again(self, entry: Entry) -> Entry:
        """Open a denied candidate again when recorded waivers allow it now; else leave it as it is."""
        base, tree = trees_of(self.store, self.repository, entry)
        verdict = self._verdict(entry, base, tree, Facts.model_validate_json(self._part(entry, "facts.json")))
        if not verdict.allowed:
            return entry
        names = ", ".join(f"{one.rule} by entry {one.entry}" for one in verdict.waived)
        parts = {"verdict.json": self.store.blobs.put(canonical_json(verdict))}
        return self.ask(self.store.advance(entry.id, State.JUDGED, note=f"waived: {names}", parts=parts))

    def _verdict(self, entry: Entry, base: Tree, tree: Tree, facts: Facts) -> Verdict:
        """What the parent's law says, and what people let go of it."""
        bundle = load_bundle(policies_of(base))
        verdict = judge_document(bundle, canonical_json(facts))
        if verdict.allowed:
            return verdict
        log = read_log(self.repository)
        case = case_for(entry, base, tree, log.workspace)
        return with_waivers(self.repository, log, verdict, bundle, case, self.store.now())

    def _part(self, entry: Entry, name: str) -> bytes:
        return part_of(self.store, entry, name)


def case_for(entry: Entry, base: Tree, tree: Tree, workspace: str) -> Case:
    """Return what the dossier of a candidate is about."""
    return Case(entry.id, entry.base_commit, base, tree, workspace, entry.proposer)


def part_of(store: Store, entry: Entry, name: str) -> bytes:
    """Return the part `name` of a candidate; `StoreBroken` when it is missing or damaged."""
    if name not in entry.parts:
        raise StoreBroken(f"candidate {entry.id} has no {name}", mend=f"It is {entry.state}; see: successor status")
    return store.blobs.get(entry.parts[name])


def trees_of(store: Store, repository: Repository, entry: Entry) -> tuple[Tree, Tree]:
    """Return base and result tree of a candidate; `StoreBroken` when the stored diff does not give the result."""
    base = repository.tree(entry.base_commit)
    try:
        tree = _applied(base, part_of(store, entry, "diff"))
    except Refused as error:
        raise StoreBroken(f"the stored diff of {entry.id} does not fit its base", why=str(error)) from error
    if tree.digest != entry.tree:
        raise StoreBroken(
            f"the stored diff of {entry.id} does not give its recorded tree", why="one of them was altered"
        )
    return base, tree


def settings_of(base: Tree) -> Settings:
    """Return the parent's settings: a candidate is judged by the rules of its base, never by its own."""
    return parse_settings(base[SETTINGS_FILE].content if SETTINGS_FILE in base else b"")


@lru_cache(maxsize=2)
def _applied(base: Tree, diff: bytes) -> Tree:
    """Every step of a candidate asks for the same result again."""
    return apply_unified(base, diff)
