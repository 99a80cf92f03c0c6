"""Histories of any length, made by code: real keys, real signatures, the shipped template and the shipped law.

Only the measurements are invented: each candidate's facts are the good document of the law with other numbers. Every
tenth successor is followed by a candidate that a person rejected. Nothing is written that `successor` would not have
written, so that an audit finds nothing.
"""

from __future__ import annotations

import copy
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.candidate import (
    Allowance,
    Comparison,
    Deciding,
    Evidence,
    LookTaken,
    ProbeResult,
    SandboxRecord,
    TestReport,
)
from agent.cli.init import template
from agent.digest import canonical_json, sha256
from agent.edits.tree import File, Tree
from agent.edits.unified import unified_diff
from agent.gate.document import DecisionFact
from agent.gate.dossier import Case, assemble, policies_of
from agent.gate.facts import Facts
from agent.gate.review import Decision, ReviewRequest, new_nonce, sign_review
from agent.gate.rules import facts_of, load_bundle
from agent.gate.signer import MachineKey
from agent.gate.trust import Person, PersonKey, new_root
from agent.gate.verdict import Memory, judge_read
from agent.lineage.gate_log import EntryKind, LogEntry, first_head, genesis_bundle
from agent.lineage.trailers import Trailers, write_message
from bench.packed_log import PackedLog

START = 1_900_000_000
LEVELS = ("reduced", "container", "hardened")
KEPT_EVERY = 10


@dataclass(frozen=True)
class History:
    """A bare repository with a history, and what an auditor must know of it."""

    folder: Path
    root: str
    successors: int
    entries: int
    gate: str
    """The public line of the gate's key."""


def make(folder: Path, successors: int, seed: int = 7) -> History:
    """Make the bare repository `folder`, which is not there yet, with so many successors."""
    subprocess.run(["git", "init", "--quiet", "--bare", "--template=", str(folder)], check=True)
    return _Maker(folder, seed).run(successors)


class _Maker:
    """Writes one history."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder = folder
        self._dice = random.Random(seed)
        self._gate, self._evaluator, self._alice = (MachineKey.generate() for _ in range(3))
        self._tree = template("container", "bench")
        self._law = load_bundle(policies_of(self._tree))
        self._good = self._law.good.model_dump(mode="json", by_alias=True, exclude={"schema_", "derived"})
        self._memory = Memory()
        alice = Person(name="alice", keys=(PersonKey(key=self._alice.key.line),))
        self._root = new_root((alice,), gate=self._gate.key, evaluator=self._evaluator.key)
        self._time, self._tested = START, 0
        self._places = [path for path in self._tree if path.startswith("scaffold/") and path.endswith(".py")]
        self._log = PackedLog(folder, self._tree, self._gate, first_head(self._root.fingerprint))

    def run(self, successors: int) -> History:
        """Write the first generation and all decisions, then the refs."""
        parent = self._log.commit(self._tree, None, START, "Generation 0\n")
        bundle = genesis_bundle(self._root.content)
        self._record("genesis", bundle, None, commit=parent, tree=self._tree.digest)
        refs = {"refs/heads/main": parent}
        for number in range(successors):
            parent = self._successor(parent, f"c{number:06d}")
            refs[f"refs/heads/successor/c{number:06d}"] = parent
            if number % KEPT_EVERY == KEPT_EVERY - 1:
                request, bundle = self._decided(parent, f"r{number:06d}", self._changed(), Decision.REJECT)
                self._record("rejected", bundle, request, by=("alice",), reason="as it says")
        self._log.close(refs)
        return History(
            self._folder, self._root.fingerprint, successors, self._log.head.frontier.size, self._gate.key.line
        )

    def _successor(self, parent: str, candidate: str) -> str:
        tree = self._changed()
        request, bundle = self._decided(parent, candidate, tree, Decision.APPROVE)
        policy, index = (request.policy, request.policy_version), self._log.head.frontier.size
        message = write_message(Trailers(candidate, index, bundle.digest, *policy, ("alice",)), "a change")
        commit = self._log.commit(tree, parent, self._time, message)
        self._record("successor", bundle, request, commit=commit, by=("alice",))
        self._tree = tree
        return commit

    def _decided(self, parent: str, candidate: str, tree: Tree, decision: Decision) -> tuple[ReviewRequest, Tree]:
        """Measure, judge and review a candidate; return the request and what is stored beside the entry."""
        self._time += 60
        case = Case(candidate, parent, self._tree, tree, self._root.fingerprint, "codemod")
        raw = self._measured(case)
        facts = facts_of(raw, "the candidate")
        verdict = judge_read(self._law, canonical_json(facts), self._memory)
        dossier = assemble(
            case, evidence_of(facts), facts, verdict, gate=self._gate, evaluator=self._evaluator, nonce=new_nonce(),
            expires=self._time + 3600,
        )  # fmt: skip
        review = sign_review(dossier.request, decision, "as it says", "alice", self._alice)
        return dossier.request, dossier.bundle((review,))

    def _record(self, kind: EntryKind, bundle: Tree, request: ReviewRequest | None, **named: Any) -> None:
        about = {
            "candidate": request and request.candidate, "base_commit": request and request.base_commit,
            "commit": None, "tree": request and request.manifest, "by": (), "reason": "", **named,
        }  # fmt: skip
        previous = self._log.previous.digest if self._log.previous else None
        index = self._log.head.frontier.size
        entry = LogEntry(index=index, kind=kind, previous=previous, time=self._time, bundle=bundle.digest, **about)
        self._log.record(entry, bundle)

    def _changed(self) -> Tree:
        """One line of one file of the scaffold says another thing."""
        path = self._dice.choice(self._places)
        lines = [line for line in self._tree[path].content.split(b"\n") if not line.startswith(b"# generation ")]
        lines.insert(len(lines) // 2, f"# generation {self._dice.getrandbits(64):016x}".encode())
        return self._log.changed(self._tree, path, File(b"\n".join(lines)))

    def _measured(self, case: Case) -> dict[str, Any]:
        """Other numbers on the good document of the law, about these very trees."""
        raw = copy.deepcopy(self._good)
        raw["subject"] = {
            "base_commit": case.base_commit, "base_tree": case.base.digest, "tree": case.tree.digest,
            "diff": sha256(unified_diff(case.base, case.tree)),
        }  # fmt: skip
        for item in raw["evidence"]["comparisons"]:
            shift = self._dice.randrange(5000) if item["suite"] == "search" else 0
            for name in ("candidate_ppm", "gain_ppm", "gain_low_ppm", "gain_high_ppm"):
                item[name] += shift
        raw["evidence"]["trials"] += self._dice.randrange(100)
        # After so many looks people give a suite new held-out tasks.
        for item in raw["evidence"]["decisions"]:
            looked, exam = self._tested % item["looks_allowed"], self._tested // item["looks_allowed"]
            item |= {"exam": sha256(b"exam %d" % exam), "looks_used": looked + 1}
        self._tested += 1
        return raw


def evidence_of(facts: Facts) -> Evidence:
    """Evidence of which these could be the facts."""
    about, seen = facts.subject, facts.evidence
    digest = "sha256:" + "6" * 64
    return Evidence(
        base_commit=about.base_commit, base_tree=about.base_tree, tree=about.tree, diff=about.diff,
        tests=tuple(TestReport.model_validate(_shared(one, TestReport)) for one in seen.tests),
        comparisons=tuple(
            Comparison.model_validate({**_shared(one, Comparison), "suite_digest": digest}) for one in seen.comparisons
        ),
        decisions=tuple(_deciding(one) for one in seen.decisions),
        probes=tuple(ProbeResult.model_validate(_shared(one, ProbeResult)) for one in seen.probes),
        sandbox=SandboxRecord.model_validate(
            {**_shared(seen.sandbox, SandboxRecord), "level": LEVELS[seen.sandbox.level - 1]}
        ),
        trials=seen.trials, search_trials=seen.search_trials, candidates_tried=seen.candidates_tried,
    )  # fmt: skip


def _deciding(fact: DecisionFact) -> Deciding:
    """A test of which this could be the fact: only its last look gave a value."""
    look = LookTaken(
        number=1, decision="promote", pairs=600, of=600, families=120, gain_ppm=0, gain_low_ppm=0, gain_high_ppm=0,
        expected_ppm=0, better_ppm=0, p_value_ppb=fact.p_value_ppb, chance_ppm=0,
    )  # fmt: skip
    return Deciding(
        suite=fact.suite, suite_digest="sha256:" + "6" * 64, exam=fact.exam, outcome=fact.outcome, why="", tasks=600,
        families=120, repeats=1, allowance=Allowance.model_validate(_shared(fact, Allowance)),
        looks=(look,) * fact.looks,
    )  # fmt: skip


def _shared(fact: Any, record: Any) -> dict[str, Any]:
    """The fields of a fact that the record has as well."""
    return {name: value for name, value in fact.model_dump().items() if name in record.model_fields}
