"""SSH signatures: ours and ssh-keygen's are the same, and nothing that is not exactly one counts."""

import hashlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import SignatureRefused
from agent.gate.signature import SK_ED25519, PublicKey, Signature, armor, dearmor, pack, signed_bytes
from agent.gate.signer import MachineKey, SshKeygen, read_public_key, sign_with_ssh_keygen

SPACE = "successor-review-v1@successor"
MESSAGE = b"what was shown"
KEY = MachineKey.generate()


def string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def keygen(*arguments, stdin=b"", check=True):
    return subprocess.run(["ssh-keygen", *arguments], input=stdin, capture_output=True, check=check)


@pytest.fixture
def person(tmp_path):
    path = tmp_path / "id"
    keygen("-q", "-t", "ed25519", "-N", "", "-C", "a person", "-f", str(path))
    return path


def hardware_signature(flags, *, private=None, application=b"ssh:", namespace=SPACE, message=MESSAGE, counter=7):
    """What a FIDO key returns, made in software (PROTOCOL.u2f)."""
    private = private or KEY._private
    inner = hashlib.sha256(signed_bytes(namespace, "sha512", message)).digest()
    value = private.sign(hashlib.sha256(application).digest() + bytes([flags]) + counter.to_bytes(4, "big") + inner)
    key = string(SK_ED25519.encode()) + string(KEY.key.raw) + string(application)
    blob = string(SK_ED25519.encode()) + string(value) + bytes([flags]) + counter.to_bytes(4, "big")
    fields = (key, namespace.encode(), b"", b"sha512", blob)
    return b"SSHSIG" + (1).to_bytes(4, "big") + b"".join(string(field) for field in fields)


def hand_made(**changes):
    """A plain signature, field by field, so that each field can be wrong."""
    value = KEY._private.sign(signed_bytes(SPACE, "sha512", MESSAGE))
    fields = {
        "magic": b"SSHSIG",
        "version": (1).to_bytes(4, "big"),
        "key": string(KEY.key.blob),
        "namespace": string(SPACE.encode()),
        "reserved": string(b""),
        "hash": string(b"sha512"),
        "signature": string(string(b"ssh-ed25519") + string(value)),
        "tail": b"",
    }
    return b"".join({**fields, **changes}.values())


def test_a_signature_of_ssh_keygen_is_verified_in_process(person):
    blob = sign_with_ssh_keygen(person, SPACE, MESSAGE)

    assert Signature.parse(blob).verify(SPACE, MESSAGE) == read_public_key(person)


def test_a_signature_of_ours_is_verified_by_ssh_keygen(tmp_path):
    (tmp_path / "sig").write_text(armor(KEY.sign(SPACE, MESSAGE)) + "\n")
    (tmp_path / "allowed").write_text(f'gate namespaces="{SPACE}" {KEY.key.line}\n')
    verify = ["-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "gate", "-s", str(tmp_path / "sig"), "-n"]

    assert b"Good" in keygen(*verify, SPACE, stdin=MESSAGE).stdout
    assert keygen(*verify, SPACE, stdin=MESSAGE + b"!", check=False).returncode != 0
    assert keygen(*verify, "git", stdin=MESSAGE, check=False).returncode != 0


def test_the_armor_of_ssh_keygen_is_the_one_form(person, tmp_path):
    (tmp_path / "m").write_bytes(MESSAGE)
    keygen("-q", "-Y", "sign", "-f", str(person), "-n", SPACE, str(tmp_path / "m"))
    text = (tmp_path / "m.sig").read_text()

    assert armor(dearmor(text)) + "\n" == text


def test_a_hand_made_signature_is_the_packed_one():
    assert hand_made() == KEY.sign(SPACE, MESSAGE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"magic": b"SSHSIX"}, "does not begin with SSHSIG"),
        ({"version": (2).to_bytes(4, "big")}, "version is not 1"),
        ({"reserved": string(b"junk")}, "reserved field is not empty"),
        ({"hash": string(b"md5")}, "is unknown"),
        ({"hash": string(b"\xff")}, "not ASCII"),
        ({"tail": b"\0"}, "bytes follow its end"),
        ({"signature": string(string(b"ssh-ed25519") + string(b"\0" * 64) + b"\0")}, "bytes follow its end"),
        ({"signature": string(string(b"ssh-rsa") + string(b"\0" * 64))}, "types of key and signature differ"),
        ({"key": string(string(b"ssh-rsa") + string(b"\0" * 32))}, "'ssh-rsa' are not accepted"),
        ({"key": string(string(b"ssh-ed25519") + string(b"\0" * 31))}, "31 bytes instead of 32"),
        ({"key": string(KEY.key.blob + b"\0")}, "bytes follow its end"),
        ({"namespace": b"\xff\xff\xff\xff"}, "ends too early"),
        ({"tail": b"\0" * 5000}, "too long"),
    ],
)
def test_a_malformed_signature_is_refused_by_name(changes, reason):
    with pytest.raises(SignatureRefused, match=reason):
        Signature.parse(hand_made(**changes))


@pytest.mark.parametrize(
    ("namespace", "message", "reason"),
    [("git", MESSAGE, "signed for another purpose"), (SPACE, b"what was not shown", "the signature is wrong")],
)
def test_another_namespace_or_message_is_refused(namespace, message, reason):
    with pytest.raises(SignatureRefused, match=reason):
        Signature.parse(hand_made()).verify(namespace, message)


def test_a_signature_of_another_key_is_refused():
    other = MachineKey.generate()
    value = other._private.sign(signed_bytes(SPACE, "sha512", MESSAGE))

    with pytest.raises(SignatureRefused, match="the signature is wrong"):
        Signature.parse(pack(KEY.key, SPACE, "sha512", value)).verify(SPACE, MESSAGE)


def test_a_signature_shortened_to_nothing_is_refused():
    with pytest.raises(SignatureRefused, match="the signature is wrong"):
        Signature.parse(pack(KEY.key, SPACE, "sha512", b"")).verify(SPACE, MESSAGE)


def test_an_untouched_hardware_key_does_not_count():
    """ssh-keygen accepts flags 0x00 like 0x01 and 0x05; this verifier must not."""
    with pytest.raises(SignatureRefused, match="was not touched"):
        Signature.parse(hardware_signature(0x00)).verify(SPACE, MESSAGE)
    with pytest.raises(SignatureRefused, match="was not touched"):
        Signature.parse(hardware_signature(0x04)).verify(SPACE, MESSAGE)


def test_a_touched_hardware_key_counts_and_a_pin_can_be_demanded():
    touched, verified = (Signature.parse(hardware_signature(flags)) for flags in (0x01, 0x05))

    assert touched.verify(SPACE, MESSAGE).kind == SK_ED25519
    assert verified.verify(SPACE, MESSAGE, pin=True).raw == KEY.key.raw
    with pytest.raises(SignatureRefused, match="PIN"):
        touched.verify(SPACE, MESSAGE, pin=True)


def test_flags_counter_and_application_of_a_hardware_key_are_signed():
    blob = hardware_signature(0x01)
    for spoilt in (blob[:-5] + b"\x05" + blob[-4:], blob[:-1] + b"\x09", blob.replace(b"ssh:", b"ssh;")):
        with pytest.raises(SignatureRefused, match="the signature is wrong"):
            Signature.parse(spoilt).verify(SPACE, MESSAGE)


def test_a_hardware_key_and_a_plain_key_with_the_same_bytes_are_different_keys():
    assert Signature.parse(hardware_signature(0x01)).key != KEY.key


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: t.replace("BEGIN", "BEGINN"),
        lambda t: t.replace("-----END", "------END"),
        lambda t: t + "\n\n",
        lambda t: " " + t,
        lambda t: t.replace("\n", "\r\n"),
        lambda t: t.replace("U1NI", "U1NI\n", 1),
        lambda t: t.replace("U1NI", "U1N*", 1),
        lambda t: t.replace("U1NI", "Ü1NI", 1),
        lambda t: "",
    ],
)
def test_another_armor_is_refused(spoil):
    with pytest.raises(SignatureRefused):
        Signature.parse_armor(spoil(armor(hand_made())))


def test_base64_with_spare_bits_is_refused():
    line = KEY.key.line
    padded = PublicKey(SK_ED25519, KEY.key.raw, b"ssh:xx").line
    assert padded.endswith("=")
    stem = padded.rstrip("=")
    spoilt = stem[:-1] + chr(ord(stem[-1]) + 1) + "=" * (len(padded) - len(stem))
    with pytest.raises(SignatureRefused, match="more than one reading"):
        PublicKey.parse_line(spoilt)
    assert PublicKey.parse_line(line + " with a comment").line == line


@pytest.mark.parametrize(
    "line",
    ["", "ssh-ed25519", SK_ED25519 + KEY.key.line.removeprefix("ssh-ed25519")],
    ids=["nothing", "a type alone", "another type's content"],
)
def test_a_public_key_line_that_is_none_is_refused(line):
    with pytest.raises(SignatureRefused, match="not an SSH public key"):
        PublicKey.parse_line(line)


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_a_refusal(content):
    for text in (content, b"SSHSIG" + (1).to_bytes(4, "big") + content):
        with pytest.raises(SignatureRefused):
            Signature.parse(text)


@given(st.integers(0, len(hand_made()) - 1), st.integers(1, 255))
def test_no_changed_byte_survives(position, change):
    content = bytearray(hand_made())
    content[position] ^= change
    with pytest.raises(SignatureRefused):
        Signature.parse(bytes(content)).verify(SPACE, MESSAGE)


@given(st.text(max_size=200))
def test_no_text_raises_anything_but_a_refusal(text):
    for read in (PublicKey.parse_line, Signature.parse_armor):
        with pytest.raises(SignatureRefused):
            read(text)


# Keys in files


def test_a_machine_key_is_written_for_its_owner_alone_and_read_again(tmp_path):
    KEY.save(tmp_path / "gate", "gate of a test")

    assert (tmp_path / "gate").stat().st_mode & 0o777 == 0o600
    assert MachineKey.load(tmp_path / "gate").key == KEY.key
    assert read_public_key(tmp_path / "gate.pub") == KEY.key
    assert keygen("-l", "-f", str(tmp_path / "gate")).stdout.decode().split()[1] == KEY.key.fingerprint


def test_a_key_is_never_overwritten(tmp_path):
    KEY.save(tmp_path / "gate", "gate")
    with pytest.raises(SignatureRefused, match="File exists"):
        MachineKey.generate().save(tmp_path / "gate", "gate")
    assert MachineKey.load(tmp_path / "gate").key == KEY.key


def test_a_machine_key_that_others_can_read_is_refused(tmp_path):
    KEY.save(tmp_path / "gate", "gate")
    (tmp_path / "gate").chmod(0o640)
    with pytest.raises(SignatureRefused, match=r"can be read by others.*chmod 600"):
        MachineKey.load(tmp_path / "gate")


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_other_kinds_of_keys_are_refused_by_name(tmp_path, kind):
    keygen("-q", "-t", kind, "-N", "", "-f", str(tmp_path / "id"))
    with pytest.raises(SignatureRefused, match=r"not accepted.*ssh-keygen -t ed25519"):
        read_public_key(tmp_path / "id")
    with pytest.raises(SignatureRefused, match="not a machine key"):
        MachineKey.load(tmp_path / "id")


def test_the_public_half_of_a_key_with_a_passphrase_needs_no_passphrase(tmp_path):
    path = tmp_path / "id"
    keygen("-q", "-t", "ed25519", "-N", "secret", "-f", str(path))

    assert read_public_key(path) == read_public_key(tmp_path / "id.pub")
    with pytest.raises(SignatureRefused, match="without a passphrase"):
        MachineKey.load(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"ssh-ed25519",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAA\n-----END",
    ],
)
def test_what_is_no_key_is_refused(tmp_path, content):
    (tmp_path / "id").write_bytes(content)
    (tmp_path / "id").chmod(0o600)
    with pytest.raises(SignatureRefused):
        read_public_key(tmp_path / "id")
    with pytest.raises(SignatureRefused):
        MachineKey.load(tmp_path / "id")


def test_a_missing_key_is_one_clear_sentence(tmp_path):
    for read in (read_public_key, MachineKey.load, SshKeygen):
        with pytest.raises(SignatureRefused, match="cannot be read: No such file"):
            read(tmp_path / "nowhere")


def test_a_key_in_another_format_is_refused_by_name(tmp_path):
    (tmp_path / "id").write_text("-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n")
    with pytest.raises(SignatureRefused, match="not in OpenSSH's own format"):
        read_public_key(tmp_path / "id")


def test_a_key_swapped_between_reading_and_signing_is_refused(person, tmp_path):
    """The name in the review was chosen by the first key; the second may be somebody else's."""
    signer = SshKeygen(person)
    other = MachineKey.generate()
    person.unlink()
    person.with_name("id.pub").unlink()
    other.save(person, "other")
    with pytest.raises(SignatureRefused, match="another key than its public half names"):
        signer.sign(SPACE, MESSAGE)


def test_a_machine_without_ssh_keygen_says_what_to_install(person, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SignatureRefused, match=r"ssh-keygen was not found.*Install OpenSSH's client"):
        sign_with_ssh_keygen(person, SPACE, MESSAGE)


def test_a_touch_that_never_comes_ends(person, tmp_path, monkeypatch):
    (tmp_path / "ssh-keygen").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    (tmp_path / "ssh-keygen").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("agent.gate.signer._SECONDS_FOR_A_TOUCH", 0.2)
    with pytest.raises(SignatureRefused, match="did not sign in time"):
        sign_with_ssh_keygen(person, SPACE, MESSAGE)


def test_a_program_in_the_place_of_ssh_keygen_must_still_sign(person, tmp_path, monkeypatch):
    """What it answers is checked like any signature, so an answer for other bytes is refused here, not at the commit."""
    (tmp_path / "answer").write_text(armor(KEY.sign(SPACE, b"something else")) + "\n")
    (tmp_path / "ssh-keygen").write_text(f"#!/bin/sh\nexec /bin/cat {tmp_path}/answer\n")
    (tmp_path / "ssh-keygen").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SignatureRefused, match="the signature is wrong"):
        sign_with_ssh_keygen(person, SPACE, MESSAGE)


def test_ssh_keygen_failing_is_a_refusal(person):
    person.with_name("id.pub").unlink()
    person.write_text("ssh-ed25519 not a private key\n")
    with pytest.raises(SignatureRefused, match="ssh-keygen could not sign"):
        sign_with_ssh_keygen(person, SPACE, MESSAGE)


def test_a_key_file_whose_name_looks_like_an_option(person, monkeypatch):
    odd = person.with_name("-Y")
    person.rename(odd)
    monkeypatch.chdir(odd.parent)
    from pathlib import Path

    blob = sign_with_ssh_keygen(Path("-Y"), SPACE, MESSAGE)
    assert Signature.parse(blob).verify(SPACE, MESSAGE) == read_public_key(odd)


def test_a_key_held_by_an_agent_signs_through_its_public_file(person, monkeypatch):
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    values = dict(part.split("=", 1) for part in started.replace("\n", ";").split(";") if "=" in part)
    monkeypatch.setenv("SSH_AUTH_SOCK", values["SSH_AUTH_SOCK"])
    monkeypatch.setenv("SSH_AGENT_PID", values["SSH_AGENT_PID"])
    try:
        subprocess.run(["ssh-add", "-q", str(person)], check=True, capture_output=True)
        person.unlink()
        signer = SshKeygen(person.with_name("id.pub"))
        assert Signature.parse(signer.sign(SPACE, MESSAGE)).verify(SPACE, MESSAGE) == signer.key
    finally:
        subprocess.run(["ssh-agent", "-k"], check=True, capture_output=True)
