"""The quick ways to read and write canonical JSON say what the plain ways say, and what they remember cannot be bent."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.cli.init import template
from agent.digest import canonical_json, is_canonical, read_canonical
from agent.gate.dossier import policies_of
from agent.gate.rules import load_bundle
from agent.gate.signer import MachineKey
from agent.gate.statement import (
    Evaluation,
    StatementKind,
    Subject,
    encode,
    is_about,
    parse_envelope,
    seal_text,
    sign,
    split_envelope,
)
from agent.gate.verdict import Memory, judge, judge_read

KEY = MachineKey.generate()
SUBJECT = Subject("1" * 40, "sha256:" + "2" * 64)
STATED = Evaluation(base_commit="3" * 40, diff="sha256:" + "4" * 64, evidence="sha256:" + "5" * 64)
TEXT = st.text(max_size=8)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def plainly_canonical(content):
    def no_float(text):
        raise ValueError(text)

    try:
        plain = json.loads(content.decode(), parse_float=no_float, parse_constant=no_float)
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == content
    except (ValueError, RecursionError):
        return None


def quickly_canonical(content):
    try:
        return is_canonical(content)
    except ValueError:
        return None


@given(PLAIN)
def test_what_was_written_canonically_is_read_as_it_was(plain):
    try:
        content = canonical_json(plain)
    except UnicodeEncodeError:  # a lone surrogate is no text
        return

    assert is_canonical(content)
    assert read_canonical(content) == plain


@given(PLAIN, st.sampled_from([None, 1]), st.booleans(), st.booleans())
def test_no_other_spelling_passes_for_the_canonical_one(plain, indent, sort, ascii_only):
    try:
        content = json.dumps(plain, indent=indent, sort_keys=sort, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        return

    assert quickly_canonical(content) == plainly_canonical(content)


@given(st.binary(max_size=12))
@example(b'{"a":1,"a":1}')
@example(b'{"b":1,"a":2}')
@example(b'{"a":{"c":1,"b":2}}')
@example(b"[1.0]")
@example(b"NaN")
@example(b"-0")
@example(b'"\\u0041"')
@example(b'"\\u001F"')
@example(b'"\\/"')
@example(b'"\\ud800"')
@example('{"\uffff":1,"\U0001f600":2}'.encode())
@example('{"\U0001f600":2,"\uffff":1}'.encode())
@example(b"[" * 300 + b"]" * 300)
def test_the_quick_way_agrees_with_the_plain_way_on_any_bytes(content):
    assert quickly_canonical(content) == plainly_canonical(content)


def test_an_order_of_keys_that_was_found_sorted_once_does_not_excuse_another():
    assert is_canonical(b'{"a":1,"b":2}')
    assert not is_canonical(b'{"b":1,"a":2}')
    assert not is_canonical(b'[{"a":1,"b":2},{"b":1,"a":2}]')


def test_a_statement_is_written_as_canonical_json_writes_it():
    whole = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": "tree", "digest": {"gitTree": SUBJECT.tree}},
            {"name": "manifest", "digest": {"sha256": "2" * 64}},
        ],
        "predicateType": "urn:successor:evaluation:v1",
        "predicate": STATED.model_dump(mode="json"),
    }

    assert encode(StatementKind.EVALUATION, SUBJECT, STATED) == canonical_json(whole)


def test_a_signed_statement_is_about_what_it_says_and_nothing_else():
    envelope = parse_envelope(sign(StatementKind.EVALUATION, SUBJECT, STATED, KEY))

    assert is_about(StatementKind.EVALUATION, envelope, SUBJECT, STATED)
    assert not is_about(StatementKind.EVALUATION, envelope, Subject("0" * 40, SUBJECT.manifest), STATED)
    assert not is_about(StatementKind.VERDICT, envelope, SUBJECT, STATED)
    other = STATED.model_copy(update={"base_commit": "9" * 40})
    assert not is_about(StatementKind.EVALUATION, envelope, SUBJECT, other)


def test_an_envelope_is_its_payload_and_its_signature():
    envelope = sign(StatementKind.EVALUATION, SUBJECT, STATED, KEY)
    parts = split_envelope(envelope)

    assert parts is not None
    assert parts[0] == encode(StatementKind.EVALUATION, SUBJECT, STATED)
    assert seal_text(*parts) == envelope


@pytest.mark.parametrize("change", [(b"SHA256:", b"SHA256:A"), (b'"payload":"', b'"payload":"A'), (b"}]}", b"}]} ")])
def test_what_is_no_envelope_in_its_one_form_is_not_split(change):
    assert split_envelope(sign(StatementKind.EVALUATION, SUBJECT, STATED, KEY).replace(*change)) is None


def test_signatures_of_one_key_share_what_was_read_of_it_and_nothing_of_their_value():
    one, other = (KEY.sign("git", text) for text in (b"one", b"other"))
    envelopes = [parse_envelope(seal_text(b"{}", _base64(blob))) for blob in (one, other)]
    first, second = (envelope.signature for envelope in envelopes)

    assert first.key is second.key
    assert first.value != second.value
    assert first.verify("git", b"one") == KEY.key
    with pytest.raises(Exception, match="the signature is wrong"):
        second.verify("git", b"one")


def _base64(blob):
    import base64

    return base64.b64encode(blob)


LAW = load_bundle(policies_of(template("container", "bench")))


def test_a_verdict_is_written_as_canonical_json_writes_it():
    verdict = judge(LAW, LAW.good)

    assert verdict.content == canonical_json(verdict)


def test_a_changed_copy_of_a_verdict_or_a_result_writes_other_bytes():
    verdict = judge(LAW, LAW.good)
    assert verdict.content
    result = verdict.results[0].model_copy(update={"title": "another"})
    changed = verdict.model_copy(update={"results": (result, *verdict.results[1:])})

    assert result.content == canonical_json(result)
    assert changed.content == canonical_json(changed) != verdict.content


def test_a_rule_that_is_shown_other_facts_is_asked_again_whatever_it_said_before():
    memory = Memory()
    good = json.loads(canonical_json(LAW.good))
    assert judge_read(LAW, canonical_json(good), memory).allowed

    for place, value in (("complete", False), ("complete", 1), ("complete", "true")):
        assert not judge_read(LAW, canonical_json({**good, place: value}), memory).allowed
    assert judge_read(LAW, canonical_json(good), memory).allowed
