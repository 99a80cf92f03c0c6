"""The trust root: sound or refused, one fingerprint, people before keys."""

import json

import pytest

from agent.digest import canonical_json, sha256
from agent.errors import SignatureRefused
from agent.gate.signature import SK_ED25519, PublicKey
from agent.gate.signer import MachineKey
from agent.gate.trust import Person, PersonKey, new_root, parse_root

GATE, EVALUATOR, ALICE, ALICE_TOO, BOB = (MachineKey.generate().key for _ in range(5))


def person(name, *keys, **options):
    return Person(name=name, keys=tuple(PersonKey(key=key.line, **options) for key in keys))


ROOT = new_root((person("Alice", ALICE, ALICE_TOO), person("bob", BOB, demo=True)), gate=GATE, evaluator=EVALUATOR)


def changed(**changes):
    return canonical_json({**json.loads(ROOT.content), **changes})


def test_a_root_comes_back_with_its_fingerprint():
    again = parse_root(ROOT.content)

    assert again == ROOT
    assert again.fingerprint == ROOT.fingerprint == sha256(ROOT.content)


def test_keys_lead_to_people_and_roles():
    owner = ROOT.owner(ALICE_TOO)
    assert owner is not None
    assert owner[0].name == "Alice"
    assert ROOT.owner(GATE) is ROOT.owner(EVALUATOR) is None
    assert ROOT.gate_keys == {GATE}
    assert ROOT.evaluator_keys == {EVALUATOR}
    assert ROOT.demo_persons == ("bob",)


@pytest.mark.parametrize(
    ("people", "gate", "evaluator", "reason"),
    [
        ((), GATE, EVALUATOR, "at least 1"),
        ((person("a", ALICE), person("b", ALICE)), GATE, EVALUATOR, "a key appears twice"),
        ((person("a", ALICE, ALICE),), GATE, EVALUATOR, "a key appears twice"),
        ((person("a", ALICE), person("A", BOB)), GATE, EVALUATOR, "the same name"),
        ((person("a", GATE),), GATE, EVALUATOR, "a key appears twice"),
        ((person("a", ALICE),), GATE, GATE, "a key appears twice"),
        ((person("a", ALICE, PublicKey(SK_ED25519, ALICE.raw, b"ssh:")),), GATE, EVALUATOR, "a key appears twice"),
    ],
)
def test_an_unsound_root_is_refused(people, gate, evaluator, reason):
    with pytest.raises(SignatureRefused, match=reason):
        new_root(people, gate=gate, evaluator=evaluator)


def test_a_threshold_that_nobody_can_reach_is_refused():
    with pytest.raises(SignatureRefused, match="higher than the number of persons"):
        new_root((person("a", ALICE),), gate=GATE, evaluator=EVALUATOR, approvals=2)


@pytest.mark.parametrize("name", ["", " a", "a ", "a\nb", "a,b", "a:b", "álice", "a" * 65, "-x", "a\u202eb"])
def test_a_name_that_could_pass_for_another_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        person(name, ALICE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ROOT.content + b"\n", "canonical"),
        (changed(schema="successor.trust-root/v2"), "schema"),
        (changed(version=0), "version"),
        (changed(version=2), "previous"),
        (changed(previous="sha256:" + "0" * 64), "previous"),
        (changed(gate=[]), "gate"),
        (changed(evaluator=[]), "evaluator"),
        (changed(persons=[]), "persons"),
        (changed(thresholds={"approve": 0, "root": 1}), "approve"),
        (changed(gate=[GATE.line + " comment"]), "comment"),
        (changed(gate=["ssh-ed25519 AAAA"]), "gate"),
        (changed(witness=[]), "witness"),
        (b"{}", "malformed"),
        (b"", "not JSON"),
    ],
)
def test_a_malformed_root_is_refused(content, reason):
    with pytest.raises(SignatureRefused, match=reason):
        parse_root(content)


def test_the_fingerprint_is_of_the_stored_bytes_not_of_a_writing_of_our_own():
    """A field that is at its default may be left out by who wrote the root; the bytes as stored are what counts."""
    document = json.loads(ROOT.content)
    del document["persons"][0]["keys"][0]["pin"]
    content = canonical_json(document)

    assert parse_root(content).fingerprint == sha256(content) != ROOT.fingerprint
