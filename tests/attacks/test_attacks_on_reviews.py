"""Attacks on what people signed and on the evidence beside it, all recorded with a stolen gate key: the audit decides.

The gate's key alone must never be enough: it cannot make a review, and it cannot change what a review was about.
"""

import base64
import json

import pytest

from agent.digest import canonical_json, sha256
from agent.edits.tree import File
from agent.edits.unified import apply_unified
from agent.gate.dossier import Dossier
from agent.gate.review import Decision, Review, review_payload, sign_review
from agent.gate.signer import MachineKey
from agent.gate.statement import StatementKind, pae, seal
from agent.lineage.audit import audit
from tests.lineage.world import START, World, git, longer

BASE = "successor/e5"


def refusal(world):
    report = audit(world.folder, world.root.fingerprint)
    assert not report.ok
    return "\n".join(f"[{finding.slug}] {finding}" for finding in report.findings)


@pytest.fixture
def dossier(world):
    return world.draft("x9", BASE)


def flipped(envelope, what):
    """Change one byte inside the signature or the payload of an envelope, and keep all else valid."""
    document = json.loads(envelope)
    place = document["signatures"][0] if what == "sig" else document
    content = bytearray(base64.b64decode(place[what]))
    at = len(content) - 1 if what == "sig" else content.index(b'"reason":""') + 3
    content[at] ^= 1
    place[what] = base64.b64encode(bytes(content)).decode()
    return canonical_json(document)


def test_nobody_reviewed(world, dossier):
    world.force(dossier, [])

    assert "nobody has signed a review" in refusal(world)


def test_a_review_without_a_signature(world, dossier):
    document = json.loads(world.sign(dossier, "alice")[0])
    world.force(dossier, [canonical_json({**document, "signatures": []})])

    assert "the statement is not signed" in refusal(world)


def test_a_review_signed_by_an_unknown_key(world, dossier):
    world.force(dossier, world.sign(dossier, "alice", key=MachineKey.generate()))

    assert "signed with an unknown key" in refusal(world)


def test_a_review_signed_by_the_gate(world, dossier):
    world.force(dossier, world.sign(dossier, "alice", key=world.gate))

    assert "signed with an unknown key" in refusal(world)


def test_a_review_signed_by_bob_in_the_name_of_alice(world, dossier):
    world.force(dossier, world.sign(dossier, "alice", key=world.people["bob"]))

    assert "bob signed it in the name of alice" in refusal(world)


def test_a_signature_with_one_byte_changed(world, dossier):
    world.force(dossier, [flipped(world.sign(dossier, "alice")[0], "sig")])

    assert "the signature is wrong" in refusal(world)


def test_a_payload_with_one_byte_changed(world, dossier):
    world.force(dossier, [flipped(world.sign(dossier, "alice")[0], "payload")])

    assert "the review does not count" in refusal(world)


def test_a_commit_signature_used_as_a_review(world, dossier):
    """Alice signs commits of her own with the same key; namespace `git` must never count as a review."""
    payload = review_payload(dossier.request, Decision.APPROVE, "", "alice")
    world.force(dossier, [seal(payload, world.people["alice"].sign("git", pae(payload)))])

    assert "signed for another purpose: the namespace is 'git'" in refusal(world)


def test_an_evaluation_of_a_person_used_as_a_review(world, dossier):
    payload = review_payload(dossier.request, Decision.APPROVE, "", "alice")
    envelope = seal(payload, world.people["alice"].sign(StatementKind.EVALUATION.namespace, pae(payload)))
    world.force(dossier, [envelope])

    assert "signed for another purpose" in refusal(world)


def test_the_verdict_statement_put_in_the_place_of_a_review(world, dossier):
    world.force(dossier, [dossier.files["verdict.dsse.json"]])

    assert "signed with an unknown key" in refusal(world)


def test_a_review_of_another_candidate_transplanted(world, dossier):
    other = world.draft("y8", BASE)
    world.force(dossier, world.sign(other, "alice"))

    assert "it is a review of another candidate" in refusal(world)


def test_a_review_of_the_same_candidate_on_another_base(world, dossier):
    other = world.draft("x9", "successor/c3")
    world.force(dossier, world.sign(other, "alice"))

    assert "the base commit is not the one that was reviewed" in refusal(world)


def test_a_review_from_another_workspace(world, dossier, tmp_path):
    elsewhere = dossier.request.model_copy(update={"workspace": "sha256:" + "1" * 64})
    world.force(dossier, [sign_review(elsewhere, Decision.APPROVE, "", "alice", world.people["alice"])])

    assert "it was given in another workspace" in refusal(world)


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("diff", "the diff was altered after it was signed"),
        ("manifest", "the result tree is not the one that was reviewed"),
        ("evidence", "the evidence was altered after it was signed"),
        ("facts", "the facts were altered after they were signed"),
        ("verdict", "the verdict was altered after it was signed"),
        ("policy", "the policy is not the one under which it was reviewed"),
        ("policy_version", "the policy is not the one under which it was reviewed"),
        ("nonce", "it answers another request of the gate"),
        ("expires", "its expiry is not the one the gate gave"),
        ("proposer", "it names another proposer"),
    ],
)
def test_a_review_of_something_that_differs_in_one_respect(world, dossier, field, reason):
    values = {"policy_version": 7, "expires": START + 999_999, "proposer": "claude", "nonce": "0" * 64}
    shown = dossier.request.model_copy(update={field: values.get(field, "sha256:" + "1" * 64)})
    world.force(dossier, [sign_review(shown, Decision.APPROVE, "", "alice", world.people["alice"])])

    assert reason in refusal(world)


def test_an_approval_used_after_it_expired(world):
    dossier = world.draft("x9", BASE, expires=world.clock + 30)
    world.force(dossier, world.sign(dossier, "alice"))

    assert "the request for review has expired" in refusal(world)


def test_a_rejection_counted_as_an_approval(world, dossier):
    world.force(dossier, world.sign(dossier, "alice", decision=Decision.REJECT))

    assert "alice did not approve: the signed decision is reject" in refusal(world)


def test_an_approval_filed_beside_a_rejection(world, dossier):
    reviews = world.sign(dossier, "alice") + world.sign(dossier, "bob", decision=Decision.REQUEST_CHANGES)
    world.force(dossier, reviews, by=("alice", "bob"))

    assert "bob did not approve" in refusal(world)


def test_one_person_counted_twice_through_two_keys(tmp_path):
    world = World.create(tmp_path / "strict", approvals=2)
    dossier = world.draft("x9")
    world.force(dossier, world.sign(dossier, "alice", "alice's other key"), by=("alice", "alice"))

    assert "alice approved twice: people are counted, not keys" in refusal(world)


def test_one_approval_where_the_base_asks_for_two(tmp_path):
    world = World.create(tmp_path / "strict", approvals=2)
    dossier = world.draft("x9")
    world.force(dossier, world.sign(dossier, "alice"))

    assert "needs 2 approvals: 1 given" in refusal(world)


def test_the_quorum_lowered_by_the_candidate_itself(tmp_path):
    """The candidate's own successor.toml asks for one approval; the base's, which asks for two, is what counts."""
    world = World.create(tmp_path / "strict", approvals=2)

    def lower(tree):
        content = tree["successor.toml"].content.replace(b"approvals = 2", b"approvals = 1")
        return tree.with_file("successor.toml", File(content))

    dossier = world.draft("x9", change=lower)
    world.force(dossier, world.sign(dossier, "alice"))

    assert "needs 2 approvals: 1 given" in refusal(world)


def test_the_proposer_reviews_their_own_candidate(world):
    dossier = world.draft("x9", BASE, proposer="Alice")
    world.force(dossier, world.sign(dossier, "alice"))

    assert "who proposes a candidate never approves it" in refusal(world)


def test_a_review_used_for_two_decisions(world, dossier):
    """Two candidates with the same request: the second one reuses the nonce of the first."""
    world.force(dossier, world.sign(dossier, "alice"))
    request = dossier.request.model_copy(update={"target": "successor/y8"})
    files = {**dossier.files, "request.json": canonical_json(request)}
    second = Dossier(files)
    world.force(second, world.sign(second, "alice"))

    assert "a review was used twice" in refusal(world)


def test_other_names_in_the_log_than_signed(world, dossier):
    world.force(dossier, world.sign(dossier, "alice"), by=("bob",))

    assert "the gate log names other reviewers than those who signed" in refusal(world)


# The evidence, with a review that is genuine for the honest version


def with_file(dossier, **files):
    names = {"evidence": "evidence.json", "facts": "facts.json", "verdict": "verdict.json", "diff": "diff"}
    return Dossier({**dossier.files, **{names[key]: content for key, content in files.items()}})


def test_the_diff_beside_the_evidence_altered(world, dossier):
    altered = with_file(dossier, diff=dossier.files["diff"].replace(b"+# x9", b"+# x8"))
    with world.open() as repository:
        honest = apply_unified(repository.tree(dossier.request.base_commit), dossier.files["diff"])
    world.force(altered, world.sign(dossier, "alice"), tree=honest)

    assert "the stored diff is not the diff of base and result" in refusal(world)


def test_diff_and_files_altered_together(world, dossier):
    """The attacker keeps diff and tree consistent; then the evidence is of other bytes."""
    altered = with_file(dossier, diff=dossier.files["diff"].replace(b"+# x9", b"+# x8"))
    world.force(altered, world.sign(dossier, "alice"))

    assert "the evidence is of another base, result or diff" in refusal(world)


def test_everything_made_again_for_an_altered_diff_except_the_review(world, dossier):
    forged = world.draft("x9", BASE, change=lambda tree: tree.with_file("scaffold/evil.py", File(b"import os\n")))
    world.force(forged, world.sign(dossier, "alice"))

    assert "the diff was altered after it was signed" in refusal(world)


def test_better_evidence_than_was_measured(world, dossier):
    better = json.loads(dossier.files["evidence.json"])
    better["trials"] = 1000
    world.force(with_file(dossier, evidence=canonical_json(better)), world.sign(dossier, "alice"))

    assert "the request for review is not about these bytes: differs in evidence" in refusal(world)


def test_a_verdict_that_the_policy_does_not_give(world):
    """A candidate that the policy denies, with a verdict that allows it, signed by the gate and approved by a person."""

    def allow(verdict):
        results = tuple(
            result.model_copy(update={"holds": True, "outcome": "holds", "reason": "", "mend": ""})
            for result in verdict.results
        )
        return verdict.model_copy(update={"allowed": True, "results": results})

    dossier = world.draft("x9", BASE, longer, verdict=allow)
    world.force(dossier, world.sign(dossier, "alice"))

    assert "not what the base's policy says about the stored facts" in refusal(world)


def test_a_denied_candidate_committed_all_the_same(world):
    dossier = world.draft("x9", BASE, longer)
    world.force(dossier, world.sign(dossier, "alice"))

    assert "the verdict does not allow it" in refusal(world)


def test_judged_by_its_own_weaker_policy(world):
    """The candidate raises the limit in its own policies folder and is judged by that."""

    def weaken(tree):
        bundle = tree["policies/bundle.yaml"].content.replace(b"most_lines: 20", b"most_lines: 99")
        return longer(tree).with_file("policies/bundle.yaml", File(bundle))

    from dataclasses import replace

    with world.open() as repository:
        base = repository.tree(world.tip(BASE))
    own = weaken(base)
    dossier = world.draft("x9", BASE, weaken, case=lambda case: replace(case, base=own, tree=case.tree))
    world.force(dossier, world.sign(dossier, "alice"), tree=own)

    assert "the stored diff is not the diff of base and result" in refusal(world)


def test_facts_of_a_smaller_patch(world, dossier):
    """Genuine facts of an honest small candidate beside a large diff."""
    large = world.draft("x9", BASE, longer)
    world.force(with_file(large, facts=dossier.files["facts.json"]), world.sign(large, "alice"))

    assert "the facts are of another base, result or diff" in refusal(world)


def test_an_evaluation_signed_by_the_gate(world):
    dossier = world.draft("x9", BASE, evaluator=world.gate)
    world.force(dossier, world.sign(dossier, "alice"))

    assert "the evaluation is signed with a key of another role" in refusal(world)


def test_a_verdict_signed_by_the_evaluator(world):
    dossier = world.draft("x9", BASE, gate=world.evaluator)
    world.force(dossier, world.sign(dossier, "alice"))

    assert "the verdict is signed with a key of another role" in refusal(world)


def test_the_evaluation_replayed_as_the_verdict(world, dossier):
    swapped = Dossier({**dossier.files, "verdict.dsse.json": dossier.files["evaluation.dsse.json"]})
    world.force(swapped, world.sign(dossier, "alice"))

    assert "signed for another purpose" in refusal(world)


def test_the_evaluation_of_another_candidate(world, dossier):
    other = world.draft("y8", BASE)
    swapped = Dossier({**dossier.files, "evaluation.dsse.json": other.files["evaluation.dsse.json"]})
    world.force(swapped, world.sign(dossier, "alice"))

    assert "the signed evaluation is about other bytes" in refusal(world)


def test_a_rejection_of_something_else_in_the_log(world):
    """The log says that a harmless candidate was rejected; what was rejected had another diff."""
    honest = world.draft("x9", BASE)
    altered = with_file(honest, diff=honest.files["diff"].replace(b"+# x9", b"+# x8"))
    world.force(altered, [], entry=lambda e: e.model_copy(update={"kind": "rejected", "commit": None}))

    assert "the diff was altered after it was signed" in refusal(world)


def rejected(kind="rejected", **changes):
    return lambda entry: entry.model_copy(update={"kind": kind, "commit": None, **changes})


def test_a_rejection_in_the_name_of_another(world, dossier):
    world.force(dossier, world.sign(dossier, "alice", decision=Decision.REJECT), entry=rejected(by=("bob",)))

    assert "the gate log names other reviewers than those who signed" in refusal(world)


def test_an_approval_filed_as_a_rejection(world, dossier):
    world.force(dossier, world.sign(dossier, "alice"), entry=rejected())

    assert "an approval cannot stand among the rejections" in refusal(world)


def test_a_denial_of_what_the_policy_allows(world, dossier):
    world.force(dossier, [], entry=rejected("denied"))

    assert "recorded as denied by a policy that allows it" in refusal(world)


def test_a_rejection_that_names_other_files(world, dossier):
    world.force(dossier, [], entry=rejected(tree="sha256:" + "0" * 64))

    assert "the result does not hold the files that the gate log names" in refusal(world)


def test_sha256_of_the_honest_dossier_is_what_a_review_names(world, dossier):
    review = Review.model_validate_json(
        canonical_json(
            json.loads(base64.b64decode(json.loads(world.sign(dossier, "alice")[0])["payload"]))["predicate"]
        )
    )
    assert review.request.diff == sha256(dossier.files["diff"])
    assert git(world.folder, "rev-parse", BASE) == review.request.base_commit
