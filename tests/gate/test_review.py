"""The review binds exactly what was shown, is given by people, and every refusal says its own reason."""

import pytest

from agent.errors import ReviewRefused
from agent.gate.review import (
    MAX_REVIEWS,
    Decision,
    ReviewRequest,
    check_refusals,
    check_reviews,
    new_nonce,
    read_review,
    review_payload,
    sign_review,
)
from agent.gate.signer import MachineKey
from agent.gate.statement import StatementKind, pae, seal
from agent.gate.trust import Person, PersonKey, new_root

NOW = 1_900_000_000
KEYS = {name: MachineKey.generate() for name in ("alice", "alice too", "bob", "carol", "gate", "evaluator", "eve")}


def person(name, *keys):
    return Person(name=name, keys=tuple(PersonKey(key=KEYS[key].key.line) for key in keys))


ROOT = new_root(
    (person("alice", "alice", "alice too"), person("bob", "bob"), person("carol", "carol")),
    gate=KEYS["gate"].key,
    evaluator=KEYS["evaluator"].key,
)


def digest(letter):
    return "sha256:" + letter * 64


REQUEST = ReviewRequest(
    target="successor/a1",
    workspace=digest("1"),
    proposer="carol",
    base_commit="2" * 40,
    diff=digest("3"),
    tree="4" * 40,
    manifest=digest("5"),
    evidence=digest("6"),
    facts=digest("7"),
    verdict=digest("8"),
    allowed=True,
    policy=digest("9"),
    policy_version=3,
    nonce=new_nonce(),
    expires=NOW + 100,
)


def review(who="alice", request=REQUEST, decision=Decision.APPROVE, key=None, reason=""):
    return sign_review(request, decision, reason, who, KEYS[key or who])


def check(*envelopes, request=REQUEST, approvals=1, now=NOW):
    return tuple(review.reviewer for review in check_reviews(envelopes, request, ROOT, approvals, now))


def test_people_who_approved_are_named_in_the_order_given():
    assert check(review("bob"), review("alice", key="alice too"), approvals=2) == ("bob", "alice")


def test_what_was_signed_can_be_read_again():
    signed = read_review(review(reason="read it twice"), ROOT)

    assert (signed.request, signed.decision, signed.reason) == (REQUEST, Decision.APPROVE, "read it twice")


@pytest.mark.parametrize(
    ("envelopes", "reason"),
    [
        ([], "nobody has signed a review"),
        ([review(key="eve")], "signed with an unknown key: no person in the trust root has SHA256:"),
        ([review(key="gate")], "signed with an unknown key"),
        ([review(key="bob")], "bob signed it in the name of alice"),
        ([review(decision=Decision.REJECT)], "alice did not approve: the signed decision is reject"),
        ([review(decision=Decision.REQUEST_CHANGES)], "the signed decision is request-changes"),
        ([review(), review()], "alice approved twice"),
        ([review(), review(key="alice too")], "alice approved twice: people are counted"),
        ([review(), review("bob", decision=Decision.REJECT)], "bob did not approve"),
        ([review("carol")], "carol may not review this: who proposes"),
        ([review()] * (MAX_REVIEWS + 1), "too many reviews"),
        ([review(), b"{}"], "the review does not count"),
    ],
)
def test_each_refusal_has_its_own_reason(envelopes, reason):
    with pytest.raises(ReviewRefused, match=reason):
        check(*envelopes)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("target", "successor/b2", "a review of another candidate"),
        ("workspace", digest("a"), "given in another workspace"),
        ("proposer", "codemod", "names another proposer"),
        ("base_commit", "a" * 40, "the base commit is not the one that was reviewed"),
        ("diff", digest("a"), "the diff was altered after it was signed"),
        ("tree", "a" * 40, "the result tree is not the one that was reviewed"),
        ("manifest", digest("a"), "the result tree is not the one that was reviewed"),
        ("evidence", digest("a"), "the evidence was altered after it was signed"),
        ("facts", digest("a"), "the facts were altered after they were signed"),
        ("verdict", digest("a"), "the verdict was altered after it was signed"),
        ("policy", digest("a"), "the policy is not the one under which it was reviewed"),
        ("policy_version", 4, "the policy is not the one under which it was reviewed"),
        ("nonce", "a" * 64, "it answers another request of the gate"),
        ("expires", NOW + 200, "its expiry is not the one the gate gave"),
    ],
)
def test_whatever_changes_after_the_signature_voids_it_by_name(field, value, reason):
    with pytest.raises(ReviewRefused, match=reason):
        check(review(), request=REQUEST.model_copy(update={field: value}))


def test_every_field_of_the_request_is_compared():
    """A field that is added later and forgotten in the comparison would be shown, signed and not bound."""
    odd = {"allowed": False, "policy_version": 9, "expires": 1, "target": "successor/z", "proposer": "x"}
    for field in ReviewRequest.model_fields:
        value = odd.get(field, "f" * 40 if field in ("tree", "base_commit") else "f" * 64)
        signed = review(request=REQUEST.model_copy(update={field: value}))
        with pytest.raises(ReviewRefused):
            check(signed)


def test_of_several_differences_the_one_that_explains_the_others_is_named():
    with pytest.raises(ReviewRefused, match="the diff was altered"):
        check(review(), request=REQUEST.model_copy(update={"diff": digest("a"), "tree": "a" * 40, "nonce": "a" * 64}))


def test_a_review_does_not_count_after_its_time():
    assert check(review(), now=NOW + 99) == ("alice",)
    for late in (100, 101, 10**9):
        with pytest.raises(ReviewRefused, match="has expired"):
            check(review(), now=NOW + late)


def test_a_candidate_that_the_policy_denies_cannot_be_approved():
    denied = REQUEST.model_copy(update={"allowed": False})
    with pytest.raises(ReviewRefused, match="the verdict does not allow it"):
        check(review(request=denied), request=denied)


def test_the_higher_of_the_two_thresholds_counts():
    with pytest.raises(ReviewRefused, match="needs 2 approvals: 1 given"):
        check(review(), approvals=2)
    strict = new_root(ROOT.persons, gate=KEYS["gate"].key, evaluator=KEYS["evaluator"].key, approvals=2)
    with pytest.raises(ReviewRefused, match="needs 2 approvals"):
        check_reviews([review()], REQUEST, strict, 1, NOW)
    with pytest.raises(ReviewRefused, match="nobody has signed"):
        check_reviews([], REQUEST, ROOT, 0, NOW)


def test_letter_case_does_not_let_the_proposer_review():
    request = REQUEST.model_copy(update={"proposer": "CAROL"})
    with pytest.raises(ReviewRefused, match="never approves it"):
        check(review("carol", request=request), request=request)


@pytest.mark.parametrize("kind", [StatementKind.EVALUATION.namespace, StatementKind.VERDICT.namespace, "git", "file"])
def test_a_signature_made_for_something_else_is_no_review(kind):
    payload = review_payload(REQUEST, Decision.APPROVE, "", "alice")
    with pytest.raises(ReviewRefused, match="signed for another purpose"):
        check(seal(payload, KEYS["alice"].sign(kind, pae(payload))))


def test_a_subject_that_is_not_the_request_s_is_refused():
    other = review_payload(REQUEST.model_copy(update={"tree": "a" * 40}), Decision.APPROVE, "", "alice")
    payload = review_payload(REQUEST, Decision.APPROVE, "", "alice").replace(b'"gitTree":"444', b'"gitTree":"aaa')
    assert other != payload
    with pytest.raises(ReviewRefused, match="different trees"):
        check(seal(payload, KEYS["alice"].sign(StatementKind.REVIEW.namespace, pae(payload))))


def test_a_key_that_must_ask_for_its_pin_is_held_to_it():
    from agent.gate.signature import SK_ED25519, PublicKey
    from tests.gate.test_signature import KEY, hardware_signature

    key = PublicKey(SK_ED25519, KEY.key.raw, b"ssh:").line
    root = new_root(
        (Person(name="alice", keys=(PersonKey(key=key, pin=True),)),),
        gate=KEYS["gate"].key,
        evaluator=KEYS["evaluator"].key,
    )
    payload = review_payload(REQUEST, Decision.APPROVE, "", "alice")

    def sealed(flags):
        return seal(payload, hardware_signature(flags, message=pae(payload)))

    assert [review.reviewer for review in check_reviews([sealed(0x05)], REQUEST, root, 1, NOW)] == ["alice"]
    with pytest.raises(ReviewRefused, match="PIN"):
        check_reviews([sealed(0x01)], REQUEST, root, 1, NOW)
    with pytest.raises(ReviewRefused, match="was not touched"):
        check_reviews([sealed(0x00)], REQUEST, root, 1, NOW)


def test_a_reason_or_name_that_cannot_be_signed_is_refused():
    for reason, name in (("x" * 2001, "alice"), ("", "ali\nce"), ("", "")):
        with pytest.raises(ReviewRefused, match="cannot be written"):
            review_payload(REQUEST, Decision.REJECT, reason, name)


def test_refusals_must_refuse_this_very_candidate():
    other = REQUEST.model_copy(update={"target": "successor/b2"})
    no = Decision.REJECT

    assert check_refusals([review(decision=no), review("carol", decision=no)], REQUEST, ROOT) == ("alice", "carol")
    assert check_refusals([], REQUEST, ROOT) == ()
    with pytest.raises(ReviewRefused, match="another candidate"):
        check_refusals([review(decision=no, request=other)], REQUEST, ROOT)
    with pytest.raises(ReviewRefused, match="cannot stand among the rejections"):
        check_refusals([review()], REQUEST, ROOT)
    with pytest.raises(ReviewRefused, match="too many reviews"):
        check_refusals([review(decision=no)] * (MAX_REVIEWS + 1), REQUEST, ROOT)
    with pytest.raises(ReviewRefused, match="unknown key"):
        check_refusals([review(decision=no, key="eve")], REQUEST, ROOT)


@pytest.mark.parametrize(
    "target",
    ["successor/", "successor/A", "successor/../main", "successor/a/b", "successor/-a", "main", "successor/a.lock"],
)
def test_a_branch_of_another_form_cannot_be_asked_for(target):
    with pytest.raises(ValueError, match="target"):
        ReviewRequest(**{**REQUEST.model_dump(), "target": target})
