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

import base64
import binascii
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.candidate import Digest, GitId, Record
from agent.digest import canonical_json, is_canonical
from agent.errors import SignatureRefused
from agent.gate.signature import PublicKey, Signature, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
MAX_ENVELOPE_BYTES = 64 * 1024

Hex256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
AnyRecord = TypeVar("AnyRecord", bound=BaseModel)


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


class _Statement(Record):
    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: tuple[_TreeSubject, _ManifestSubject]
    predicate_type: str = Field(alias="predicateType")
    predicate: dict[str, Any]


class _Signature(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    keyid: Annotated[str, Field(max_length=100)]
    sig: str


class _Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    payload: str
    payload_type: Literal["application/vnd.in-toto+json"] = Field(alias="payloadType")
    signatures: tuple[_Signature, ...]


@dataclass(frozen=True)
class Envelope:
    """A parsed envelope: what was signed, and the one signature. Nothing is proven until `open_envelope`."""

    payload: bytes
    signature: Signature


def encode(kind: StatementKind, subject: Subject, predicate: BaseModel) -> bytes:
    """Return the canonical bytes of a statement: the payload that is signed."""
    return canonical_json(
        {
            "_type": STATEMENT_TYPE,
            "subject": [
                {"name": "tree", "digest": {"gitTree": subject.tree}},
                {"name": "manifest", "digest": {"sha256": subject.manifest.removeprefix("sha256:")}},
            ],
            "predicateType": kind.predicate_type,
            "predicate": predicate.model_dump(mode="json", by_alias=True),
        }
    )


def decode(kind: StatementKind, payload: bytes, model: type[AnyRecord]) -> tuple[Subject, AnyRecord]:
    """Read a payload of `kind`, strictly. Raises `SignatureRefused`."""
    statement = parse_record(payload, _Statement, f"the {kind} statement")
    if statement.predicate_type != kind.predicate_type:
        raise SignatureRefused(f"not a {kind} statement", why=f"it says {statement.predicate_type[:60]!a}")
    predicate = parse_record(canonical_json(statement.predicate), model, f"the {kind} predicate")
    tree, manifest = statement.subject
    return Subject(tree.digest.git_tree, "sha256:" + manifest.digest.sha256), predicate


def pae(payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding: the exact bytes that are signed."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def seal(payload: bytes, signature: bytes) -> bytes:
    """Return the envelope of a payload and its binary SSH signature, as canonical JSON."""
    entry = {"keyid": Signature.parse(signature).key.fingerprint, "sig": base64.b64encode(signature).decode()}
    body = base64.b64encode(payload).decode()
    return canonical_json({"payload": body, "payloadType": PAYLOAD_TYPE, "signatures": [entry]})


def sign(kind: StatementKind, subject: Subject, predicate: BaseModel, signer: Signer) -> bytes:
    """Return the signed envelope of a statement."""
    payload = encode(kind, subject, predicate)
    return seal(payload, signer.sign(kind.namespace, pae(payload)))


def parse_envelope(content: bytes) -> Envelope:
    """Read an envelope, strictly: size, canonical JSON, base64, exactly one signature. Raises `SignatureRefused`."""
    envelope = parse_record(content, _Envelope, "the envelope")
    if not envelope.signatures:
        raise SignatureRefused("the statement is not signed")
    if len(envelope.signatures) > 1:
        raise SignatureRefused("refused an envelope", why="it holds more than one signature")
    signature = envelope.signatures[0]
    parsed = Signature.parse(_unbase64(signature.sig))
    if signature.keyid != parsed.key.fingerprint:
        raise SignatureRefused("refused an envelope", why="its keyid is not the name of the key that signed")
    return Envelope(_unbase64(envelope.payload), parsed)


def raw_signature(content: bytes) -> bytes:
    """Return the binary SSH signature of an envelope, for a verifier other than ours. Raises `SignatureRefused`."""
    parse_envelope(content)
    return _unbase64(parse_record(content, _Envelope, "the envelope").signatures[0].sig)


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


def parse_record(
    content: bytes, model: type[AnyRecord], what: str, *, max_bytes: int = MAX_ENVELOPE_BYTES
) -> AnyRecord:
    """Read canonical JSON under a size cap into a strict model. Raises `SignatureRefused`.

    Canonical form is demanded because two readers of the same bytes may disagree about a doubled key, and because one
    document must not have many digests.
    """
    if len(content) > max_bytes:
        raise SignatureRefused(f"{what} is too large", why=f"more than {max_bytes} bytes")
    try:
        if not is_canonical(content):
            raise SignatureRefused(f"{what} is not canonical JSON")
        read = model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise SignatureRefused(f"{what} is malformed", why=f"{place[:80]!a}: {first['msg'][:120]}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise SignatureRefused(f"{what} is malformed", why="it is not JSON of the expected kind") from error
    # A form that is not named would be filled in, and the document would have two byte forms and two digests.
    if "schema_" in model.model_fields and "schema_" not in read.model_fields_set:
        raise SignatureRefused(f"{what} does not say of which form it is")
    return read


def _unbase64(text: str) -> bytes:
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureRefused("refused an envelope", why="its base64 is broken") from error
    if base64.b64encode(content).decode() != text:
        raise SignatureRefused("refused an envelope", why="its base64 has more than one reading")
    return content
