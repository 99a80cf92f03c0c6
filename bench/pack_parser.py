"""The reader of packs as a parser of foreign bytes: a pack and its index, read through the clone that holds them.

It promises that an object that is read has the name that was asked for, whatever the pack and its index say, and that
everything else is refused.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dulwich.object_format import SHA1
from dulwich.objects import Blob
from dulwich.pack import write_pack_index_v2, write_pack_objects

from agent.errors import AuditFailed
from agent.lineage import audit_git, pack_reader
from agent.lineage.audit_git import Clone

FILES = (str(audit_git.__file__), str(pack_reader.__file__))
_LENGTH = 4
_NAME = 20


def seed() -> bytes:
    """A pack of three blobs, two of them deltas, and its index: the length of the index, the index, the pack."""
    lines = [b"line %d of a text that stays nearly the same\n" % number for number in range(40)]
    blobs = [Blob.from_string(b"".join([*lines[:at], b"another\n", *lines[at:]])) for at in (5, 20, 35)]
    pack, index = io.BytesIO(), io.BytesIO()
    placed, checksum = write_pack_objects(pack, blobs, SHA1, deltify=True)
    entries = sorted((name, offset, crc) for name, (offset, crc) in placed.items())
    write_pack_index_v2(index, entries, checksum)
    return len(index.getvalue()).to_bytes(_LENGTH, "big") + index.getvalue() + pack.getvalue()


def reader(real: bytes) -> Callable[[bytes], None]:
    """Return the parser: it asks for what `real` holds, and for names that the index it is given claims to hold."""
    known = names(real)

    def read(data: bytes) -> None:
        index, pack = _parts(data)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            (folder / "objects" / "pack").mkdir(parents=True)
            (folder / "refs").mkdir()
            (folder / "HEAD").write_text("ref: refs/heads/main\n", "ascii")
            (folder / "objects" / "pack" / "pack-x.idx").write_bytes(index)
            (folder / "objects" / "pack" / "pack-x.pack").write_bytes(pack)
            clone = Clone.open(folder)
            try:
                if not list(clone.distortions()):
                    _ask(clone, known | names(data))
            finally:
                clone.close()

    return read


def _ask(clone: Clone, asked: set[bytes]) -> None:
    for name in sorted(asked):
        with suppress(AuditFailed):
            body = clone.read(name.hex(), "blob")
            if hashlib.sha1(b"blob %d\0%s" % (len(body), body), usedforsecurity=False).digest() != name:
                raise ValueError(f"another object was read than {name.hex()}")


def _parts(data: bytes) -> tuple[bytes, bytes]:
    end = _LENGTH + int.from_bytes(data[:_LENGTH], "big")
    return data[_LENGTH:end], data[end:]


def names(data: bytes) -> set[bytes]:
    """The first names that an index claims to hold."""
    index, _ = _parts(data)
    count = min(int.from_bytes(index[1028:1032], "big"), 16)
    return {index[1032 + at * _NAME : 1052 + at * _NAME].ljust(_NAME, b"\0") for at in range(count)}
