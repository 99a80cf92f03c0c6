"""Checkpoints: read in one form, signed by the log, cosigned by witnesses; everything else is refused."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SignatureRefused
from agent.gate.note import (
    COSIGNER_KEY,
    NOTE_KEY,
    Checkpoint,
    Verifier,
    check_signed,
    cosign,
    cosigned_by,
    parse_note,
    sign_checkpoint,
)
from agent.gate.signature import verify_raw
from agent.gate.signer import MachineKey

GATE, WITNESS, OTHER = MachineKey.generate(), MachineKey.generate(), MachineKey.generate()
POINT = Checkpoint("gate-log.successor.invalid/0d4e", 12, bytes(range(32)))
SIGNED = sign_checkpoint(POINT, GATE)
COSIGNED = cosign(SIGNED, "witness.example/w1", 1_900_000_000, WITNESS)
SEEN_BY = Verifier("witness.example/w1", WITNESS.key, COSIGNER_KEY)


def test_a_checkpoint_is_three_lines_and_a_signature():
    lines = SIGNED.content.decode().split("\n")

    assert lines[:4] == ["gate-log.successor.invalid/0d4e", "12", base64.b64encode(bytes(range(32))).decode(), ""]
    assert lines[4].startswith("\N{EM DASH} gate-log.successor.invalid/0d4e ")
    assert lines[5:] == [""]
    assert parse_note(SIGNED.content) == SIGNED
    assert check_signed(SIGNED, frozenset({GATE.key, OTHER.key})) == GATE.key


def test_the_known_note_of_another_implementation_is_verified():
    """The example of Go's golang.org/x/mod/sumdb/note."""
    peter = Verifier.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
    line = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
    content = base64.b64decode(line)

    assert (peter.name, peter.kind, content[:4]) == ("PeterNeumann", NOTE_KEY, peter.key_id)
    verify_raw(peter.key, content[4:], text)
    with pytest.raises(SignatureRefused):
        verify_raw(peter.key, content[4:], text + b"\n")


def test_a_cosignature_says_when_and_is_bound_to_that_time():
    assert cosigned_by(COSIGNED, SEEN_BY) == 1_900_000_000
    assert check_signed(COSIGNED, frozenset({GATE.key})) == GATE.key
    mark = COSIGNED.marks[1]
    later = type(mark)(mark.name, mark.key_id, (1_900_000_001).to_bytes(8, "big") + mark.value[8:])

    with pytest.raises(SignatureRefused, match="the signature is wrong"):
        cosigned_by(type(COSIGNED)(POINT, (COSIGNED.marks[0], later)), SEEN_BY)


def test_a_witness_that_signs_again_has_one_line():
    again = cosign(COSIGNED, "witness.example/w1", 1_900_000_060, WITNESS)

    assert len(again.marks) == 2
    assert cosigned_by(again, SEEN_BY) == 1_900_000_060


def test_what_nobody_cosigned_is_not_cosigned():
    assert cosigned_by(SIGNED, SEEN_BY) is None
    assert cosigned_by(COSIGNED, Verifier("witness.example/w2", WITNESS.key, COSIGNER_KEY)) is None
    assert cosigned_by(COSIGNED, Verifier("witness.example/w1", OTHER.key, COSIGNER_KEY)) is None


def test_the_signature_of_a_log_is_none_of_a_witness_and_the_other_way_round():
    """One key, two kinds of line: what the log signed must not pass as what a witness has seen."""
    by_gate = cosign(SIGNED, POINT.origin, 1, GATE)

    with pytest.raises(SignatureRefused, match="not signed by the log"):
        check_signed(type(by_gate)(POINT, by_gate.marks[1:]), frozenset({GATE.key}))
    assert cosigned_by(SIGNED, Verifier(POINT.origin, GATE.key, COSIGNER_KEY)) is None


def test_another_size_or_root_is_not_what_was_signed():
    for other in (Checkpoint(POINT.origin, 13, POINT.root), Checkpoint(POINT.origin, 12, bytes(32))):
        with pytest.raises(SignatureRefused, match="the signature is wrong"):
            check_signed(type(SIGNED)(other, SIGNED.marks), frozenset({GATE.key}))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c.replace(b"\n12\n", b"\n012\n"),
        lambda c: c.replace(b"\n12\n", b"\n-12\n"),
        lambda c: c.replace(b"\n12\n", b"\n12\nextension\n"),
        lambda c: c.replace(b"\n12\n", b"\n99999999999999999999\n"),
        lambda c: c.replace("\N{EM DASH}".encode(), b"-"),
        lambda c: c.rstrip(b"\n"),
        lambda c: c + b"\n",
        lambda c: c.partition(b"\n\n")[0] + b"\n\n",
        lambda c: c.replace(b"=\n", b"\n"),
        lambda c: c + "\N{EM DASH} name AAAA\n".encode(),
        lambda c: c.replace(b"successor", b"succes sor", 1),
        lambda c: c + c.partition(b"\n\n")[2] * 70,
        lambda c: b"x" * 70_000,
    ],
)
def test_another_form_is_refused(spoil):
    assert spoil(SIGNED.content) != SIGNED.content
    with pytest.raises(SignatureRefused):
        parse_note(spoil(SIGNED.content))


@pytest.mark.parametrize(
    "vkey", ["", "a+b+c", "name+00000000+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "a b+c74f20a3+AAAA"]
)
def test_a_verifier_key_that_is_none_is_refused(vkey):
    with pytest.raises(SignatureRefused):
        Verifier.parse(vkey)


def test_a_verifier_key_comes_back():
    assert Verifier.parse(SEEN_BY.line) == SEEN_BY


def test_a_machine_key_signs_no_note_that_could_be_an_ssh_signature():
    with pytest.raises(SignatureRefused, match="this is no note"):
        GATE.sign_note(b"SSHSIG\0\0\0\3git")


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_a_refusal(content):
    try:
        parse_note(content)
    except SignatureRefused:
        return
    assert parse_note(content).content == content


@given(st.integers(0, len(COSIGNED.content) - 1), st.integers(1, 255))
def test_no_changed_byte_survives(position, change):
    spoilt = bytearray(COSIGNED.content)
    spoilt[position] ^= change
    try:
        note = parse_note(bytes(spoilt))
        check_signed(note, frozenset({GATE.key}))
        assert cosigned_by(note, SEEN_BY) is None  # a line of somebody whom nobody knows
    except SignatureRefused:
        return


@given(st.text(max_size=120))
def test_no_text_is_a_verifier_key_by_chance(text):
    with pytest.raises(SignatureRefused):
        Verifier.parse(text)
