"""DSSE envelopes: a payload and exactly one SSH signature of it, in the one form in which they are written and read.

Format: DSSE with payload type `application/vnd.in-toto+json`. What is signed is DSSE's pre-authentication encoding
(`pae`). What a payload says is another question (`agent.gate.statement`). Every malformation raises `SignatureRefused`.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.errors import SignatureRefused
from agent.gate.records import MAX_RECORD_BYTES, parse_record
from agent.gate.signature import Signature

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MAX_ENVELOPE_BYTES = MAX_RECORD_BYTES

# An envelope in its one form: canonical JSON of text that needs no escapes can be read and written without a parser.
_FORM = re.compile(
    rb'{"payload":"([A-Za-z0-9+/]*={0,2})","payloadType":"application/vnd\.in-toto\+json",'
    rb'"signatures":\[{"keyid":"(SHA256:[A-Za-z0-9+/]{43})","sig":"([A-Za-z0-9+/]*={0,2})"}\]}'
)


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
    """A parsed envelope: what was signed, and the one signature. Nothing is proven until it is verified."""

    payload: bytes
    signature: Signature


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
