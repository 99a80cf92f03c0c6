"""Whoever can sign: machine keys in process, people through ssh-keygen.

Apart from `signature`, so that a verifier loads no private key and starts no process. A machine key (gate, evaluator)
is an unencrypted OpenSSH file that only its owner can read. A person's key stays where it is: `ssh-keygen` speaks to
the agent, asks for the passphrase, or waits for the touch of a hardware key.
"""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from agent.errors import SignatureRefused
from agent.gate.signature import ED25519, PublicKey, Signature, dearmor, pack, signed_bytes

MAX_KEY_FILE_BYTES = 65536
_HASH = "sha512"
_SECONDS_FOR_A_TOUCH = 300
_CONTAINER = "-----BEGIN OPENSSH PRIVATE KEY-----"


class MachineKey:
    """An Ed25519 key held in memory: the gate's, the evaluator's, or one made for a test."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._key = PublicKey(ED25519, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    @property
    def key(self) -> PublicKey:
        """The public half."""
        return self._key

    @classmethod
    def generate(cls) -> MachineKey:
        """Return a new key that is written nowhere."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> MachineKey:
        """Read an unencrypted OpenSSH Ed25519 file that nobody but its owner can read. Raises `SignatureRefused`."""
        try:
            if path.stat().st_mode & 0o077:
                raise SignatureRefused(f"the key {path} can be read by others", mend=f"Run: chmod 600 {path}")
            private = load_ssh_private_key(_read(path), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise SignatureRefused(
                f"{path} is not a machine key", why="expected an OpenSSH private key without a passphrase"
            ) from error
        except OSError as error:
            raise SignatureRefused(f"the key {path} cannot be read", why=error.strerror or str(error)) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise SignatureRefused(f"{path} is not a machine key", why="it is not an Ed25519 key")
        return cls(private)

    def save(self, path: Path, comment: str) -> None:
        """Write the key to a new file of mode 0600 and its public line beside it as `.pub`. Never overwrites."""
        content = self._private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            path.with_name(path.name + ".pub").write_text(f"{self._key.line} {comment}\n", encoding="ascii")
        except OSError as error:
            raise SignatureRefused(f"the key {path} cannot be written", why=error.strerror or str(error)) from error

    def sign(self, namespace: str, message: bytes) -> bytes:
        """Return the binary SSH signature of `message` in `namespace`."""
        value = self._private.sign(signed_bytes(namespace, _HASH, message))
        return pack(self._key, namespace, _HASH, value)

    def sign_note(self, text: bytes) -> bytes:
        """Return the bare Ed25519 signature of a note's text, see `agent.gate.note`.

        No such text begins with SSHSIG, so it can never pass as what `sign` has signed.
        """
        if text.startswith(b"SSHSIG"):
            raise SignatureRefused("this is no note", why="it begins as an SSH signature's content does")
        return self._private.sign(text)


class SshKeygen:
    """A person's key, used through `ssh-keygen -Y sign`: a file, an agent (`.pub` file), or a hardware key."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key = read_public_key(path)

    @property
    def key(self) -> PublicKey:
        """The public half."""
        return self._key

    def sign(self, namespace: str, message: bytes) -> bytes:
        """Return the binary SSH signature; may prompt at the terminal or wait for a touch."""
        blob = sign_with_ssh_keygen(self._path, namespace, message)
        if Signature.parse(blob).key != self._key:
            raise SignatureRefused(f"{self._path} signed with another key than its public half names")
        return blob


def sign_with_ssh_keygen(key: Path, namespace: str, message: bytes) -> bytes:
    """Sign through ssh-keygen and return the binary signature, checked. Raises `SignatureRefused`.

    ssh-keygen's own prompts and complaints go to the terminal: a touch or a passphrase is asked for by the program that
    needs it.
    """
    # The path is made absolute so that no file name can be read as an option; the namespaces are constants of ours.
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(key.absolute()), "-n", namespace]
    try:
        done = subprocess.run(  # noqa: S603  # constant argv, see above
            command, input=message, stdout=subprocess.PIPE, timeout=_SECONDS_FOR_A_TOUCH, check=False
        )
    except FileNotFoundError as error:
        raise SignatureRefused(
            "ssh-keygen was not found", why="it signs reviews with your SSH key", mend="Install OpenSSH's client"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SignatureRefused("ssh-keygen did not sign in time", why="it waited for you for five minutes") from error
    if done.returncode != 0:
        raise SignatureRefused(
            f"ssh-keygen could not sign with {key}",
            why=f"it ended with status {done.returncode}; see its message above",
        )
    blob = dearmor(done.stdout.decode("ascii", "replace"))
    Signature.parse(blob).verify(namespace, message)
    return blob


def read_public_key(path: Path) -> PublicKey:
    """Return the public half of a key file, private or `.pub`, without its passphrase. Raises `SignatureRefused`."""
    try:
        text = _read(path).decode("ascii").strip()
    except OSError as error:
        raise SignatureRefused(f"the key {path} cannot be read", why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise SignatureRefused(f"{path} is not an SSH key") from error
    if text.startswith(_CONTAINER):
        return _public_half(path, text)
    if "PRIVATE KEY" in text:
        raise SignatureRefused(f"{path} is not in OpenSSH's own format", mend="Make a key with: ssh-keygen -t ed25519")
    return PublicKey.parse_line(text)


def _public_half(path: Path, text: str) -> PublicKey:
    """Read the public key that OpenSSH keeps in clear inside a private key file (PROTOCOL.key)."""
    try:
        body = base64.b64decode("".join(text.split("\n")[1:-1]))
        rest = body.removeprefix(b"openssh-key-v1\0")
        for _ in range(3):  # cipher, key derivation, its options
            rest = rest[4 + int.from_bytes(rest[:4], "big") :]
        length = int.from_bytes(rest[4:8], "big")
        return PublicKey.parse_blob(rest[8 : 8 + length])
    except ValueError as error:
        raise SignatureRefused(f"{path} is not a private key of OpenSSH") from error


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_KEY_FILE_BYTES)
