"""A small real workspace with a history, made by code: what the tests of lineage and the attacks start from.

Everything is real except the measurements: real git, real keys, real policy, real facts. `World.force` is the attacker
who holds the gate's key: it records whatever it is told, without a check.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

from agent.candidate import Evidence, SandboxRecord
from agent.digest import canonical_json, sha256
from agent.edits.tree import File, Tree
from agent.edits.unified import unified_diff
from agent.gate.dossier import Case, Dossier, assemble, policies_of
from agent.gate.facts import collect
from agent.gate.note import Note, Verifier, parse_note
from agent.gate.review import Decision, new_nonce, sign_review
from agent.gate.revocation import Revocation, sign_revocation
from agent.gate.rules import load_bundle
from agent.gate.signer import MachineKey
from agent.gate.statement import Subject
from agent.gate.trust import Person, PersonKey, TrustRoot, new_root, parse_root
from agent.gate.trust_change import sign_change
from agent.gate.verdict import Verdict, Waived, judge
from agent.gate.waiver import Waiver, sign_waiver, waiver_files
from agent.lineage.afterwards import record_revocation, record_root, record_waiver, record_witnessed
from agent.lineage.gate_log import LogEntry, append, read_entry
from agent.lineage.objects import NewObjects, gate_commit
from agent.lineage.repository import Move, Repository
from agent.lineage.succession import commit_successor, create_workspace, read_log, record_rejection
from agent.lineage.trailers import Trailers, write_message
from agent.workspace import Zones

START = 1_900_000_000
WEEK = 7 * 24 * 3600
ZONES = Zones(mind=["scaffold/**"], kept=["policies/**", "successor.toml"])
SETTINGS = """schema = 1
name = "small"
objective = "be better"
suites = []
[zones]
mind = ["scaffold/**"]
kept = ["policies/**", "successor.toml"]
[review]
approvals = {approvals}
"""
BUNDLE = b"schema: successor.policy/v1\nfacts: successor.facts/v5\nversion: {v}\nparameters:\n  most_lines: 20\nrules:\n- size.yaml\n"
RULE = b"""rules:
- id: size
  title: The patch is small
  why: A person reads every line of it
  rule: f.derived.lines_changed <= p.most_lines
  deny: '"too many lines"'
  mend: Propose a smaller patch
  waivable: true
  examples:
  - expect: allow
  - set: {patch.files: []}
    expect: deny
- id: modes
  title: No file becomes executable
  why: A file that starts by itself goes around the interpreter
  rule: f.derived.mode_changes.size() == 0
  deny: '"modes are changed"'
  mend: Leave the modes as they are
  examples:
  - expect: allow
  - set: {patch.files: []}
    expect: deny
"""


def git(folder: Path, *arguments: str, check: bool = True, stdin: bytes | None = None) -> str:
    """Run real git with a constant identity; the attacker's tool."""
    command = [
        "git",
        "-c",
        "user.name=mallory",
        "-c",
        "user.email=m@example.invalid",
        "-c",
        "protocol.file.allow=always",
    ]
    done = subprocess.run([*command, "-C", str(folder), *arguments], input=stdin, capture_output=True, check=False)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def generation_zero(approvals: int = 1, version: int = 1) -> Tree:
    """The files of the first generation, with a policy that allows twenty changed lines."""
    files = {
        "successor.toml": File(SETTINGS.format(approvals=approvals).encode()),
        "scaffold/search.py": File(b"LIMIT = 10\n\n\ndef rank(names):\n    return sorted(names)[:LIMIT]\n"),
        "scaffold/run.sh": File(b"#!/bin/sh\nexec python -m scaffold\n", executable=True),
    }
    bare = Tree(files)
    after = bare.with_file("scaffold/search.py", File(b"LIMIT = 11\n"))
    facts = collect(bare, after, SimpleNamespace(edits=(1,)), ZONES, evidence_of("0" * 40, bare, after))
    good = facts.model_dump(mode="json", by_alias=True, exclude={"schema_", "derived"})
    policy = {
        "policies/bundle.yaml": BUNDLE.replace(b"{v}", str(version).encode()),
        "policies/good.yaml": json.dumps(good).encode(),
        "policies/size.yaml": RULE,
    }
    return Tree({**files, **{path: File(content) for path, content in policy.items()}})


def evidence_of(base_commit: str, base: Tree, tree: Tree) -> Evidence:
    """Evidence that says little, about the right trees."""
    return Evidence(
        base_commit=base_commit,
        base_tree=base.digest,
        tree=tree.digest,
        diff=sha256(unified_diff(base, tree)),
        tests=(),
        comparisons=(),
        probes=(),
        sandbox=SandboxRecord(
            backend="none", level="container", runtime=sha256(b"r"), network="none", limits=sha256(b"l")
        ),
        trials=1,
        search_trials=2,
        candidates_tried=3,
    )


@dataclass
class World:
    """A workspace, and all keys of everyone in it."""

    folder: Path
    gate: MachineKey
    evaluator: MachineKey
    people: Mapping[str, MachineKey]
    root: TrustRoot
    clock: int = START
    dossiers: dict[str, Dossier] = field(default_factory=dict)

    @classmethod
    def create(cls, folder: Path, *, approvals: int = 1, demo: bool = False, start: int = START) -> "World":
        """Make the workspace and its first generation."""
        gate, evaluator = MachineKey.generate(), MachineKey.generate()
        people = {name: MachineKey.generate() for name in ("alice", "bob", "alice's other key")}
        alice = (PersonKey(key=people["alice"].key.line), PersonKey(key=people["alice's other key"].key.line))
        persons = (
            Person(name="alice", keys=alice),
            Person(name="bob", keys=(PersonKey(key=people["bob"].key.line, demo=demo),)),
        )
        root = new_root(persons, gate=gate.key, evaluator=evaluator.key)
        create_workspace(folder, generation_zero(approvals), root, gate, start).close()
        return cls(folder, gate, evaluator, people, root, start)

    @classmethod
    def with_history(cls, folder: Path) -> "World":
        """Five decisions: a1 on the first generation, b2 rejected, c3 on a1, d4 denied by the policy, e5 on c3."""
        world = cls.create(folder)
        world.approve(world.draft("a1"), "alice")
        world.reject(world.draft("b2"), "bob", by="bob")
        world.approve(world.draft("c3", "successor/a1"), "bob", "alice")
        world.reject(world.draft("d4", change=longer), kind="denied", by="policy")
        world.approve(world.draft("e5", "successor/c3", proposer="bob"), "alice's other key")
        return world

    def copy(self, folder: Path) -> "World":
        """The same world in another folder, to be spoilt."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return replace(self, folder=folder, dossiers=dict(self.dossiers))

    def open(self) -> Repository:
        """The workspace's repository."""
        return Repository.open(self.folder)

    def tip(self, branch: str) -> str:
        """The commit of a branch."""
        return git(self.folder, "rev-parse", "--verify", f"refs/heads/{branch}")

    def draft(
        self,
        candidate: str,
        base: str = "main",
        change: Callable[[Tree], Tree] | None = None,
        *,
        proposer: str = "codemod",
        expires: int = START + WEEK,
        verdict: Callable[[Verdict], Verdict] = lambda v: v,
        case: Callable[[Case], Case] = lambda c: c,
        evidence: Callable[[Evidence], Evidence] = lambda e: e,
        evaluator: MachineKey | None = None,
        gate: MachineKey | None = None,
        waived: Mapping[str, int] | None = None,
    ) -> Dossier:
        """Judge a candidate as the loop does, and return what people are asked to sign.

        `waived` are entries of the gate log that the verdict names for rules, whatever they hold.
        """
        with self.open() as repository:
            base_commit = self.tip(base)
            before = repository.tree(base_commit)
        after = (change or edited(candidate))(before)
        about = case(Case(candidate, base_commit, before, after, self.root.fingerprint, proposer))
        measured = evidence(evidence_of(about.base_commit, about.base, about.tree))
        facts = collect(about.base, about.tree, SimpleNamespace(edits=(1,)), ZONES, measured)
        judged = verdict(judge(load_bundle(policies_of(about.base)), facts))
        if waived:
            judged = self.resting(judged, waived)
        keys = {"gate": gate or self.gate, "evaluator": evaluator or self.evaluator}
        dossier = assemble(about, measured, facts, judged, **keys, nonce=new_nonce(), expires=expires)
        self.dossiers[candidate] = dossier
        return dossier

    def sign(
        self,
        dossier: Dossier,
        *people: str,
        decision: Decision = Decision.APPROVE,
        key: MachineKey | None = None,
        since: str | None = None,
    ) -> list[bytes]:
        """Let people sign a decision."""
        return [
            sign_review(dossier.request, decision, "", name.partition("'")[0], key or self.people[name], since=since)
            for name in people
        ]

    def approve(self, dossier: Dossier, *people: str, since: str | None = None) -> str:
        """Approve and commit; return the successor commit."""
        self.clock += 60
        with self.open() as repository:
            done = commit_successor(
                repository,
                dossier,
                self.sign(dossier, *people, since=since),
                gate=self.gate,
                now=self.clock,
                title="a change",
            )
        assert done.commit
        return done.commit

    def reject(self, dossier: Dossier, *people: str, kind: str = "rejected", by: str = "alice") -> None:
        """Record a rejection, signed by `people` if any."""
        self.clock += 60
        reviews = self.sign(dossier, *people, decision=Decision.REJECT)
        with self.open() as repository:
            record_rejection(
                repository, dossier, gate=self.gate, now=self.clock, by=by, reason="no", reviews=reviews, kind=kind
            )

    def force(
        self,
        dossier: Dossier,
        reviews: list[bytes],
        *,
        tree: Tree | None = None,
        tree_id: str | None = None,
        bundle: Callable[[Tree], Tree] = lambda b: b,
        entry: Callable[[LogEntry], LogEntry] = lambda e: e,
        commit: Callable[[bytes], bytes] = lambda c: c,
        message: Callable[[str], str] = lambda m: m,
        signer: MachineKey | None = None,
        log_commit: Callable[[bytes], bytes] = lambda c: c,
        by: tuple[str, ...] = ("alice",),
    ) -> str:
        """Record a successor with the gate's key and without a single check; return its commit."""
        self.clock += 60
        request = dossier.request
        with self.open() as repository:
            log = read_log(repository)
            objects = NewObjects()
            stored = bundle(dossier.bundle(tuple(reviews)))
            index = log.last.index + 1
            trailers = Trailers(request.candidate, index, stored.digest, request.policy, request.policy_version, by)
            result = tree if tree is not None else applied(repository, dossier)
            body = gate_commit(
                tree_id or objects.add_tree(result),
                request.base_commit,
                self.clock,
                message(write_message(trailers)),
                signer or self.gate,
            )
            successor = objects.add("commit", commit(body))
            made = entry(
                LogEntry(
                    index=index,
                    kind="successor",
                    previous=log.last.digest,
                    time=self.clock,
                    bundle=stored.digest,
                    candidate=request.candidate,
                    base_commit=request.base_commit,
                    commit=successor,
                    tree=result.digest,
                    by=by,
                    reason="",
                )
            )
            tip = append(objects, repository.read, (log.commit, log.tree), entry=made, bundle=stored, gate=self.gate)
            _, content = objects.read(tip) or ("commit", b"")
            tip = objects.add("commit", log_commit(content))
            repository.write(objects)
            branch = f"refs/heads/successor/{made.candidate}"
            old = git(self.folder, "rev-parse", "--verify", "--quiet", branch, check=False) or None
            repository.move([Move("refs/heads/gate-log", tip, log.commit), Move(branch, made.commit or successor, old)])
            return successor

    def force_entry(self, kind: str, bundle: Tree, *, gate: MachineKey | None = None, **fields: object) -> str:
        """Append an entry of any kind with the gate's key and without a single check; return the log commit."""
        self.clock += 60
        with self.open() as repository:
            log = read_log(repository)
            about = {"candidate": None, "base_commit": None, "commit": None, "tree": None, "by": (), "reason": ""}
            entry = LogEntry.model_construct(
                schema_="successor.log-entry/v1", index=log.last.index + 1, kind=kind, previous=log.last.digest,
                time=self.clock, bundle=bundle.digest, **{**about, **fields},
            )  # fmt: skip
            objects = NewObjects()
            tip = append(
                objects, repository.read, (log.commit, log.tree), entry=entry, bundle=bundle, gate=gate or self.gate
            )
            repository.write(objects)
            repository.move([Move("refs/heads/gate-log", tip, log.commit)])
        return tip

    def revocation(self, successor: str, by: str = "alice", reason: str = "it is slow", **changes: object) -> bytes:
        """A signed revocation of a successor."""
        with self.open() as repository:
            commit = self.tip(f"successor/{successor}")
            tree = repository.tree(commit)
        name = by.partition("'")[0]
        about = {
            "workspace": self.root.fingerprint,
            "candidate": successor,
            "commit": commit,
            "reason": reason,
            "by": name,
        }
        said = Revocation.model_validate({**about, **changes})
        return sign_revocation(said, Subject(tree.git_id, tree.digest), self.people[by])

    def revoke(self, candidate: str, by: str = "alice") -> None:
        """Revoke a successor as the command does."""
        self.clock += 60
        with self.open() as repository:
            record_revocation(repository, self.revocation(candidate, by), gate=self.gate, now=self.clock)

    def resting(self, verdict: Verdict, waived: Mapping[str, int]) -> Verdict:
        """A verdict that names waivers."""
        with self.open() as repository:
            log = read_log(repository)
            named = [
                Waived(rule=rule, entry=index, waiver=read_entry(repository.read, log.tree, index)[1].digest)
                for rule, index in waived.items()
            ]
        return Verdict.model_validate({**dict(verdict), "allowed": True, "waived": tuple(named)})

    def waiver(self, dossier: Dossier, by: str = "alice", *, key: MachineKey | None = None, **changes: object) -> bytes:
        """A waiver of the rule `size` for a candidate, signed by a person."""
        request = dossier.request
        about = {
            "workspace": self.root.fingerprint, "base_commit": request.base_commit, "policy": request.policy,
            "rules": ("size",), "candidate": request.candidate, "diff": request.diff, "decisions": 1,
            "last_entry": 100, "expires": self.clock + WEEK, "nonce": request.nonce, "reason": "it is long for a reason",
            "by": by.partition("'")[0],
        }  # fmt: skip
        subject = changes.pop("subject", Subject(request.tree, request.manifest))
        return sign_waiver(Waiver.model_validate({**about, **changes}), subject, key or self.people[by])

    def waive(self, dossier: Dossier, *people: str, **changes: object) -> int:
        """Record a waiver as the command does; return its entry."""
        self.clock += 60
        signed = [self.waiver(dossier, name, **changes) for name in people]
        with self.open() as repository:
            return record_waiver(repository, signed, gate=self.gate, now=self.clock).index

    def force_waiver(self, envelopes: list[bytes], *people: str, reason: str = "it is long for a reason") -> int:
        """Record a waiver without a single check; return its entry."""
        bundle = Tree({name: File(content) for name, content in waiver_files(envelopes).items()})
        self.force_entry("waived", bundle, by=people, reason=reason)
        with self.open() as repository:
            return read_log(repository).last.index

    def next_root(self, **changes: object) -> TrustRoot:
        """The root that would follow the one in force, with something else in it."""
        with self.open() as repository:
            before = read_log(repository).root
        plain = before.model_dump(mode="json", by_alias=True)
        following = {**plain, "version": before.version + 1, "previous": before.fingerprint, **changes}
        return parse_root(canonical_json(following))

    def change_root(self, root: TrustRoot, *people: str, gate: MachineKey | None = None) -> None:
        """Record a new root as the command does."""
        self.clock += 60
        signed = [
            sign_change(root, self.root.fingerprint, name.partition("'")[0], self.people[name]) for name in people
        ]
        with self.open() as repository:
            record_root(repository, root, signed, gate=gate or self.gate, now=self.clock)

    def checkpoint(self, revision: str = "gate-log") -> Note:
        """The checkpoint of the log at a revision."""
        return parse_note(subprocess.run(
            ["git", "-C", str(self.folder), "cat-file", "blob", f"{revision}:checkpoint"], check=True, capture_output=True
        ).stdout)  # fmt: skip

    def demand_witnesses(self, *witnesses: Verifier, needed: int = 1, most_behind: int = 2) -> None:
        """Let the root name witnesses, as the command does."""
        asked = {"keys": [one.line for one in witnesses], "needed": needed, "most_behind": most_behind}
        self.change_root(self.next_root(witnesses=asked if witnesses else {}), "alice")

    def witness(self, note: Note) -> None:
        """Record a cosigned checkpoint as the command does."""
        self.clock += 60
        with self.open() as repository:
            record_witnessed(repository, note, gate=self.gate, now=self.clock)


def edited(word: str) -> Callable[[Tree], Tree]:
    """A change to the mind that is different for each word."""

    def change(tree: Tree) -> Tree:
        file = tree["scaffold/search.py"]
        return tree.with_file("scaffold/search.py", File(file.content + f"# {word}\n".encode()))

    return change


def longer(tree: Tree) -> Tree:
    """A change that the policy denies."""
    return tree.with_file("scaffold/long.py", File(b"x = 1\n" * 30))


def applied(repository: Repository, dossier: Dossier) -> Tree:
    """The result that a dossier is about."""
    from agent.edits.unified import apply_unified

    return apply_unified(repository.tree(dossier.request.base_commit), dossier.files["diff"])
