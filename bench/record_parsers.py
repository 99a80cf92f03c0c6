"""The parsers of the record that meet foreign bytes, each with real documents as seeds and with what it promises.

All promise that any bytes are read or refused with an error of ours. Most promise one form: what was read, written
again, is what was there, because a document with many forms would have many digests.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from agent.digest import canonical_json
from agent.edits import lines, patch, quoting, unified, unified_reader
from agent.edits import tree as trees
from agent.edits.diff import diff
from agent.edits.patch import Patch
from agent.edits.tree import File, Tree
from agent.edits.unified import apply_unified, unified_diff
from agent.errors import SuccessorError
from agent.gate import (
    envelope,
    note,
    records,
    review,
    revocation,
    rules,
    signature,
    statement,
    strict_yaml,
    trust,
    waiver,
)
from agent.gate.note import COSIGNER_KEY, Checkpoint, Verifier, cosign, parse_note, sign_checkpoint
from agent.gate.review import Decision, Review, ReviewRequest, review_payload, sign_review
from agent.gate.revocation import Revocation, read_revocation, sign_revocation
from agent.gate.rules import load_bundle
from agent.gate.signature import ED25519, PublicKey, Signature, armor, dearmor, pack
from agent.gate.signer import MachineKey
from agent.gate.statement import (
    StatementKind,
    Subject,
    decode,
    encode,
    parse_envelope,
    parse_record,
    raw_signature,
    seal,
)
from agent.gate.strict_yaml import load_yaml
from agent.gate.trust import Person, PersonKey, TrustRoot, new_root, parse_root
from agent.gate.trust_change import change_files, read_change, sign_change
from agent.gate.waiver import Waiver, sign_waiver, terms, waiver_files
from agent.lineage import bundle_file, gate_log, merkle, objects, trailers
from agent.lineage.bundle_file import packed, unpacked
from agent.lineage.gate_log import LogEntry, parse_entry
from agent.lineage.merkle import Frontier, leaf_hash, parse_frontier
from agent.lineage.objects import Entry, format_tree, gate_commit, object_id, parse_commit, parse_tree, read_tree
from agent.lineage.trailers import Trailers, check_message, entry_index, write_message
from bench import pack_parser

MODULES = (
    lines, patch, quoting, trees, unified, unified_reader, note, revocation, review, rules, signature, statement,
    strict_yaml, trust, waiver, envelope, records, bundle_file, gate_log, merkle, objects, trailers,
)  # fmt: skip
FILES = frozenset({*(str(module.__file__) for module in MODULES), *pack_parser.FILES})


class BrokenPromise(Exception):
    """What was read is not what was there."""


@dataclass(frozen=True)
class Parser:
    """One parser: `read` returns the bytes of what it read, or `None` where it promises no one form."""

    name: str
    seeds: tuple[bytes, ...]
    read: Callable[[bytes], bytes | None]

    def check(self, data: bytes) -> None:
        """Read once. Raises what the parser raises, and `BrokenPromise`."""
        again = self.read(data)
        if again is not None and again != data:
            raise BrokenPromise(f"{self.name}: another form of {again[:200]!r}")


ZERO, GIT = "sha256:" + "0" * 64, "1" * 40


class _Seeds:
    """Real documents, signed with keys that nobody else has."""

    def __init__(self) -> None:
        self.gate, self.alice, self.witness = (MachineKey.generate() for _ in range(3))
        person = Person(name="alice", keys=(PersonKey(key=self.alice.key.line),))
        self.root = new_root((person,), gate=self.gate.key, evaluator=MachineKey.generate().key)
        files = {"a.py": File(b"x = 1\ny = 2\n"), "b c.txt": File(b"one\ntwo")}
        self.base = Tree({**files, "run": File(b"#!\n", executable=True)})
        changed = {"a.py": File(b"x = 2\ny = 2\n"), "new/d.py": File(b"z\n"), "run": File(b"#!\n")}
        self.tree = Tree(changed)
        self.subject = Subject(self.tree.git_id, self.tree.digest)
        self.request = ReviewRequest(
            target="successor/c1", workspace=self.root.fingerprint, proposer="codemod", base_commit=GIT, diff=ZERO,
            tree=self.tree.git_id, manifest=self.tree.digest, evidence=ZERO, facts=ZERO, verdict=ZERO, allowed=True,
            policy=ZERO, policy_version=1, nonce="2" * 64, expires=9,
        )  # fmt: skip

    def entries(self) -> Iterator[bytes]:
        """An entry of every shape."""
        about: dict[str, Any] = {"previous": ZERO, "time": 3, "bundle": ZERO, "by": ("alice",), "reason": "a b"}
        none: dict[str, Any] = {"candidate": None, "base_commit": None, "commit": None, "tree": None}
        first = {**about, **none, "previous": None, "commit": GIT, "tree": ZERO}
        yield LogEntry(index=0, kind="genesis", **first).content
        yield LogEntry(index=7, kind="trust", **about, **none).content
        whole: dict[str, Any] = {"candidate": "c1", "base_commit": GIT, "commit": GIT, "tree": ZERO}
        yield LogEntry(index=8, kind="successor", **about, **whole).content

    def revocation(self) -> bytes:
        """A revocation that counts."""
        said = Revocation(workspace=self.root.fingerprint, candidate="c1", commit=GIT, reason="slow", by="alice")
        return sign_revocation(said, self.subject, self.alice)

    def waiver(self) -> bytes:
        """A waiver that counts."""
        said = Waiver(
            workspace=self.root.fingerprint, base_commit=GIT, policy=ZERO, rules=("few-files", "size-cap"),
            candidate="c1", diff=ZERO, decisions=1, last_entry=9, expires=9, nonce="3" * 64, reason="so", by="alice",
        )  # fmt: skip
        return sign_waiver(said, self.subject, self.alice)

    def next_root(self) -> TrustRoot:
        """A root after the first, with a witness."""
        vkey = Verifier("w.example/1", self.witness.key, COSIGNER_KEY).line
        asked = {"keys": [vkey], "needed": 1, "most_behind": 2}
        plain = self.root.model_dump(mode="json", by_alias=True)
        following = {**plain, "version": 2, "previous": self.root.fingerprint, "witnesses": asked}
        return parse_root(canonical_json(following))

    def note(self) -> bytes:
        """A cosigned checkpoint."""
        signed = sign_checkpoint(Checkpoint("log.example/1", 12, b"r" * 32), self.gate)
        return cosign(signed, "w.example/1", 5, self.witness).content


def parsers(policies: dict[str, bytes]) -> tuple[Parser, ...]:
    """Every parser; `policies` are the files of a law."""
    s = _Seeds()
    return (*_statements(s), *_signatures(s), *_objects(s), *_laws(policies), *_edits(s))


def _statements(s: _Seeds) -> Iterator[Parser]:
    review_ = sign_review(s.request, Decision.APPROVE, "fine", "alice", s.alice)
    envelopes = (review_, s.revocation(), s.waiver())
    yield Parser("entry", tuple(s.entries()), lambda data: parse_entry(data).content)
    yield Parser("root", (s.root.content, s.next_root().content), lambda data: parse_root(data).content)
    yield Parser(
        "envelope", envelopes, lambda data: seal(parse_envelope(data).payload, raw_signature(data))
    )  # fmt: skip
    stored = packed(Tree({"facts.json": File(b"{}"), "review-1.dsse.json": File(review_)}))
    yield Parser("bundle", (stored,), lambda data: packed(unpacked(data)))
    payload = review_payload(s.request, Decision.REJECT, "no", "alice")
    yield Parser("review", (payload,), _review)
    yield Parser(
        "request", (canonical_json(s.request),),
        lambda data: canonical_json(parse_record(data, ReviewRequest, "the request")),
    )  # fmt: skip
    known, revoked = s.root.fingerprint, s.revocation()
    yield Parser("revocation", (revoked,), _unforged(lambda data: read_revocation(data, s.root, known), revoked))
    yield Parser("waiver", (s.waiver(),), lambda data: _nothing(terms(waiver_files([data]))))
    signed = sign_change(s.next_root(), s.root.fingerprint, "alice", s.alice)
    files = {name: file.content for name, file in change_files(s.next_root(), [signed]).items()}
    yield Parser(
        "trust change", (signed,),
        _unforged(
            lambda data: read_change({**files, "signature-1.dsse.json": data}, s.root, s.root.fingerprint), signed
        ),
    )  # fmt: skip


def _signatures(s: _Seeds) -> Iterator[Parser]:
    blob = s.alice.sign("git", b"message")
    yield Parser("ssh signature", (blob,), _signature)
    yield Parser("armor", (armor(blob).encode(),), _armor)
    yield Parser("public key", (s.alice.key.blob,), lambda data: PublicKey.parse_blob(data).blob)
    yield Parser("checkpoint", (s.note(),), lambda data: parse_note(data).content)
    vkey = Verifier("w.example/1", s.witness.key, COSIGNER_KEY).line.encode()
    yield Parser("verifier key", (vkey,), lambda data: _nothing(Verifier.parse(data.decode("latin-1"))))


def _objects(s: _Seeds) -> Iterator[Parser]:
    message = write_message(Trailers("c1", 12, ZERO, ZERO, 3, ("alice", "bob")), "a title")
    yield Parser("commit", (gate_commit(GIT, "2" * 40, 5, message, s.gate),), lambda data: _nothing(parse_commit(data)))
    body = format_tree([Entry("40000", "scaffold", GIT), Entry("100644", "a.py", GIT), Entry("100755", "b", GIT)])
    yield Parser("tree", (body,), _tree)
    frontier = Frontier()
    for number in range(13):
        frontier = frontier.grown(leaf_hash(bytes([number])))
    yield Parser("frontier", (frontier.content,), lambda data: parse_frontier(13, data).content)
    yield Parser("trailers", (message.encode(),), _trailers)
    stored = pack_parser.seed()
    yield Parser("pack", (stored,), pack_parser.reader(stored))


def _laws(policies: dict[str, bytes]) -> Iterator[Parser]:
    few = "text.yaml"
    head = policies["bundle.yaml"].partition(b"\nrules:\n")[0] + b"\nrules:\n  - " + few.encode() + b"\n"
    small = {"bundle.yaml": head, "good.yaml": policies["good.yaml"], few: policies[few]}
    yield Parser("yaml", (head, policies[few]), lambda data: _nothing(load_yaml(data, "a policy")))
    for name in ("bundle.yaml", few):
        yield Parser(name, (small[name],), lambda data, name=name: _nothing(load_bundle({**small, name: data})))  # type: ignore[misc]  # bound at once


def _edits(s: _Seeds) -> Iterator[Parser]:
    yield Parser("diff", (unified_diff(s.base, s.tree),), lambda data: _diff(s.base, data))
    yield Parser("patch", (diff(s.base, s.tree).to_json(),), lambda data: _nothing(Patch.from_json(data)))


def _nothing(_value: object) -> None:
    return None


def _review(data: bytes) -> bytes | None:
    """What was read can be read again, and is the same: fields that have a default may be left out of old ones."""
    subject, read = decode(StatementKind.REVIEW, data, Review)
    again = encode(StatementKind.REVIEW, subject, read)
    if decode(StatementKind.REVIEW, again, Review) != (subject, read):
        raise BrokenPromise("a review is another one when it is read again")
    return None


def _unforged(read: Callable[[bytes], object], only: bytes) -> Callable[[bytes], bytes]:
    """A signed document: whatever is read is the one that was signed."""

    def checked(data: bytes) -> bytes:
        read(data)
        return only

    return checked


def _signature(data: bytes) -> bytes | None:
    read = Signature.parse(data)
    return pack(read.key, read.namespace, read.hash_name, read.value) if read.key.kind == ED25519 else None


def _tree(data: bytes) -> None:
    """A folder of files is read only if it is the one form of them: hashed again, it has its own name."""
    parse_tree(data)
    name = object_id("tree", data)
    below = {"tree": format_tree([Entry("100644", "b.py", GIT)]), "blob": b"x\n", "commit": b""}
    try:
        read = read_tree(lambda asked, kind: data if asked == name else below[kind], name)
    except SuccessorError:
        return
    if read.git_id != name:
        raise BrokenPromise("a tree that is not in git's one form")


def _armor(data: bytes) -> bytes:
    """One final newline is allowed."""
    return armor(dearmor(data.decode("latin-1"))).encode() + b"\n" * data.endswith(b"\n")


def _trailers(data: bytes) -> bytes | None:
    text = data.decode("utf-8", "replace")
    entry_index(text)
    check_message(text, Trailers("c1", 12, ZERO, ZERO, 3, ("alice", "bob")))
    return None


def _diff(base: Tree, data: bytes) -> None:
    """Whatever a diff makes of the base, the canonical diff of the two makes as well."""
    made = apply_unified(base, data)
    if apply_unified(base, unified_diff(base, made)) != made:
        raise BrokenPromise("the canonical diff makes something else")


def wrapped(data: bytes) -> bytes | None:
    """The payload of an envelope, to be mutated inside; `None` where there is none."""
    try:
        return base64.b64decode(json.loads(data)["payload"])
    except (ValueError, KeyError, TypeError):
        return None


def rewrapped(data: bytes, payload: bytes) -> bytes:
    """The envelope with another payload under the same signature."""
    return canonical_json({**json.loads(data), "payload": base64.b64encode(payload).decode()})
