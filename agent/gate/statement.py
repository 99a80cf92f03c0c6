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
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from agent.candidate import Digest, GitId, Record
from agent.digest import canonical_json, is_canonical
from agent.errors import SignatureRefused
from agent.gate.signature import PublicKey, Signature, Signer

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_ENVELOPE_BYTES = 64 * 1024

Hex256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
AnyRecord = TypeVar("AnyRecord", bound=BaseModel)

# An envelope in its one form: canonical JSON of text that needs no escapes can be read and written without a parser.
_FORM = re.compile(
    rb'{"payload":"([A-Za-z0-9+/]*={0,2})","payloadType":"application/vnd\.in-toto\+json",'
    rb'"signatures":\[{"keyid":"(SHA256:[A-Za-z0-9+/]{43})","sig":"([A-Za-z0-9+/]*={0,2})"}\]}'
)


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
    return _STATEMENT % (
        canonical_json(predicate),
        canonical_json(kind.predicate_type),
        canonical_json(subject.tree),
        canonical_json(subject.manifest.removeprefix("sha256:")),
    )


def decode(kind: StatementKind, payload: bytes, model: type[AnyRecord]) -> tuple[Subject, AnyRecord]:
    """Read a payload of `kind`, strictly. Raises `SignatureRefused`."""
    try:
        whole: Any = _typed(model).model_validate_json(payload) if is_canonical(payload) else None
    except ValueError:
        whole = None  # what is wrong is said below, for the statement and its predicate apart
    if whole and whole.predicate_type == kind.predicate_type and len(payload) <= MAX_ENVELOPE_BYTES:
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


def pae(payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding: the exact bytes that are signed."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def seal(payload: bytes, signature: bytes) -> bytes:
    """Return the envelope of a payload and its binary SSH signature, as canonical JSON."""
    return _sealed(payload, signature, base64.b64encode(signature))


def seal_text(payload: bytes, signature: bytes) -> bytes:
    """Return the envelope of a payload and its SSH signature in base64. Raises `SignatureRefused`."""
    return _sealed(payload, _unbase64(signature), signature)


def _sealed(payload: bytes, signature: bytes, text: bytes) -> bytes:
    """Write the canonical JSON: nothing in it needs an escape."""
    return b'{"payload":"%s","payloadType":"%s","signatures":[{"keyid":"%s","sig":"%s"}]}' % (
        base64.b64encode(payload),
        PAYLOAD_TYPE.encode(),
        Signature.parse(signature).key.fingerprint.encode(),
        text,
    )


def split_envelope(content: bytes) -> tuple[bytes, bytes] | None:
    """Return the payload and the signature in base64 of which `seal_text` makes exactly `content`, if there are any."""
    found = _FORM.fullmatch(content) if len(content) <= MAX_ENVELOPE_BYTES else None
    if found is None:
        return None
    try:
        payload = _unbase64(found[1])
        return (payload, found[3]) if seal_text(payload, found[3]) == content else None
    except SignatureRefused:
        return None


def sign(kind: StatementKind, subject: Subject, predicate: BaseModel, signer: Signer) -> bytes:
    """Return the signed envelope of a statement."""
    payload = encode(kind, subject, predicate)
    return seal(payload, signer.sign(kind.namespace, pae(payload)))


def parse_envelope(content: bytes) -> Envelope:
    """Read an envelope, strictly: size, canonical JSON, base64, exactly one signature. Raises `SignatureRefused`."""
    if len(content) <= MAX_ENVELOPE_BYTES and (form := _FORM.fullmatch(content)):
        return _opened(form[1], form[3], form[2].decode())
    envelope = parse_record(content, _Envelope, "the envelope")
    if not envelope.signatures:
        raise SignatureRefused("the statement is not signed")
    if len(envelope.signatures) > 1:
        raise SignatureRefused("refused an envelope", why="it holds more than one signature")
    signature = envelope.signatures[0]
    return _opened(_ascii(envelope.payload), _ascii(signature.sig), signature.keyid)


def _opened(payload: bytes, signature: bytes, keyid: str) -> Envelope:
    parsed = Signature.parse(_unbase64(signature))
    if keyid != parsed.key.fingerprint:
        raise SignatureRefused("refused an envelope", why="its keyid is not the name of the key that signed")
    return Envelope(_unbase64(payload), parsed)


def raw_signature(content: bytes) -> bytes:
    """Return the binary SSH signature of an envelope, for a verifier other than ours. Raises `SignatureRefused`."""
    parse_envelope(content)
    return _unbase64(_ascii(parse_record(content, _Envelope, "the envelope").signatures[0].sig))


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


def parse_record(
    content: bytes,
    model: type[AnyRecord],
    what: str,
    *,
    max_bytes: int = MAX_ENVELOPE_BYTES,
    canonical: bool = False,
) -> AnyRecord:
    """Read canonical JSON under a size cap into a strict model. Raises `SignatureRefused`.

    `canonical` says that the caller has found these bytes to be canonical already.

    Canonical form is demanded because two readers of the same bytes may disagree about a doubled key, and because one
    document must not have many digests.
    """
    if len(content) > max_bytes:
        raise SignatureRefused(f"{what} is too large", why=f"more than {max_bytes} bytes")
    try:
        if not canonical and not is_canonical(content):
            raise SignatureRefused(f"{what} is not canonical JSON")
        return model.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise SignatureRefused(f"{what} is malformed", why=f"{place[:80]!a}: {first['msg'][:120]}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise SignatureRefused(f"{what} is malformed", why="it is not JSON of the expected kind") from error


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError as error:
        raise SignatureRefused("refused an envelope", why="its base64 is broken") from error


def _unbase64(text: bytes) -> bytes:
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureRefused("refused an envelope", why="its base64 is broken") from error
    if base64.b64encode(content) != text:
        raise SignatureRefused("refused an envelope", why="its base64 has more than one reading")
    return content
