"""Packs written by hand: a history of a hundred thousand generations is made faster than git could take it in.

Objects of one kind in one place (`slot`) follow each other, and each is stored as what differs from the one before, as
git itself would do it when it packs such a history.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from agent.lineage.objects import Kind, object_id

_TYPES: Final[dict[Kind, int]] = {"commit": 1, "tree": 2, "blob": 3}
_OFS_DELTA = 6
_LONGEST_CHAIN = 40
_WORTH_A_COPY = 10
_PARTS = re.compile(rb"(?<=\n)(?=100(?:644|755) )")
"""Where the files of a bundle begin."""
_WORDS = re.compile(rb"(?<=[,\n])")


class PackWriter:
    """A git pack of version 2 that grows in a file. `close` makes it whole."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self._file.write(b"PACK" + (2).to_bytes(4, "big") + bytes(4))
        self._at = 12
        self._names: set[bytes] = set()
        self._last: dict[str, tuple[int, bytes, int]] = {}

    def add(self, kind: Kind, body: bytes, slot: str) -> str:
        """Store an object after the last one of its slot, and return its ID."""
        name = object_id(kind, body)
        if bytes.fromhex(name) in self._names:
            return name
        self._names.add(bytes.fromhex(name))
        last = self._last.get(slot)
        if last is not None and last[2] < _LONGEST_CHAIN:
            delta = difference(last[1], body)
            if len(delta) < len(body) // 2:
                self._last[slot] = (self._at, body, last[2] + 1)
                self._write(_OFS_DELTA, delta, _offset(self._at - last[0]))
                return name
        self._last[slot] = (self._at, body, 0)
        self._write(_TYPES[kind], body, b"")
        return name

    def close(self) -> None:
        """Write how many objects there are, and the checksum."""
        self._file.seek(8)
        self._file.write(len(self._names).to_bytes(4, "big"))
        self._file.seek(0)
        checksum = hashlib.sha1(usedforsecurity=False)
        while content := self._file.read(1024 * 1024):
            checksum.update(content)
        self._file.write(checksum.digest())
        self._file.close()

    def _write(self, kind: int, content: bytes, base: bytes) -> None:
        size, head = len(content), bytearray()
        byte, size = (kind << 4) | (size & 15), size >> 4
        while size:
            head.append(byte | 0x80)
            byte, size = size & 0x7F, size >> 7
        head.append(byte)
        entry = bytes(head) + base + zlib.compress(content, 6)
        self._file.write(entry)
        self._at += len(entry)


def _offset(distance: int) -> bytes:
    """Encode how far before an object its base lies, as gitformat-pack(5) does."""
    out = [distance & 0x7F]
    while distance := distance >> 7:
        distance -= 1
        out.append(0x80 | (distance & 0x7F))
    return bytes(reversed(out))


def difference(base: bytes, body: bytes) -> bytes:
    """Encode `body` as what differs from `base`, for texts of one form: copies of runs of equal bytes, and the rest."""
    before, after = _PARTS.split(base), _PARTS.split(body)
    if len(before) != len(after):
        before, after = [base], [body]
    out, copied, new = [_length(len(base)), _length(len(body))], (0, 0), b""
    for start, size, inserted in _pieces(before, after):
        if inserted or start != sum(copied):
            if copied[1] >= _WORTH_A_COPY:
                out += [*_insert(new), *_copy(*copied)]
                new = b""
            else:
                new += base[copied[0] : sum(copied)]
            copied = (start, 0)
        new += inserted
        copied = (copied[0], copied[1] + size)
    if copied[1]:
        out += [*_insert(new), *_copy(*copied)]
        new = b""
    return b"".join([*out, *_insert(new)])


def _pieces(before: list[bytes], after: list[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """What the second text is made of, in order: new bytes, then so many bytes of the first from a place on."""
    at = 0
    for old, new in zip(before, after, strict=True):
        words, others = _WORDS.split(old), _WORDS.split(new)
        if len(old) == len(new):
            yield from _masked(old, new, at)
        elif len(words) == len(others):
            here = at
            for word, other in zip(words, others, strict=True):
                yield from _masked(word, other, here) if len(word) == len(other) else [(here, 0, other)]
                here += len(word)
        else:
            start = _common(old, new)
            end = _common(old[start:][::-1], new[start:][::-1])
            yield at, start, b""
            yield at + len(old) - end, end, new[start : len(new) - end]
        at += len(old)


def _masked(old: bytes, new: bytes, at: int) -> Iterator[tuple[int, int, bytes]]:
    """The same for two texts of one length, byte by byte."""
    if old == new:
        yield at, len(old), b""
        return
    same = np.frombuffer(old, np.uint8) == np.frombuffer(new, np.uint8)
    edges = [0, *(np.flatnonzero(np.diff(same)) + 1).tolist(), len(new)]
    done = 0
    for start, end in pairwise(edges):
        if same[start] and end - start >= _WORTH_A_COPY:
            yield at + start, end - start, new[done:start]
            done = end
    if done < len(new):
        yield at + len(old), 0, new[done:]


def _common(one: bytes, other: bytes) -> int:
    most = min(len(one), len(other))
    differs = np.flatnonzero(np.frombuffer(one[:most], np.uint8) != np.frombuffer(other[:most], np.uint8))
    return int(differs[0]) if len(differs) else most


def _copy(start: int, size: int) -> Iterator[bytes]:
    while size:
        taken = min(size, 0xFFFF)
        yield bytes([0xBF]) + start.to_bytes(4, "little") + taken.to_bytes(2, "little")
        start, size = start + taken, size - taken


def _insert(content: bytes) -> Iterator[bytes]:
    for at in range(0, len(content), 127):
        part = content[at : at + 127]
        yield bytes([len(part)]) + part


def _length(size: int) -> bytes:
    out = bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*out, size])
