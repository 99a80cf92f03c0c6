"""What crosses the wall: trees staged for mounting go in, archives read by a strict extractor come out.

The extractor reads the bytes of a hostile archive itself instead of handing them to `tarfile`, whose filters were
escaped more than once and whose extended headers are buffered before any check can run. It accepts the plain core of
POSIX tar (regular files and folders, and `pax` records that only lengthen a name) and refuses everything else, whole:
an archive is taken in full or not at all. `tar_format` says what a header means.
"""

from __future__ import annotations

import os
import shutil
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sandbox.contract import MIB
from sandbox.errors import TransferRefused
from sandbox.tar_format import BLOCK, Member, parse_header, parse_pax, shown

_PIECE = 1024 * 1024
_PAX_BYTES = 16 * 1024
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Caps:
    """What one archive may hold. `total` is in bytes of file content, `name` in bytes of one part of a path, `path` in
    bytes of the whole: more than the system takes at once, and nobody could read here what was written.

    `members` counts every file and folder, those too that only a longer path implies.
    """

    members: int = 5000
    total: int = 64 * MIB
    depth: int = 20
    name: int = 255
    path: int = 2_048

    @property
    def stream(self) -> int:
        """Bytes of raw archive: the content, and for each member two headers, a name record and padding."""
        return self.total + (self.members + 2) * (4 * BLOCK + _PAX_BYTES) + MIB


@dataclass(frozen=True, slots=True)
class Extracted:
    """What an archive held: how many files, and how many bytes in them."""

    files: int
    total: int


def stage(files: Mapping[str, tuple[bytes, bool]], destination: Path) -> None:
    """Write `files` (path -> content and whether executable) to a new folder that the sandbox's user can read.

    Paths are relative, with `/` between parts. Modes are 0644 and 0755 whatever the umask. Raises `TransferRefused` for
    a path that would leave the folder, and `FileExistsError` when `destination` is there already; nothing is left then.
    """
    destination.mkdir(parents=True)
    try:
        root = _open_root(destination)
        try:
            for path in sorted(files):
                content, executable = files[path]
                with _create(root, _parts(path, Caps(depth=64)), executable) as file:
                    file.write(content)
        finally:
            os.close(root)
    except BaseException:
        shutil.rmtree(destination, ignore_errors=True)
        raise


def extract(stream: BinaryIO, destination: Path, caps: Caps | None = None) -> Extracted:
    """Extract an uncompressed tar from `stream` into the new folder `destination`.

    Raises `TransferRefused`, and leaves no folder, when anything in the archive is not a regular file or a folder with
    a plain relative name, appears twice (also in another spelling of the same letters, which some file systems take for
    the same name), exceeds `caps`, is cut short, or cannot be written. Owners, times and mode bits other than the
    owner's execute bit are ignored.
    """
    try:
        destination.mkdir(parents=True)
    except OSError as error:
        raise TransferRefused(f"cannot extract to {destination}: {error.strerror}") from error
    try:
        root = _open_root(destination)
        try:
            return _Extraction(root, _Capped(stream, (caps or Caps()).stream), caps or Caps()).run()
        finally:
            os.close(root)
    except OSError as error:
        shutil.rmtree(destination, ignore_errors=True)
        raise TransferRefused(f"the archive cannot be written out: {error.strerror}") from error
    except BaseException:
        shutil.rmtree(destination, ignore_errors=True)
        raise


class _Capped:
    """A stream that ends in a refusal when more raw bytes are asked of it than an honest archive needs."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._left = limit

    def take(self, size: int) -> bytes:
        """Read exactly `size` bytes (at most 1 MiB)."""
        self._left -= size
        if self._left < 0:
            raise TransferRefused("the archive is longer than its limits allow")
        pieces: list[bytes] = []
        while size > 0:
            piece = self._stream.read(size)
            if not piece:
                raise TransferRefused("the archive is cut short")
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def rest_is_zero(self) -> bool:
        """Whether nothing but padding follows."""
        while piece := self._stream.read(_PIECE):
            self._left -= len(piece)
            if self._left < 0 or piece.strip(b"\0"):
                return False
        return True


class _Extraction:
    """One pass over one archive. Every path is walked relative to the open descriptor of the destination."""

    def __init__(self, root: int, source: _Capped, caps: Caps) -> None:
        self._root = root
        self._source = source
        self._caps = caps
        self._seen: set[tuple[str, ...]] = set()
        self._spelled: dict[tuple[str, ...], tuple[str, ...]] = {}

    def run(self) -> Extracted:
        members = files = total = 0
        while (member := self._next_member()) is not None:
            members += 1
            total += member.size
            if members > self._caps.members:
                raise TransferRefused(f"the archive holds more than {self._caps.members} members")
            if total > self._caps.total:
                raise TransferRefused(f"the archive holds more than {self._caps.total} bytes")
            files += self._write(member)
        return Extracted(files, total)

    def _next_member(self) -> Member | None:
        header = self._source.take(BLOCK)
        if not header.strip(b"\0"):
            if self._source.take(BLOCK).strip(b"\0") or not self._source.rest_is_zero():
                raise TransferRefused("the archive goes on after its end")
            return None
        member = parse_header(header)
        if member.kind != b"x":
            return member
        name = self._pax_name(member.size)
        following = parse_header(self._source.take(BLOCK))
        return Member(following.name if name is None else name, following.kind, following.size, following.executable)

    def _pax_name(self, size: int) -> str | None:
        if size > _PAX_BYTES:
            raise TransferRefused("an extended header is too long")
        return parse_pax(self._source.take(size + -size % BLOCK)[:size])

    def _write(self, member: Member) -> int:
        """Write one member; return 1 for a file, 0 for a folder."""
        is_folder = member.kind == b"5"
        if not is_folder and member.kind not in (b"0", b"\0"):
            raise TransferRefused(f"{shown(member.name)} is neither a regular file nor a folder")
        if is_folder and member.size:
            raise TransferRefused(f"the folder {shown(member.name)} claims to have content")
        parts = _parts(member.name.removesuffix("/") if is_folder else member.name, self._caps)
        self._admit(parts, member.name)
        if is_folder:
            os.close(_walk(self._root, parts))
            return 0
        with _create(self._root, parts, member.executable) as file:
            left = member.size
            while left > 0:
                piece = self._source.take(min(left, _PIECE))
                file.write(piece)
                left -= len(piece)
        self._source.take(-member.size % BLOCK)
        return 1

    def _admit(self, parts: tuple[str, ...], name: str) -> None:
        """Refuse what is there already, under this name or under one that differs only in case or composition."""
        if parts in self._seen:
            raise TransferRefused(f"{shown(name)} appears twice")
        self._seen.add(parts)
        folded = tuple(_folded(part) for part in parts)
        for depth in range(1, len(parts) + 1):
            first = self._spelled.setdefault(folded[:depth], parts[:depth])
            if first != parts[:depth]:
                raise TransferRefused(f"{shown(name)} spells {shown('/'.join(first))} in another way")
        if len(self._spelled) > self._caps.members:
            raise TransferRefused(f"the archive holds more than {self._caps.members} members")


def _folded(part: str) -> str:
    """Return the form in which file systems that fold case or composition compare names."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold())


def _parts(name: str, caps: Caps) -> tuple[str, ...]:
    """Split a path, or refuse it. Empty and `.` parts are refused too: honest packers do not write them."""
    parts = tuple(name.removeprefix("./").split("/"))
    if "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise TransferRefused(f"{shown(name)} is not a plain relative path")
    if len(parts) > caps.depth:
        raise TransferRefused(f"{shown(name)} lies deeper than {caps.depth} folders")
    sizes = [len(_encoded(part)) for part in parts]
    if max(sizes) > caps.name:
        raise TransferRefused(f"{shown(name)} has a part longer than {caps.name} bytes")
    if sum(sizes) + len(sizes) - 1 > caps.path:
        raise TransferRefused(f"{shown(name)} is longer than {caps.path} bytes")
    return parts


def _encoded(part: str) -> bytes:
    try:
        return part.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TransferRefused(f"{shown(part)} cannot be written as UTF-8") from error


def _open_root(destination: Path) -> int:
    destination.chmod(0o755)
    return os.open(destination, _FOLDER_FLAGS)


def _walk(root: int, parts: tuple[str, ...]) -> int:
    """Return a new descriptor of the folder `parts` below `root`, making folders on the way."""
    here = os.dup(root)
    for part in parts:
        try:
            try:
                os.mkdir(part, dir_fd=here)
                made = True
            except FileExistsError:
                made = False
            below = os.open(part, _FOLDER_FLAGS, dir_fd=here)
        finally:
            os.close(here)
        here = below
        if made:
            os.fchmod(here, 0o755)
    return here


def _create(root: int, parts: tuple[str, ...], executable: bool) -> BinaryIO:
    """Open a new file below `root` for writing."""
    folder = _walk(root, parts[:-1])
    try:
        descriptor = os.open(parts[-1], _FILE_FLAGS, 0o600, dir_fd=folder)
    finally:
        os.close(folder)
    os.fchmod(descriptor, 0o755 if executable else 0o644)
    return os.fdopen(descriptor, "wb")
