"""The review: a person's signature over exactly what they were shown, and the check that it still is that.

The gate issues a `ReviewRequest`; it names everything by digest. A person signs the request together with a decision.
The check compares the signed request, field by field, with one that was made again from the bytes that are about to be
committed, so nothing that was shown can change without voiding the review.

    request = ...                                                  the gate, once for each candidate
    envelope = sign_review(request, Decision.APPROVE, "", name, signer)       each person
    reviews = check_reviews(envelopes, request, root, approvals, now)         before the commit, and in every audit
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from agent.candidate import Digest, GitId, Record
from agent.errors import ReviewRefused, SignatureRefused
from agent.gate.signature import Signer
from agent.gate.statement import Hex256, StatementKind, Subject, encode, open_parsed, pae, parse_envelope, seal
from agent.gate.trust import Name, TrustRoot

BRANCH_PREFIX = "successor/"
CANDIDATE_ID = r"[a-z0-9][a-z0-9-]{0,62}"
MAX_REVIEWS = 16
"""More envelopes than this for one candidate are refused unread."""

CandidateId = Annotated[str, Field(pattern=f"^{CANDIDATE_ID}$")]


class Decision(StrEnum):
    """What a person decides."""

    APPROVE = "approve"
    REJECT = "reject"
    REQUEST_CHANGES = "request-changes"


class ReviewRequest(Record):
    """Everything a review is about, by digest. Issued by the gate; signed by the person without a change.

    `workspace` is the fingerprint of the first trust root, so that a review given in one workspace means nothing in
    another. `expires` is in whole seconds since 1970 (UTC). `nonce` is fresh for each request.
    """

    target: Annotated[str, Field(pattern=f"^{BRANCH_PREFIX}{CANDIDATE_ID}$")]
    workspace: Digest
    proposer: Name
    base_commit: GitId
    diff: Digest
    tree: GitId
    manifest: Digest
    evidence: Digest
    facts: Digest
    verdict: Digest
    allowed: bool
    policy: Digest
    policy_version: Annotated[int, Field(ge=0)]
    nonce: Hex256
    expires: Annotated[int, Field(ge=0, le=2**53)]

    @property
    def candidate(self) -> str:
        """The candidate's ID: the target branch without its prefix."""
        return self.target.removeprefix(BRANCH_PREFIX)


class Review(Record):
    """What a person signs: the request, and their decision on it.

    `since` is the commit of the generation since which they looked at everything, where they looked deeper than at the
    diff; see `agent.lineage.deep`.
    """

    request: ReviewRequest
    decision: Decision
    reason: Annotated[str, Field(max_length=2000)]
    reviewer: Name
    since: GitId | None = None

    @model_validator(mode="after")
    def _sound(self) -> Review:
        if self.since is not None and self.decision is not Decision.APPROVE:
            raise ValueError("only an approval is a deep review")
        return self


# Field of the request, and what it means when a signed one differs from the one that was made again. The order decides
# which reason is given when several differ: first whose review it is, then what was tampered with, then what follows.
_DIFFERENCES: tuple[tuple[str, str], ...] = (
    ("target", "it is a review of another candidate"),
    ("workspace", "it was given in another workspace"),
    ("proposer", "it names another proposer"),
    ("base_commit", "the base commit is not the one that was reviewed"),
    ("diff", "the diff was altered after it was signed"),
    ("tree", "the result tree is not the one that was reviewed"),
    ("manifest", "the result tree is not the one that was reviewed"),
    ("evidence", "the evidence was altered after it was signed"),
    ("facts", "the facts were altered after they were signed"),
    ("verdict", "the verdict was altered after it was signed"),
    ("allowed", "the verdict was altered after it was signed"),
    ("policy", "the policy is not the one under which it was reviewed"),
    ("policy_version", "the policy is not the one under which it was reviewed"),
    ("nonce", "it answers another request of the gate"),
    ("expires", "its expiry is not the one the gate gave"),
)


def new_nonce() -> str:
    """Return a fresh nonce for a request: 64 hexadecimal digits."""
    return secrets.token_hex(32)


def review_payload(
    request: ReviewRequest, decision: Decision, reason: str, reviewer: str, since: str | None = None
) -> bytes:
    """Return the statement to be signed. `ssh-keygen -Y sign` signs its `pae` when a person does it by hand."""
    try:
        review = Review(request=request, decision=decision, reason=reason, reviewer=reviewer, since=since)
    except ValueError as error:
        raise ReviewRefused(
            "the review cannot be written",
            why="the reason, the reviewer's name or the commit since which it looks is not valid, or it is a deep one "
            "and does not approve",
        ) from error
    return encode(StatementKind.REVIEW, Subject(request.tree, request.manifest), review)


def sign_review(
    request: ReviewRequest, decision: Decision, reason: str, reviewer: str, signer: Signer, *, since: str | None = None
) -> bytes:
    """Return the signed envelope of a person's decision; `since` makes an approval a deep one.

    Raises `SignatureRefused`, `ReviewRefused`.
    """
    payload = review_payload(request, decision, reason, reviewer, since)
    return seal(payload, signer.sign(StatementKind.REVIEW.namespace, pae(payload)))


def read_review(envelope: bytes, root: TrustRoot) -> Review:
    """Return a review that is proven to be signed by the person it names. Raises `ReviewRefused`."""
    try:
        parsed = parse_envelope(envelope)
        signature = parsed.signature
        owner = root.owner(signature.key)
        if owner is None:
            raise ReviewRefused(
                "the review is signed with an unknown key",
                why=f"no person in the trust root has {signature.key.fingerprint}",
                mend="Sign with the key of a person whom the trust root names",
            )
        person, entry = owner
        _, subject, review = open_parsed(StatementKind.REVIEW, parsed, Review, pin=entry.pin)
    except SignatureRefused as error:
        raise ReviewRefused(
            "the review does not count", why=f"{error.what}{': ' if error.why else ''}{error.why}"
        ) from error
    if review.reviewer != person.name:
        raise ReviewRefused(
            "the review does not count", why=f"{person.name} signed it in the name of {review.reviewer}"
        )
    if subject != Subject(review.request.tree, review.request.manifest):
        raise ReviewRefused("the review does not count", why="its subject and its request name different trees")
    return review


def check_binding(review: Review, request: ReviewRequest) -> None:
    """Raise `ReviewRefused`, saying what differs, unless the review is of exactly this request."""
    for field, meaning in _DIFFERENCES:
        signed, expected = getattr(review.request, field), getattr(request, field)
        if signed != expected:
            raise ReviewRefused(
                f"the review by {review.reviewer} does not bind this candidate",
                why=f"{meaning} (signed: {signed}; now: {expected})",
                mend="Show the candidate again and sign what is shown",
            )


def check_reviews(
    envelopes: Sequence[bytes], request: ReviewRequest, root: TrustRoot, approvals: int, now: int
) -> tuple[Review, ...]:
    """Return the approvals, one of each person, in the order given, or raise `ReviewRefused` with the reason.

    `approvals` different people must have approved, or as many as the root asks for when that is more. For the rest see
    `check_approvals`.
    """
    reviews = check_approvals(envelopes, request, root, now)
    needed = max(approvals, root.thresholds.approve, 1)
    if len(reviews) < needed:
        raise ReviewRefused(f"{request.target} needs {needed} approvals", why=f"{len(reviews)} given")
    return reviews


def check_approvals(
    envelopes: Sequence[bytes], request: ReviewRequest, root: TrustRoot, now: int
) -> tuple[Review, ...]:
    """Return the approvals that were given so far, whether or not they are enough: each one of another person.

    `request` must have been made from the exact bytes that are to be committed; `now` is in seconds since 1970. One
    envelope that does not count, or does not approve, refuses the whole: a doubt is not outvoted.
    """
    if not envelopes:
        raise ReviewRefused(
            f"{request.target} is not reviewed",
            why="nobody has signed a review",
            mend="Approve it with: successor review approve",
        )
    if len(envelopes) > MAX_REVIEWS:
        raise ReviewRefused("too many reviews", why=f"more than {MAX_REVIEWS} for one candidate")
    if not request.allowed:
        raise ReviewRefused(f"{request.target} cannot be approved", why="the verdict does not allow it")
    if now >= request.expires:
        raise ReviewRefused("the request for review has expired", mend="Let the gate judge the candidate again")
    reviews: list[Review] = []
    for envelope in envelopes:
        review = read_review(envelope, root)
        check_binding(review, request)
        _check_reviewer(review, [other.reviewer for other in reviews])
        reviews.append(review)
    return tuple(reviews)


def check_refusals(envelopes: Sequence[bytes], request: ReviewRequest, root: TrustRoot) -> tuple[str, ...]:
    """Return who signed a rejection of `request`; raise `ReviewRefused` if one does not bind it, or approves."""
    reviews = [read_review(envelope, root) for envelope in envelopes[: MAX_REVIEWS + 1]]
    if len(reviews) > MAX_REVIEWS:
        raise ReviewRefused("too many reviews", why=f"more than {MAX_REVIEWS} for one candidate")
    for review in reviews:
        check_binding(review, request)
        if review.decision is Decision.APPROVE:
            raise ReviewRefused(f"{review.reviewer} approved", why="an approval cannot stand among the rejections")
    return tuple(review.reviewer for review in reviews)


def _check_reviewer(review: Review, before: Sequence[str]) -> None:
    if review.decision is not Decision.APPROVE:
        raise ReviewRefused(f"{review.reviewer} did not approve", why=f"the signed decision is {review.decision.value}")
    if review.reviewer.casefold() == review.request.proposer.casefold():
        raise ReviewRefused(f"{review.reviewer} may not review this", why="who proposes a candidate never approves it")
    if review.reviewer in before:
        raise ReviewRefused(f"{review.reviewer} approved twice", why="people are counted, not keys or signatures")
