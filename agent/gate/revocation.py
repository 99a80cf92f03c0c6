"""The revocation: a person's signature over the sentence that a successor must not be built on any more.

It marks the successor and all that descends from it; nothing is erased. Any one person of the trust root may revoke:
to stop must be easier than to go on.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.candidate import Digest, GitId, Record
from agent.errors import ReviewRefused, SignatureRefused
from agent.gate.review import CandidateId
from agent.gate.signature import Signer
from agent.gate.statement import StatementKind, Subject, open_parsed, parse_envelope, sign
from agent.gate.trust import Name, TrustRoot


class Revocation(Record):
    """What a person signs. `workspace` is the fingerprint of the first trust root."""

    workspace: Digest
    candidate: CandidateId
    commit: GitId
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    by: Name


def sign_revocation(revocation: Revocation, subject: Subject, signer: Signer) -> bytes:
    """Return the signed envelope. `subject` is the tree of the successor. Raises `SignatureRefused`."""
    return sign(StatementKind.REVOCATION, subject, revocation, signer)


def read_revocation(envelope: bytes, root: TrustRoot, workspace: str) -> tuple[Revocation, Subject]:
    """Return a revocation that a person of the trust root signed for this workspace. Raises `ReviewRefused`."""
    try:
        parsed = parse_envelope(envelope)
        signature = parsed.signature
        owner = root.owner(signature.key)
        pin = owner is not None and owner[1].pin
        _, subject, found = open_parsed(StatementKind.REVOCATION, parsed, Revocation, pin=pin)
    except SignatureRefused as error:
        raise ReviewRefused("the revocation does not count", why=str(error)) from error
    if owner is None or owner[0].name != found.by:
        raise ReviewRefused(
            "the revocation does not count",
            why=f"no person in the trust root has {signature.key.fingerprint}, or not the one it names",
        )
    if found.workspace != workspace:
        raise ReviewRefused("the revocation does not count", why="it was signed in another workspace")
    return found, subject
