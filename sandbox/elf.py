"""Programs that work in any image: an ELF executable (System V gABI) tied to a loader and libraries of its own.

The path of the loader (`PT_INTERP`) is overwritten in place, so it must be no longer than the one that was there. The
folders of the libraries become a `DT_RPATH`, which the loader asks before the environment and before the image's own
folders; its text is put into the unused end of a page that is loaded anyway, its entry over one that only debuggers
look at. Nothing is moved, and a file that is no such program is returned as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sandbox.errors import BackendUnavailable

_MAGIC = b"\x7fELF\x02\x01"
_LOAD, _DYNAMIC, _INTERP = 1, 2, 3
_STRTAB, _RPATH, _DEBUG, _RUNPATH = 5, 15, 21, 29
_HEADER, _PROGRAM, _ENTRY = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ"), struct.Struct("<qQ")
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class _Segment:
    """One program header; `place` is where it stands in the file."""

    place: int
    kind: int
    flags: int
    offset: int
    address: int
    physical: int
    size: int
    memory: int
    align: int


def tied(content: bytes, loader: str, folders: Sequence[str]) -> bytes:
    """Return the program in `content`, to be loaded by `loader` with libraries of `folders` first.

    What has no loader (a script, a library, a static program) is returned unchanged. Raises `BackendUnavailable` for a
    program that has no room.
    """
    if not content.startswith(_MAGIC):
        return content
    try:
        segments = tuple(_segments(content))
        asked = next((segment for segment in segments if segment.kind == _INTERP), None)
        if asked is None:
            return content
        image = bytearray(content)
        _put(image, asked.offset, asked.size, loader.encode())
        _lead(image, segments, ":".join(folders).encode())
    except (struct.error, StopIteration) as error:
        raise BackendUnavailable("a program of the base is damaged", mend="Use another base") from error
    return bytes(image)


def interpreter(content: bytes) -> str | None:
    """Return the path of the loader that a program asks for, None for anything else."""
    if not content.startswith(_MAGIC):
        return None
    found = next((segment for segment in _segments(content) if segment.kind == _INTERP), None)
    return None if found is None else content[found.offset :][: found.size].rstrip(b"\0").decode("utf-8", "replace")


def _segments(content: bytes) -> Iterator[_Segment]:
    header = _HEADER.unpack_from(content)
    start, size, count = header[5], header[9], header[10]
    for place in range(start, start + size * count, size):
        kind, flags, offset, address, physical, length, memory, align = _PROGRAM.unpack_from(content, place)
        yield _Segment(place, kind, flags, offset, address, physical, length, memory, align)


def _put(image: bytearray, offset: int, room: int, text: bytes) -> None:
    if len(text) >= room:
        raise _no_room("a path of its loader")
    image[offset : offset + room] = text.ljust(room, b"\0")


def _lead(image: bytearray, segments: Sequence[_Segment], folders: bytes) -> None:
    """Write the folders of the libraries, and the entry that names them."""
    address = _written(image, segments, folders + b"\0")
    dynamic = next(segment for segment in segments if segment.kind == _DYNAMIC)
    places = range(dynamic.offset, dynamic.offset + dynamic.size, _ENTRY.size)
    entries = [(place, *_ENTRY.unpack_from(image, place)) for place in places]
    strings = next(value for _, tag, value in entries if tag == _STRTAB)
    # A program may have one of its own already; the last resort is the first of the empty entries at the end.
    at = next((place for wanted in (_RUNPATH, _RPATH, _DEBUG) for place, tag, _ in entries if tag == wanted), None)
    empty = [place for place, tag, _ in entries if tag == 0]
    if at is None and len(empty) > 1:
        at = empty[0]
    if at is None:
        raise _no_room("an entry for its libraries")
    _ENTRY.pack_into(image, at, _RPATH, (address - strings) % 2**64)


def _written(image: bytearray, segments: Sequence[_Segment], text: bytes) -> int:
    """Put `text` after the end of what a segment loads, where its last page is empty; return its address."""
    for segment in segments:
        end = segment.offset + segment.size
        room = -end % _PAGE
        free = segment.kind == _LOAD and segment.size == segment.memory and room >= len(text)
        if free and image[end : end + len(text)] == bytes(len(text)):
            image[end : end + len(text)] = text
            grown = segment.size + len(text)
            _PROGRAM.pack_into(
                image, segment.place, segment.kind, segment.flags, segment.offset, segment.address,
                segment.physical, grown, grown, segment.align,
            )  # fmt: skip
            return segment.address + segment.size
    raise _no_room("the names of its libraries' folders")


def _no_room(what: str) -> BackendUnavailable:
    return BackendUnavailable(f"a program of the base has no room for {what}", mend="Use another base")
