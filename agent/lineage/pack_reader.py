"""Packs as an auditor reads them: any object by its ID, each delta resolved once, sizes held to what is declared.

Formats: gitformat-pack(5), packs of version 2 with an index of version 2, SHA-1 names. dulwich applies the deltas; its
general reader of objects asks for a tenth of a millisecond each, and a history of a hundred thousand generations has
some two million. Nothing here vouches for an object: whoever reads one hashes it (`agent.lineage.audit_git`), so a
wrong index, a wrong base or a wrong cache can only make an object unreadable. Damage raises `ValueError`, or whatever
the damaged place makes of it.
"""

from __future__ import annotations

import mmap
import operator
import zlib
from collections import OrderedDict
from itertools import islice
from pathlib import Path
from typing import Final

from dulwich.pack import apply_delta

CACHED_BYTES = 24 * 1024 * 1024
"""Of bodies that later deltas may be made from, in each pack that is open."""
MAX_CHAIN = 5000
"""Deltas upon deltas; git writes chains of at most 4095."""

_INDEX_MAGIC = b"\xfftOc\x00\x00\x00\x02"
_PACK_MAGIC = b"PACK\x00\x00\x00\x02"
_FANOUT = 8
_NAMES = _FANOUT + 1024
_OFS_DELTA: Final = 6
_REF_DELTA: Final = 7
_NEAR = 64
_FAR_OFFSET = 0x80000000
_MOST_BITS = 63
"""Of a number that is written in pieces: to add up a megabyte of them would take minutes."""


class PackReader:
    """One pack and its index. `close` it after use."""

    def __init__(self, index: Path, max_bytes: int) -> None:
        self.name = index.name
        self._max = max_bytes
        self._index = _mapped(index, _INDEX_MAGIC)
        self._pack = _mapped(index.with_suffix(".pack"), _PACK_MAGIC)
        table = self._index[_FANOUT:_NAMES]
        self._fanout = [0, *(int.from_bytes(table[at : at + 4], "big") for at in range(0, 1024, 4))]
        self._count = self._fanout[256]
        if self._fanout != sorted(self._fanout) or len(self._index) < _NAMES + self._count * 28 + 40:
            raise ValueError(f"{index.name} is shorter than it says")
        self._cache: OrderedDict[int, tuple[int, bytes]] = OrderedDict()
        self._cached = 0

    def fault(self) -> str:
        """Why git might find another object here than this reader, or nothing: its search takes names for sorted."""
        names = self._index[_NAMES : _NAMES + self._count * 20]
        found = [names[at : at + 20] for at in range(0, len(names), 20)]
        if not all(map(operator.lt, found, islice(found, 1, None))):
            return "its names are not in order, or one stands there twice"
        wrong = any(found[at - 1][0] >= byte for byte, at in enumerate(self._fanout[:-1]) if at) or any(
            found[at][0] < byte for byte, at in enumerate(self._fanout[:-1]) if at < self._count
        )
        return "its table of first bytes leads to other names" if wrong else ""

    def close(self) -> None:
        """Let go of the files."""
        self._cache.clear()
        self._index.close()
        self._pack.close()

    def get(self, name: bytes) -> tuple[int, bytes] | None:
        """Return the type number and the body of an object, or `None` when the index does not hold its name."""
        at = self._place(name)
        return None if at is None else self._resolved(self._offset(at))

    def _place(self, name: bytes) -> int | None:
        """Where in the sorted names one stands. They are evenly spread: it is first looked for where it should be."""
        low, high = self._fanout[name[0]], self._fanout[name[0] + 1]
        guess = low + ((high - low) * int.from_bytes(name[1:5], "big") >> 32)
        near = self._search(name, max(low, guess - _NEAR), min(high, guess + _NEAR))
        return near if near is not None else self._search(name, low, high)

    def _search(self, name: bytes, low: int, high: int) -> int | None:
        start, end = _NAMES + low * 20, _NAMES + high * 20
        at = self._index.find(name, start, end)
        while at >= 0 and (at - start) % 20:
            at = self._index.find(name, at + 1, end)
        return None if at < 0 else (at - _NAMES) // 20

    def _offset(self, place: int) -> int:
        at = _NAMES + self._count * 24 + place * 4
        offset = int.from_bytes(self._index[at : at + 4], "big")
        if offset < _FAR_OFFSET:
            return offset
        at = _NAMES + self._count * 28 + (offset - _FAR_OFFSET) * 8
        return int.from_bytes(self._index[at : at + 8], "big")

    def _resolved(self, offset: int) -> tuple[int, bytes]:
        """Return an object, made of its deltas from the innermost; every step on the way may serve the next reader."""
        deltas: list[tuple[int, bytes]] = []
        here, held = offset, 0
        while (found := self._remembered(here)) is None:
            kind, body, base = self._stored(here)
            if base is None:
                found = self._remember(here, (kind, body))
                break
            deltas.append((here, body))
            held += len(body)
            if len(deltas) > MAX_CHAIN or held > self._max:
                raise ValueError("a pack is damaged: its deltas lead nowhere, or are larger than any object")
            here = base
        kind, body = found
        for at, delta in reversed(deltas):
            _check_size(delta, self._max)
            body = b"".join(apply_delta(body, delta))
            found = self._remember(at, (kind, body))
        return found

    def _stored(self, offset: int) -> tuple[int, bytes, int | None]:
        """Return type, content and the offset of the base of what stands at an offset; a delta has no type yet."""
        pack, at = self._pack, offset
        byte = pack[at]
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 0x80:
            at += 1
            byte = pack[at]
            size |= (byte & 0x7F) << shift
            shift += 7
            _check_bits(shift)
        at += 1
        base: int | None = None
        if kind == _OFS_DELTA:
            base, at = self._distance(offset, at)
        elif kind == _REF_DELTA:
            place = self._place(pack[at : at + 20])
            if place is None:
                raise KeyError("the base of a delta")
            base, at = self._offset(place), at + 20
        return kind, self._inflated(at, size), base

    def _distance(self, offset: int, at: int) -> tuple[int, int]:
        byte = self._pack[at]
        back = byte & 0x7F
        while byte & 0x80:
            at += 1
            byte = self._pack[at]
            back = back + 1 << 7 | byte & 0x7F
            _check_bits(back.bit_length())
        if not 0 < back < offset:
            raise ValueError("a pack is damaged: the base of a delta is outside of it")
        return offset - back, at + 1

    def _inflated(self, at: int, size: int) -> bytes:
        """Inflate what stands at a place: as many bytes as are declared, neither more nor fewer."""
        if size > self._max:
            raise ValueError(f"an object is too large: more than {self._max} bytes")
        inflater = zlib.decompressobj()
        content = inflater.decompress(self._pack[at : at + size + (size >> 3) + 64], size + 1)
        if len(content) != size or not inflater.eof:
            raise ValueError("an object is not as large as it says")
        return content

    def _remembered(self, offset: int) -> tuple[int, bytes] | None:
        found = self._cache.get(offset)
        if found is not None:
            self._cache.move_to_end(offset)
        return found

    def _remember(self, offset: int, found: tuple[int, bytes]) -> tuple[int, bytes]:
        self._cache[offset] = found
        self._cached += len(found[1])
        while self._cached > CACHED_BYTES:
            _, (_, body) = self._cache.popitem(last=False)
            self._cached -= len(body)
        return found


def _check_size(delta: bytes, most: int) -> None:
    """Refuse a delta whose result would be too large, before it is made: its second number is how large."""
    at = 0
    for _ in range(2):
        size = shift = 0
        while True:
            byte = delta[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            _check_bits(shift)
            if not byte & 0x80:
                break
    if size > most:
        raise ValueError(f"an object is too large: more than {most} bytes")


def _check_bits(bits: int) -> None:
    if bits > _MOST_BITS:
        raise ValueError("a pack is damaged: a number in it does not end")


def _mapped(path: Path, magic: bytes) -> mmap.mmap:
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if content[: len(magic)] != magic:
        content.close()
        raise ValueError(f"{path.name} is of a form that this auditor does not read")
    return content
