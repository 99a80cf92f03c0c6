"""Signed statements: in-toto Statements v1 in DSSE envelopes, signed as SSH signatures.

Formats: in-toto attestation framework (`Statement/v1`), DSSE (payload type `application/vnd.in-toto+json`, PAE),
SSHSIG. An envelope holds exactly one signature: the binary SSH signature, in base64, of the DSSE pre-authentication
encoding. Machines sign in the same form as people, so that one verifier, and `ssh-keygen -Y verify` beside it, checks
everything.

A statement of one kind can never pass as another: the kind is in the signature's namespace, in the payload's predicate
type, and in the role of the key. Payload and envelope have one byte form each (canonical JSON, strict base64), so a
digest names a statement and the stored bytes are the bytes that were signed. The `keyid` is a fingerprint for people;
nothing is decided by it. Every malformation raises `SignatureRefused`.

The subjects are the result tree twice: as git names it, and as the SHA-256 of our manifest (`agent.edits.tree`),
because git's own names are SHA-1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model

from agent.candidate import Digest, GitId, Record
from agent.digest import canonical_json, is_canonical
from agent.errors import SignatureRefused
from agent.gate.envelope import (
    MAX_ENVELOPE_BYTES,
    PAYLOAD_TYPE,
    Envelope,
    pae,
    parse_envelope,
    raw_signature,
    seal,
    seal_text,
    split_envelope,
)
from agent.gate.records import AnyRecord, names_its_form, parse_record
from agent.gate.signature import PublicKey, Signer

__all__ = [
    "MAX_ENVELOPE_BYTES", "PAYLOAD_TYPE", "Envelope", "Evaluation", "Hex256", "Judgement", "StatementKind", "Subject",
    "decode", "encode", "is_about", "open_envelope", "open_parsed", "pae", "parse_envelope", "parse_record",
    "raw_signature", "seal", "seal_text", "sign", "split_envelope",
]  # fmt: skip

Hex256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Canonical JSON of a statement, to be filled with canonical JSON.
_STATEMENT = (
    b'{"_type":"https://in-toto.io/Statement/v1","predicate":%s,"predicateType":%s,"subject":'
    b'[{"digest":{"gitTree":%s},"name":"tree"},{"digest":{"sha256":%s},"name":"manifest"}]}'
)


class StatementKind(StrEnum):
    """What a statement says. Each kind has a predicate type and a signature namespace of its own."""

    EVALUATION = "evaluation"
    VERDICT = "verdict"
    REVIEW = "review"
    REVOCATION = "revocation"
    TRUST = "trust"
    WAIVER = "waiver"

    @property
    def predicate_type(self) -> str:
        """The in-toto predicate type."""
        return f"urn:successor:{self.value}:v1"

    @property
    def namespace(self) -> str:
        """The SSH signature namespace, for `ssh-keygen -n` and `namespaces=` in an allowed_signers file."""
        return f"successor-{self.value}-v1@successor"


class Evaluation(Record):
    """What the evaluator signs: this evidence was measured, by host code, for this diff on this base."""

    base_commit: GitId
    diff: Digest
    evidence: Digest


class Judgement(Record):
    """What the gate signs: this policy, over these facts, gave this verdict. Digests are of the stored bytes."""

    base_commit: GitId
    diff: Digest
    evidence: Digest
    facts: Digest
    verdict: Digest
    allowed: bool
    policy: Digest
    policy_version: Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Subject:
    """The tree a statement is about: git's tree ID (40 hexadecimal digits) and our manifest's digest (`sha256:...`)."""

    tree: str
    manifest: str


class _TreeDigest(Record):
    git_tree: GitId = Field(alias="gitTree")


class _ManifestDigest(Record):
    sha256: Hex256


class _TreeSubject(Record):
    name: Literal["tree"]
    digest: _TreeDigest


class _ManifestSubject(Record):
    name: Literal["manifest"]
    digest: _ManifestDigest


class _About(Record):
    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: tuple[_TreeSubject, _ManifestSubject]
    predicate_type: str = Field(alias="predicateType")


class _Statement(_About):
    predicate: dict[str, Any]


def encode(kind: StatementKind, subject: Subject, predicate: BaseModel) -> bytes:
    """Return the canonical bytes of a statement: the payload that is signed."""
    return _STATEMENT % (
        canonical_json(predicate),
        canonical_json(kind.predicate_type),
        canonical_json(subject.tree),
        canonical_json(subject.manifest.removeprefix("sha256:")),
    )


def decode(kind: StatementKind, payload: bytes, model: type[AnyRecord]) -> tuple[Subject, AnyRecord]:
    """Read a payload of `kind`, strictly. Raises `SignatureRefused`."""
    try:
        small = len(payload) <= MAX_ENVELOPE_BYTES
        whole: Any = _typed(model).model_validate_json(payload) if small and is_canonical(payload) else None
    except (ValueError, TypeError, RecursionError):
        whole = None  # what is wrong is said below, for the statement and its predicate apart
    if whole and whole.predicate_type == kind.predicate_type and names_its_form(whole.predicate):
        return _subject(whole), whole.predicate
    statement = parse_record(payload, _Statement, f"the {kind} statement")
    if statement.predicate_type != kind.predicate_type:
        raise SignatureRefused(f"not a {kind} statement", why=f"it says {statement.predicate_type[:60]!a}")
    predicate = parse_record(canonical_json(statement.predicate), model, f"the {kind} predicate")
    return _subject(statement), predicate


def _subject(statement: _About) -> Subject:
    tree, manifest = statement.subject
    return Subject(tree.digest.git_tree, "sha256:" + manifest.digest.sha256)


@cache
def _typed(model: type[BaseModel]) -> type[_About]:
    """A statement with this predicate, to be read in one go. There are as many as kinds of statements."""
    return create_model(f"_Statement_{model.__name__}", __base__=_About, predicate=(model, ...))


def sign(kind: StatementKind, subject: Subject, predicate: BaseModel, signer: Signer) -> bytes:
    """Return the signed envelope of a statement."""
    payload = encode(kind, subject, predicate)
    return seal(payload, signer.sign(kind.namespace, pae(payload)))


def open_envelope(
    kind: StatementKind, content: bytes, model: type[AnyRecord], *, pin: bool = False
) -> tuple[PublicKey, Subject, AnyRecord]:
    """Return who signed, the subject and the predicate of an envelope of `kind`. Raises `SignatureRefused`.

    The key is proven to have signed; whether it may is the caller's question.
    """
    return open_parsed(kind, parse_envelope(content), model, pin=pin)


def open_parsed(
    kind: StatementKind, envelope: Envelope, model: type[AnyRecord], *, pin: bool = False
) -> tuple[PublicKey, Subject, AnyRecord]:
    """The same for an envelope that was parsed already, to see whose key it claims."""
    key = envelope.signature.verify(kind.namespace, pae(envelope.payload), pin=pin)
    subject, predicate = decode(kind, envelope.payload, model)
    return key, subject, predicate


def is_about(kind: StatementKind, envelope: Envelope, subject: Subject, predicate: BaseModel) -> bool:
    """Whether what was signed is exactly this statement: a statement has one byte form, so bytes are compared."""
    return envelope.payload == encode(kind, subject, predicate)
