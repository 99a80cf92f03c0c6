"""The files of a task's image, written anew: what may stay, in a form that neither weakens a wall nor lies about us.

From the tar of an engine's `export` to another. Its work folder comes out as plain files, and where it was a link leads
to the writable copy of it. Left out: devices, whatever lies where our own things come, and `/etc/ld.so.preload`. Set-ID
bits, owners, capabilities and other attributes are not taken over. What the owner of a file could read or run, anybody
may: the commands of a sandbox are nobody's, and nothing there is a secret of ours.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import IO

from sandbox.contract import MIB
from sandbox.errors import ImageRefused
from sandbox.inside import KEEPER_ID, LINKS, USERS
from sandbox.task_room import OWNED

MOST_MEMBERS = 500_000
MOST_FILES, MOST_BYTES = 5_000, 32 * MIB
"""In the work folder: no more than may come out of a sandbox again."""

_DROPPED = ("proc", "sys", "dev", "etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", ".dockerenv")
_PRELOAD = "etc/ld.so.preload"
_NOT_WORKED_IN = ("proc", "sys", "dev", "etc", "run", *OWNED)
_KEPT = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE)
_USERS: Mapping[str, int] = {"keeper": KEEPER_ID, "solver": USERS["solver"], "grader": USERS["grader"]}
_LISTS = {
    "etc/passwd": "".join(f"{name}:x:{number}:{number}::/work:/bin/sh\n" for name, number in _USERS.items()),
    "etc/group": "".join(f"{name}:x:{number}:\n" for name, number in _USERS.items()),
}
"""Lines that are added, so that programs find the user that they run as."""


@dataclass(slots=True)
class Rewritten:
    """What came of an image: the files of its work folder (content, executable), and a digest over all of it."""

    files: dict[str, tuple[bytes, bool]] = field(default_factory=dict)
    whole: hashlib._Hash = field(default_factory=hashlib.sha256)

    def note(self, *words: object) -> None:
        """Count something into the digest."""
        self.whole.update(repr(words).encode("utf-8", "surrogateescape") + b"\n")


def rewrite(source: tarfile.TarFile, target: tarfile.TarFile, workdir: str) -> Rewritten:
    """Write the files of `source`, a seekable tar of a whole image, to `target`. Raises `ImageRefused`."""
    work = PurePosixPath(workdir).relative_to("/").as_posix()
    if work == "." or ".." in work.split("/"):
        raise ImageRefused("its work folder is the root", mend="Give the Dockerfile a WORKDIR, as /app")
    if any(_below(work, place) or _below(place, work) for place in _NOT_WORKED_IN):
        raise ImageRefused(
            f"its work folder /{work[:80]} is a place of the sandbox's own", mend="Take another, as /app"
        )
    members = {_name(member): member for member in _members(source)}
    _check_work_folder(members, work)
    return _Rewriting(source, target, members, work).run()


class _Rewriting:
    """One pass over an image."""

    def __init__(
        self, source: tarfile.TarFile, target: tarfile.TarFile, members: dict[str, tarfile.TarInfo], work: str
    ) -> None:
        self._source, self._target, self._members, self._work = source, target, members, work
        self._made = Rewritten()
        self._bytes = 0

    def run(self) -> Rewritten:
        for name, member in self._members.items():
            if name == self._work:
                self._link(name, f"/{LINKS['app']}")
            elif _below(name, self._work):
                self._collect(name, member)
            elif member.type in _KEPT and not self._is_dropped(name, member):
                self._keep(name, member)
        for name, lines in _LISTS.items():
            if name not in self._members:
                self._write(name, lines.encode())
        if "app" not in self._members:
            self._link("app", f"/{LINKS['app']}")
        for path, (content, executable) in sorted(self._made.files.items()):
            self._made.note("work", path, executable, hashlib.sha256(content).hexdigest())
        return self._made

    def _is_dropped(self, name: str, member: tarfile.TarInfo) -> bool:
        if name == _PRELOAD or any(_below(name, place) for place in (*_DROPPED, *OWNED)):
            return True
        # Where our own folders come, no link may lead away.
        return not member.isdir() and any(_below(place, name) for place in OWNED)

    def _keep(self, name: str, member: tarfile.TarInfo) -> None:
        if member.isdir():
            made = _made(name, tarfile.DIRTYPE, 0o755, member)
            self._made.note("folder", name)
            self._target.addfile(made)
        elif member.issym():
            self._link(name, member.linkname)
        elif member.islnk() and not self._is_gone(member.linkname):
            made = _made(name, tarfile.LNKTYPE, 0o644, member)
            made.linkname = _plain(member.linkname)
            self._made.note("hard link", name, made.linkname)
            self._target.addfile(made)
        elif name in _LISTS and member.size <= MIB:
            self._write(name, self._read(member).rstrip(b"\n") + b"\n" + _LISTS[name].encode())
        else:
            self._copy(name, self._end_of(member))

    def _is_gone(self, linkname: str) -> bool:
        """Whether what a hard link means is not written, or not as it was."""
        name = _plain(linkname)
        found = self._members.get(name)
        return found is None or _below(name, self._work) or name in _LISTS or self._is_dropped(name, found)

    def _end_of(self, member: tarfile.TarInfo) -> tarfile.TarInfo:
        """Return the member with the content that a hard link means."""
        for _ in range(8):
            if not member.islnk():
                break
            found = self._members.get(_plain(member.linkname))
            if found is None:
                raise ImageRefused(f"a hard link leads nowhere: {_shown(member.name)}")
            member = found
        return member

    def _copy(self, name: str, member: tarfile.TarInfo) -> None:
        made = _made(name, tarfile.REGTYPE, 0o755 if member.mode & 0o111 else 0o644, member)
        made.size = member.size
        content = self._source.extractfile(member)
        if content is None:
            raise ImageRefused(f"it cannot be read: {_shown(name)}")
        hashed = _Hashed(content)
        self._target.addfile(made, hashed)
        self._made.note("file", name, made.mode, hashed.whole.hexdigest())

    def _write(self, name: str, content: bytes) -> None:
        made = tarfile.TarInfo(name)
        made.size, made.mode = len(content), 0o644
        self._made.note("file", name, made.mode, hashlib.sha256(content).hexdigest())
        self._target.addfile(made, io.BytesIO(content))

    def _link(self, name: str, target: str) -> None:
        made = tarfile.TarInfo(name)
        made.type, made.linkname, made.mode = tarfile.SYMTYPE, target, 0o777
        self._made.note("link", name, target)
        self._target.addfile(made)

    def _collect(self, name: str, member: tarfile.TarInfo) -> None:
        """Take a file of the work folder."""
        path = name.removeprefix(f"{self._work}/")
        if member.isdir():
            return
        if not (member.isreg() or member.islnk()):
            raise ImageRefused(
                f"{_shown(path)} in its work folder is no plain file", mend="Only plain files are worked on and graded"
            )
        found = self._end_of(member)
        self._bytes += found.size
        if len(self._made.files) >= MOST_FILES or self._bytes > MOST_BYTES:
            raise ImageRefused(
                f"its work folder holds more than {MOST_FILES} files or {MOST_BYTES // MIB} MiB",
                mend="Put what is not worked on elsewhere",
            )
        self._made.files[path] = (self._read(found), bool(found.mode & 0o100))

    def _read(self, member: tarfile.TarInfo) -> bytes:
        content = self._source.extractfile(self._end_of(member))
        return b"" if content is None else content.read()


class _Hashed:
    """A file that is read once, and what it held."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self.whole = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._content.read(size)
        self.whole.update(piece)
        return piece


def _members(source: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for count, member in enumerate(source):
        if count >= MOST_MEMBERS:
            raise ImageRefused(f"it holds more than {MOST_MEMBERS} files")
        if _plain(member.name):
            yield member


def _check_work_folder(members: dict[str, tarfile.TarInfo], work: str) -> None:
    """The folder and all above it are folders of the image, and no links."""
    for place in (work, *(parent.as_posix() for parent in PurePosixPath(work).parents if parent.name)):
        found = members.get(place)
        if found is None or not found.isdir():
            what = "is not there" if found is None else "is no folder, or lies behind a link"
            raise ImageRefused(f"its work folder /{work[:80]} {what}", mend="Name one that the Dockerfile makes")


def _made(name: str, kind: bytes, mode: int, of: tarfile.TarInfo) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.mode, made.mtime = kind, mode, of.mtime
    return made


def _name(member: tarfile.TarInfo) -> str:
    return _plain(member.name)


def _plain(path: str) -> str:
    """Return a path of the archive without dots and slashes around it."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ImageRefused(f"a path leads out of it: {_shown(path)}")
    return "/".join(parts)


def _below(name: str, place: str) -> bool:
    """Whether `name` is `place` or lies below it."""
    return name == place or name.startswith(f"{place}/")


def _shown(path: str) -> str:
    return ascii(path[:120])
