"""Signed notes and checkpoints: the head of a log as one short text, signed by the log and cosigned by witnesses.

Formats: C2SP signed-note, tlog-checkpoint and tlog-cosignature (Ed25519 in all of them), so that any tool of that
family reads them. Whom to trust is the caller's question: a note is worth what a key says of it that was known before
(`check_signed`, `cosigned_by`). Every malformation raises `SignatureRefused`.

    gate-log.successor.invalid/0d4e...          origin: which log this is
    12                                          how many entries it has
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2...         RFC 6962 root over them

    — gate-log.successor.invalid/0d4e... Az3grlgt...
    — witness.example/w1 jWbPPwAAAABkGFDL...
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

from agent.errors import SignatureRefused
from agent.gate.signature import ED25519, PublicKey, Signer, verify_raw

MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 64
NOTE_KEY = 0x01
COSIGNER_KEY = 0x04

_DASH = "\N{EM DASH} "
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class NoteSigner(Signer, Protocol):
    """A signer that also signs bare text, as notes need it."""

    def sign_note(self, text: bytes) -> bytes:
        """Return the 64 bytes of the Ed25519 signature of `text`, with nothing around it."""
        ...


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: which log, how many entries, and the Merkle root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class Mark:
    """One signature line of a note: nothing about it is proven."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """The line as it stands in the note."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True)
class Note:
    """A parsed checkpoint note."""

    checkpoint: Checkpoint
    marks: tuple[Mark, ...]

    @property
    def content(self) -> bytes:
        """The bytes of the note."""
        return (self.checkpoint.text + "\n" + "".join(mark.line for mark in self.marks)).encode()


@dataclass(frozen=True)
class Verifier:
    """Whom a signature line is expected from: a name, a key and what kind of line (`NOTE_KEY` or `COSIGNER_KEY`)."""

    name: str
    key: PublicKey
    kind: int

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read a verifier key, `NAME+KEYID+BASE64`, as C2SP signed-note writes it. Raises `SignatureRefused`."""
        name, _, rest = vkey.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        body = _unbase64(encoded)
        if len(body) != 33 or body[0] not in (NOTE_KEY, COSIGNER_KEY):
            raise SignatureRefused(
                f"{vkey[:80]!a} is not a verifier key", why="it holds no Ed25519 key of a kind known"
            )
        found = cls(checked_name(name), PublicKey(ED25519, body[1:]), body[0])
        if key_id != found.key_id.hex():
            raise SignatureRefused(f"{vkey[:80]!a} is not a verifier key", why="its ID is not that of its key")
        return found

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a line names its key."""
        return hashlib.sha256(f"{self.name}\n".encode() + bytes([self.kind]) + self.key.raw).digest()[:4]

    @property
    def line(self) -> str:
        """The verifier key as text."""
        body = base64.b64encode(bytes([self.kind]) + self.key.raw).decode()
        return f"{self.name}+{self.key_id.hex()}+{body}"

    def marks(self, note: Note) -> tuple[Mark, ...]:
        """Return the lines of a note that claim to be this verifier's."""
        return tuple(mark for mark in note.marks if (mark.name, mark.key_id) == (self.name, self.key_id))


def checked_name(name: str) -> str:
    """Return a name that may stand in a signature line. Raises `SignatureRefused`."""
    if _NAME.fullmatch(name) is None:
        raise SignatureRefused(
            f"{name[:80]!a} cannot be the name of a log or witness",
            why="it has letters, digits and . _ / - only, such as witness.example/w1",
        )
    return name


def parse_note(content: bytes) -> Note:
    """Read a checkpoint note, strictly and in one form only. Raises `SignatureRefused`."""
    if len(content) > MAX_NOTE_BYTES:
        raise SignatureRefused("the checkpoint is too large", why=f"more than {MAX_NOTE_BYTES} bytes")
    try:
        body, separator, tail = content.decode("utf-8").partition("\n\n")
        origin, size, root = body.split("\n")
    except ValueError as error:
        raise SignatureRefused("this is not a checkpoint", why="it has not an origin, a size and a root") from error
    lines = tail.split("\n")
    if not separator or lines.pop() != "" or not 1 <= len(lines) <= MAX_SIGNATURES:
        raise SignatureRefused("this is not a checkpoint", why="it is not signed, or signed too often")
    if _SIZE.fullmatch(size) is None or len(_unbase64(root)) != 32:
        raise SignatureRefused("this is not a checkpoint", why="its size or root has no valid form")
    checkpoint = Checkpoint(checked_name(origin), int(size), _unbase64(root))
    return Note(checkpoint, tuple(_mark(line) for line in lines))


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> Note:
    """Return the note with which a log vouches for its head. Its name is the origin."""
    verifier = Verifier(checkpoint.origin, signer.key, NOTE_KEY)
    return Note(checkpoint, (Mark(verifier.name, verifier.key_id, signer.sign_note(checkpoint.text.encode())),))


def cosign(note: Note, name: str, seconds: int, signer: NoteSigner) -> Note:
    """Return the note with the line of a witness added: it has seen this head at `seconds` since 1970, consistent."""
    verifier = Verifier(checked_name(name), signer.key, COSIGNER_KEY)
    value = signer.sign_note(_cosigned(note.checkpoint, seconds))
    mark = Mark(verifier.name, verifier.key_id, seconds.to_bytes(8, "big") + value)
    kept = tuple(one for one in note.marks if (one.name, one.key_id) != (mark.name, mark.key_id))
    return Note(note.checkpoint, (*kept, mark))


def check_signed(note: Note, keys: frozenset[PublicKey]) -> PublicKey:
    """Return which of a log's own `keys` signed the note; raise `SignatureRefused` when none did, or one is forged."""
    for key in sorted(keys, key=lambda key: key.raw):
        marks = Verifier(note.checkpoint.origin, key, NOTE_KEY).marks(note)
        for mark in marks:
            verify_raw(key, mark.value, note.checkpoint.text.encode())
        if marks:
            return key
    raise SignatureRefused("the checkpoint is not signed by the log", why="no line of it is by a key of the gate")


def cosigned_by(note: Note, witness: Verifier) -> int | None:
    """Return when a witness cosigned the note, or `None` if it did not. Raises `SignatureRefused` for a forged line."""
    for mark in witness.marks(note):
        if len(mark.value) != 72:
            raise SignatureRefused(f"the cosignature of {witness.name} is malformed")
        seconds = int.from_bytes(mark.value[:8], "big")
        verify_raw(witness.key, mark.value[8:], _cosigned(note.checkpoint, seconds))
        return seconds
    return None


def _cosigned(checkpoint: Checkpoint, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{checkpoint.text}".encode()


def _mark(line: str) -> Mark:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    content = _unbase64(encoded) if space else b""
    if not line.startswith(_DASH) or len(content) < 5:
        raise SignatureRefused("this is not a checkpoint", why="one of its signature lines is malformed")
    return Mark(checked_name(name), content[:4], content[4:])


def _unbase64(text: str) -> bytes:
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureRefused("refused a checkpoint", why="its base64 is broken") from error
    if base64.b64encode(content).decode() != text:
        raise SignatureRefused("refused a checkpoint", why="its base64 has more than one reading")
    return content
