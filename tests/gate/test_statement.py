"""Statements: one byte form, one purpose each, readable by others, and nothing malformed gets through."""

import base64
import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as ForeignEnvelope

from agent.digest import canonical_json
from agent.errors import SignatureRefused
from agent.gate.signature import armor
from agent.gate.signer import MachineKey
from agent.gate.statement import (
    MAX_ENVELOPE_BYTES,
    PAYLOAD_TYPE,
    Evaluation,
    Judgement,
    StatementKind,
    Subject,
    encode,
    open_envelope,
    pae,
    parse_envelope,
    seal,
    sign,
)

D = "sha256:" + "a" * 64
SUBJECT = Subject("1" * 40, "sha256:" + "b" * 64)
EVALUATION = Evaluation(base_commit="2" * 40, diff=D, evidence=D)
KEY = MachineKey.generate()
ENVELOPE = sign(StatementKind.EVALUATION, SUBJECT, EVALUATION, KEY)


def reopen(content):
    return open_envelope(StatementKind.EVALUATION, content, Evaluation)


def resigned(**changes):
    """A well-signed envelope around a payload that was changed before signing."""
    statement = json.loads(encode(StatementKind.EVALUATION, SUBJECT, EVALUATION))
    payload = canonical_json({**statement, **changes})
    return seal(payload, KEY.sign(StatementKind.EVALUATION.namespace, pae(payload)))


def test_a_statement_comes_back_as_it_was_signed():
    assert reopen(ENVELOPE) == (KEY.key, SUBJECT, EVALUATION)


def test_the_envelope_is_dsse_as_other_tools_read_it():
    """securesystemslib computes the same pre-authentication encoding from our stored bytes."""
    foreign = ForeignEnvelope.from_dict(json.loads(ENVELOPE))
    ours = parse_envelope(ENVELOPE)

    assert foreign.payload == ours.payload
    assert foreign.payload_type == PAYLOAD_TYPE
    assert foreign.pae() == pae(ours.payload)


def test_the_payload_is_an_in_toto_statement():
    statement = json.loads(parse_envelope(ENVELOPE).payload)

    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "urn:successor:evaluation:v1"
    assert [(s["name"], s["digest"]) for s in statement["subject"]] == [
        ("tree", {"gitTree": "1" * 40}),
        ("manifest", {"sha256": "b" * 64}),
    ]


def test_ssh_keygen_verifies_a_stored_statement(tmp_path):
    """Whoever trusts none of our code checks an envelope with base64, ssh-keygen and the payload alone."""
    document = json.loads(ENVELOPE)
    namespace = StatementKind.EVALUATION.namespace
    (tmp_path / "sig").write_text(armor(base64.b64decode(document["signatures"][0]["sig"])) + "\n")
    (tmp_path / "allowed").write_text(f'evaluator namespaces="{namespace}" {KEY.key.line}\n')
    verify = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "allowed", "-I", "evaluator", "-n", namespace, "-s"]
    message = pae(base64.b64decode(document["payload"]))

    assert b"Good" in subprocess.run([*verify, tmp_path / "sig"], input=message, capture_output=True, check=True).stdout


@pytest.mark.parametrize("kind", [StatementKind.VERDICT, StatementKind.REVIEW])
def test_a_statement_of_one_kind_is_none_of_another(kind):
    with pytest.raises(SignatureRefused, match="signed for another purpose"):
        open_envelope(kind, ENVELOPE, Judgement)


def test_the_predicate_type_alone_does_not_make_the_kind():
    """Signed in the namespace of verdicts, but the payload says that it is an evaluation."""
    payload = parse_envelope(ENVELOPE).payload
    crossed = seal(payload, KEY.sign(StatementKind.VERDICT.namespace, pae(payload)))
    with pytest.raises(SignatureRefused, match="not a verdict statement"):
        open_envelope(StatementKind.VERDICT, crossed, Judgement)


def test_every_kind_has_a_namespace_of_its_own():
    kinds = list(StatementKind)
    assert len({kind.namespace for kind in kinds} | {"git"}) == len(kinds) + 1
    assert len({kind.predicate_type for kind in kinds}) == len(kinds)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"_type": "https://in-toto.io/Statement/v0.1"}, "_type"),
        ({"predicateType": "urn:successor:evaluation:v2"}, "not a evaluation statement|not an evaluation statement"),
        ({"predicate": {}}, "predicate is malformed"),
        ({"predicate": []}, "predicate"),
        ({"extra": 1}, "extra"),
        ({"subject": []}, "subject"),
        ({"subject": [{"name": "tree", "digest": {"gitTree": "1" * 40}}]}, "subject"),
        ({"subject": [{"name": "tree", "digest": {"gitTree": "zz"}}] * 2}, "subject"),
    ],
)
def test_a_signed_payload_of_another_shape_is_refused(changes, reason):
    with pytest.raises(SignatureRefused, match=reason):
        reopen(resigned(**changes))


@pytest.mark.parametrize("missing", ["base_commit", "diff", "evidence"])
def test_a_predicate_without_one_of_its_fields_is_refused(missing):
    predicate = EVALUATION.model_dump()
    del predicate[missing]
    with pytest.raises(SignatureRefused, match=missing):
        reopen(resigned(predicate=predicate))


@pytest.mark.parametrize("value", ["sha256:" + "A" * 64, "a" * 64, "sha256:" + "a" * 64 + "\n", 7, None, ["x"]])
def test_a_digest_has_one_form(value):
    with pytest.raises(SignatureRefused, match="diff"):
        reopen(resigned(predicate={**EVALUATION.model_dump(), "diff": value}))


def respelled(change):
    return change(json.loads(ENVELOPE))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (ENVELOPE + b"\n", "canonical"),
        (b" " + ENVELOPE, "canonical"),
        (ENVELOPE.replace(b'{"payload":', b'{"payload":"e30=","payload":'), "canonical"),
        (respelled(lambda e: json.dumps(e).encode()), "canonical"),
        (respelled(lambda e: canonical_json({**e, "extra": 1})), "extra"),
        (respelled(lambda e: canonical_json({**e, "payloadType": "text/plain"})), "payloadType"),
        (respelled(lambda e: canonical_json({k: v for k, v in e.items() if k != "payload"})), "payload"),
        (respelled(lambda e: canonical_json({**e, "payload": e["payload"].rstrip("=") + "*"})), "base64"),
        (respelled(lambda e: canonical_json({**e, "payload": "é"})), "base64"),
        (respelled(lambda e: canonical_json({**e, "signatures": []})), "not signed"),
        (respelled(lambda e: canonical_json({**e, "signatures": e["signatures"] * 2})), "more than one"),
        (
            respelled(
                lambda e: canonical_json({**e, "signatures": [{"keyid": "x", "sig": e["signatures"][0]["sig"]}]})
            ),
            "keyid",
        ),
        (respelled(lambda e: canonical_json({**e, "signatures": [{"keyid": "x", "sig": ""}]})), "SSHSIG"),
        (respelled(lambda e: canonical_json({**e, "signatures": [{"sig": e["signatures"][0]["sig"]}]})), "keyid"),
        (respelled(lambda e: canonical_json({**e, "signatures": {"a": 1}})), "signatures"),
        (b"", "not JSON"),
        (b"[]", "malformed"),
        (b"null", "malformed"),
        (b"\xff", "not JSON"),
        (b"[" * 30_000, "not JSON"),
        (b"1" * 10_000, "not JSON"),
        (b'{"payload":1.5}', "not JSON"),
        (b'{"payload":"\\ud800"}', "not JSON"),
        (b"NaN", "not JSON"),
        (b"x" * (MAX_ENVELOPE_BYTES + 1), "too large"),
    ],
)
def test_every_malformation_is_the_one_refusal(content, reason):
    with pytest.raises(SignatureRefused, match=reason):
        reopen(content)


def test_base64_with_spare_bits_is_refused():
    """A second spelling of the same payload would give one approval two digests."""
    for length in range(3):
        predicate = Evaluation(base_commit="2" * 40, diff=D, evidence=D)
        payload = encode(StatementKind.EVALUATION, SUBJECT, predicate) + b" " * length
        text = base64.b64encode(payload).decode()
        if not text.endswith("="):
            continue
        stem = text.rstrip("=")
        respelled = stem[:-1] + chr(ord(stem[-1]) + 1) + text[len(stem) :]
        assert base64.b64decode(respelled) == payload
        envelope = json.loads(seal(payload, KEY.sign(StatementKind.EVALUATION.namespace, pae(payload))))
        with pytest.raises(SignatureRefused, match="more than one reading"):
            parse_envelope(canonical_json({**envelope, "payload": respelled}))


def test_swapping_the_payload_breaks_the_signature():
    other = encode(StatementKind.EVALUATION, Subject("3" * 40, SUBJECT.manifest), EVALUATION)
    swapped = respelled(lambda e: canonical_json({**e, "payload": base64.b64encode(other).decode()}))
    with pytest.raises(SignatureRefused, match="the signature is wrong"):
        reopen(swapped)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_the_refusal(content):
    with pytest.raises(SignatureRefused):
        reopen(content)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_json_raises_anything_but_the_refusal(document):
    with pytest.raises(SignatureRefused):
        reopen(json.dumps(document).encode())
    with pytest.raises(SignatureRefused):
        reopen(resigned(predicate=document))


@given(st.integers(0, len(ENVELOPE) - 1), st.integers(1, 255))
def test_no_changed_byte_survives(position, change):
    content = bytearray(ENVELOPE)
    content[position] ^= change
    with pytest.raises(SignatureRefused):
        reopen(bytes(content))
