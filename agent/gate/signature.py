"""SSH signatures (SSHSIG): read, check and write them in process, without trusting anything they say about themselves.

Format: PROTOCOL.sshsig and PROTOCOL.u2f of OpenSSH. One byte form for each signature is accepted: the reserved field
must be empty and the armor must be the one ssh-keygen writes, because an approval with many forms would have many
digests. A hardware key (`sk-ssh-ed25519@openssh.com`) counts only when it was touched; ssh-keygen itself accepts it
untouched.

`Signature.parse` and `Signature.verify` prove that the embedded key signed the message in the namespace. Whether that
key may sign is the caller's question (`agent.gate.trust`), asked by key material and never by a key's name.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from agent.errors import SignatureRefused

ED25519 = "ssh-ed25519"
SK_ED25519 = "sk-ssh-ed25519@openssh.com"
GIT_NAMESPACE = "git"
MAX_SIGNATURE_BYTES = 4096

_MAGIC = b"SSHSIG"
_BEGIN = "-----BEGIN SSH SIGNATURE-----"
_END = "-----END SSH SIGNATURE-----"
_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_TOUCHED = 0x01
_VERIFIED = 0x04


@dataclass(frozen=True)
class PublicKey:
    """A public key by its raw bytes. `application` is empty except for hardware keys, where it is part of the key."""

    kind: str
    raw: bytes
    application: bytes = b""

    @classmethod
    def parse_line(cls, line: str) -> PublicKey:
        """Read `ssh-ed25519 BASE64 [comment]`, the one line of a `.pub` file. Raises `SignatureRefused`."""
        words = line.split()
        if len(words) < 2:
            raise SignatureRefused("not an SSH public key", why="expected a type and a base64 word on one line")
        key = cls.parse_blob(_unbase64(words[1]))
        if key.kind != words[0]:
            raise SignatureRefused("not an SSH public key", why="its type and its content differ")
        return key

    @classmethod
    def parse_blob(cls, blob: bytes) -> PublicKey:
        """Read the wire form of a public key. Raises `SignatureRefused`."""
        reader = _Reader(blob)
        kind = reader.text()
        if kind not in (ED25519, SK_ED25519):
            raise SignatureRefused(
                f"keys of type {kind[:40]!a} are not accepted",
                why="only Ed25519 keys are, in a file or on a hardware key",
                mend="Make one with: ssh-keygen -t ed25519 (or -t ed25519-sk)",
            )
        raw = reader.string()
        application = reader.string() if kind == SK_ED25519 else b""
        reader.end()
        if len(raw) != 32:
            raise SignatureRefused("not an Ed25519 key", why=f"it has {len(raw)} bytes instead of 32")
        return cls(kind, raw, application)

    @property
    def blob(self) -> bytes:
        """The wire form."""
        tail = _string(self.application) if self.kind == SK_ED25519 else b""
        return _string(self.kind.encode()) + _string(self.raw) + tail

    @property
    def line(self) -> str:
        """The one-line form of a `.pub` file, without a comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @cached_property
    def fingerprint(self) -> str:
        """The name that `ssh-keygen -l` prints: `SHA256:` and unpadded base64. For people; never used to decide."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")


@dataclass(frozen=True)
class Signature:
    """A parsed SSH signature. Nothing in it is proven until `verify` has returned."""

    key: PublicKey
    namespace: str
    hash_name: str
    value: bytes
    flags: int = 0
    counter: int = 0

    @classmethod
    def parse(cls, blob: bytes) -> Signature:
        """Read the binary form, strictly. Raises `SignatureRefused`."""
        return _like(blob[:-64], blob[-64:]) or cls._parsed(blob)

    @classmethod
    def _parsed(cls, blob: bytes) -> Signature:
        if len(blob) > MAX_SIGNATURE_BYTES or not blob.startswith(_MAGIC):
            raise SignatureRefused("not an SSH signature", why="it is too long or does not begin with SSHSIG")
        reader = _Reader(blob[len(_MAGIC) :])
        if reader.uint32() != 1:
            raise SignatureRefused("not an SSH signature", why="its version is not 1")
        key = PublicKey.parse_blob(reader.string())
        namespace = reader.text()
        if reader.string():
            raise SignatureRefused("refused an SSH signature", why="its reserved field is not empty")
        hash_name = reader.text()
        if hash_name not in _HASHES:
            raise SignatureRefused("refused an SSH signature", why=f"its hash {hash_name[:20]!a} is unknown")
        inner = _Reader(reader.string())
        reader.end()
        if inner.text() != key.kind:
            raise SignatureRefused("refused an SSH signature", why="the types of key and signature differ")
        value = inner.string()
        flags, counter = (inner.byte(), inner.uint32()) if key.kind == SK_ED25519 else (0, 0)
        inner.end()
        return cls(key, namespace, hash_name, value, flags, counter)

    @classmethod
    def parse_armor(cls, text: str) -> Signature:
        """Read the form with BEGIN and END lines, exactly as ssh-keygen writes it. Raises `SignatureRefused`."""
        return cls.parse(dearmor(text))

    def verify(self, namespace: str, message: bytes, *, pin: bool = False) -> PublicKey:
        """Return the key that signed `message` in `namespace`, or raise `SignatureRefused`.

        A hardware key must have been touched, and with `pin` must have verified its user.
        """
        if self.namespace != namespace:
            raise SignatureRefused(
                "signed for another purpose", why=f"the namespace is {self.namespace[:60]!a}, not {namespace!a}"
            )
        signed = signed_bytes(namespace, self.hash_name, message)
        if self.key.kind == SK_ED25519:
            self._demand_presence(pin=pin)
            signed = (
                hashlib.sha256(self.key.application).digest()
                + bytes([self.flags])
                + self.counter.to_bytes(4, "big")
                + hashlib.sha256(signed).digest()
            )
        verify_raw(self.key, self.value, signed)
        return self.key

    def _demand_presence(self, *, pin: bool) -> None:
        if not self.flags & _TOUCHED:
            raise SignatureRefused("the hardware key was not touched", why="its signature lacks the user-present flag")
        if pin and not self.flags & _VERIFIED:
            raise SignatureRefused("the hardware key did not ask for its PIN", why="the user-verified flag is missing")


def _like(head: bytes, value: bytes) -> Signature | None:
    """The signature of a file's key that has these bytes before its value; `None` for all that is not so plain.

    What stands before the value is the same for all signatures of one key for one purpose, and reading it does not
    depend on the value: so it is read once.
    """
    about = _about(head)
    return Signature(about.key, about.namespace, about.hash_name, value) if about and len(value) == 64 else None


@lru_cache(maxsize=1024)
def _about(head: bytes) -> Signature | None:
    try:
        found = Signature._parsed(head + bytes(64))
    except SignatureRefused:
        return None
    return found if found.key.kind == ED25519 and len(found.value) == 64 else None


def verify_raw(key: PublicKey, value: bytes, signed: bytes) -> None:
    """Raise `SignatureRefused` unless `value` is the Ed25519 signature of exactly the bytes `signed` by `key`."""
    try:
        _loaded(key.raw).verify(value, signed)
    except (InvalidSignature, ValueError) as error:
        raise SignatureRefused("the signature is wrong", why=f"{key.fingerprint} did not sign these bytes") from error


@lru_cache(maxsize=256)
def _loaded(raw: bytes) -> Ed25519PublicKey:
    """The key as the library wants it: few keys sign a whole history."""
    return Ed25519PublicKey.from_public_bytes(raw)


class Signer(Protocol):
    """Something that holds one key and signs with it."""

    @property
    def key(self) -> PublicKey:
        """The public half."""
        ...

    def sign(self, namespace: str, message: bytes) -> bytes:
        """Return the binary SSH signature of `message` in `namespace`. Raises `SignatureRefused`."""
        ...


def signed_bytes(namespace: str, hash_name: str, message: bytes) -> bytes:
    """Return what an SSH signature signs: magic, namespace, empty reserved field, hash name, hash of the message."""
    digest = _HASHES[hash_name](message).digest()
    return _MAGIC + _string(namespace.encode()) + _string(b"") + _string(hash_name.encode()) + _string(digest)


def pack(key: PublicKey, namespace: str, hash_name: str, value: bytes) -> bytes:
    """Return the binary form of a plain Ed25519 signature."""
    inner = _string(ED25519.encode()) + _string(value)
    fields = (key.blob, namespace.encode(), b"", hash_name.encode(), inner)
    return _MAGIC + (1).to_bytes(4, "big") + b"".join(_string(field) for field in fields)


def armor(blob: bytes) -> str:
    """Return the form with BEGIN and END lines, without a final newline."""
    text = base64.b64encode(blob).decode()
    return "\n".join([_BEGIN, *(text[at : at + 70] for at in range(0, len(text), 70)), _END])


def dearmor(text: str) -> bytes:
    """Return the binary form of a signature in `armor`'s form, one final newline allowed. Raises `SignatureRefused`."""
    if len(text) > 2 * MAX_SIGNATURE_BYTES:
        raise SignatureRefused("not an SSH signature", why="it is too long")
    lines = text.removesuffix("\n").split("\n")
    blob = _unbase64("".join(lines[1:-1]))
    if armor(blob) != "\n".join(lines):
        raise SignatureRefused(
            "not an SSH signature", why="its first and last lines or its wrapping are not ssh-keygen's"
        )
    return blob


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _unbase64(text: str) -> bytes:
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureRefused("refused a key or signature", why="it is not strict base64") from error
    if base64.b64encode(content).decode() != text:
        raise SignatureRefused("refused a key or signature", why="its base64 has more than one reading")
    return content


class _Reader:
    """Reads SSH's length-prefixed fields with bounds checks; `end` demands that nothing follows."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def _take(self, count: int) -> bytes:
        if count > len(self._rest):
            raise SignatureRefused("refused a key or signature", why="it ends too early")
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken

    def byte(self) -> int:
        return self._take(1)[0]

    def uint32(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def string(self) -> bytes:
        return self._take(self.uint32())

    def text(self) -> str:
        try:
            return self.string().decode("ascii")
        except UnicodeDecodeError as error:
            raise SignatureRefused("refused a key or signature", why="a name in it is not ASCII") from error

    def end(self) -> None:
        if self._rest:
            raise SignatureRefused("refused a key or signature", why="bytes follow its end")
