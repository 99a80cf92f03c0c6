"""Our own inside within an image that is not ours: one folder, independent of everything around it.

    /opt/successor/ld          the loader of our programs
    /opt/successor/inside      interpreter, programs and libraries, tied to that loader (`elf`)
    /opt/successor/inside/tools   our programs by name, for images that lack them; last on the PATH
    /opt/successor/inside/python  our interpreter as `python`, for verifiers in images that have none
    /opt/successor/site        the locked dependencies, which only our interpreter finds

beside the places that a wall mounts things on. Nothing here is looked for through a path that the image could turn.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sandbox.contract import CANDIDATE_ROOT, DEPENDENCIES, GUEST, WORK
from sandbox.direct import INSIDE as PIPES
from sandbox.elf import interpreter, tied
from sandbox.errors import BackendUnavailable
from sandbox.inside import LINKS, Inside
from sandbox.surroundings import INSIDE, PYTHON, ROOM, TOOLS

LOADER = f"{ROOM}/ld"
GIVEN, TESTS, SOLUTION, BROKER = "/task", "/tests", "/solution", "/run/broker"

PLACES = (CANDIDATE_ROOT, GIVEN, TESTS, SOLUTION, BROKER, GUEST, PIPES)
"""Folders that are there to be mounted on."""
OWNED = tuple(path[1:] for path in (*PLACES, ROOM, WORK, "/logs", "/tmp"))  # noqa: S108  # a place inside
"""What is ours in an image, with all below it, whatever the image has there."""
ENTRY = (f"{TOOLS}/sh", "-c", f'exec "{TOOLS}/$0" "$@"')
"""Entry point of the image: whatever the first process is, it is a program of ours."""

_NAMES = frozenset({"python", "python3"})


def python_of(inside: Inside) -> str:
    """Return where the interpreter of `inside` lies in an image."""
    return f"{INSIDE}{inside.python}"


def furnish(archive: tarfile.TarFile, inside: Inside, in_image: bytes) -> None:
    """Write everything of ours to a tar of an image, in an order that depends on names only.

    `in_image` is the source of what the interpreter does first. Raises `BackendUnavailable`.
    """
    for place in (*PLACES, DEPENDENCIES, WORK, INSIDE, TOOLS, PYTHON):
        _folder(archive, place)
    _folder(archive, "/tmp", 0o1777)  # noqa: S108  # a place inside
    _link(archive, "/logs", f"/{LINKS['logs']}")
    _copied(archive, inside)
    _file(archive, f"{INSIDE}{inside.stdlib}/sitecustomize.py", in_image)
    for program in _programs(inside):
        _link(archive, f"{TOOLS}/{program.name}", f"{INSIDE}/{program.relative_to(inside.root).as_posix()}")
    for name in sorted(_NAMES):
        _link(archive, f"{PYTHON}/{name}", python_of(inside))


def _copied(archive: tarfile.TarFile, inside: Inside) -> None:
    root, library = inside.root, _Libraries.of(inside)
    _file(archive, LOADER, library.loader.read_bytes(), executable=True)
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        place = _place(name)
        if place is None:
            continue
        if path.is_symlink():
            target = str(path.readlink())
            _link(archive, place, f"{INSIDE}{target}" if target.startswith("/") else target)
        elif path.is_dir():
            _folder(archive, place)
        else:
            is_program = bool(path.stat().st_mode & 0o100)
            content = path.read_bytes()
            _file(archive, place, tied(content, LOADER, library.folders) if is_program else content, is_program)


def _place(name: str) -> str | None:
    """Return where a file of the inside lies in an image, None for what is not taken along."""
    if PurePosixPath(DEPENDENCIES[1:]) in PurePosixPath(name).parents:
        return f"/{name}"
    top, _, _ = name.partition("/")
    return f"{INSIDE}/{name}" if top in ("usr", "bin", "sbin", "lib", "lib64") else None


@dataclass(frozen=True, slots=True)
class _Libraries:
    """Where the programs of an inside have their loader and their libraries."""

    loader: Path
    folders: tuple[str, ...]

    @classmethod
    def of(cls, inside: Inside) -> _Libraries:
        asked = interpreter((inside.root / inside.python[1:]).read_bytes())
        if asked is None:
            raise BackendUnavailable("the base's Python has no loader", mend="Use another base")
        name = PurePosixPath(asked).name
        found = sorted(path for path in (inside.root / "usr").rglob(name) if path.is_file())
        if not found:
            raise BackendUnavailable("the loader of the base's Python was not collected", mend="Use another base")
        folders = {path.parent for path in (inside.root / "usr").rglob("lib*.so*") if "lib-dynload" not in path.parts}
        names = sorted(f"{INSIDE}/{path.relative_to(inside.root).as_posix()}" for path in folders)
        return cls(found[0], tuple(names))


def _programs(inside: Inside) -> Iterator[Path]:
    """The programs of an inside, apart from its interpreter."""
    own = inside.root / inside.python[1:]
    for folder in ("usr/bin", "bin"):
        here = inside.root / folder
        if here.is_dir() and not here.is_symlink():
            yield from (p for p in sorted(here.iterdir()) if p.is_file() and not p.is_symlink() and p != own)


def _folder(archive: tarfile.TarFile, path: str, mode: int = 0o755) -> None:
    member = tarfile.TarInfo(path[1:])
    member.type, member.mode = tarfile.DIRTYPE, mode
    archive.addfile(member)


def _link(archive: tarfile.TarFile, path: str, target: str) -> None:
    member = tarfile.TarInfo(path[1:])
    member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
    archive.addfile(member)


def _file(archive: tarfile.TarFile, path: str, content: bytes, executable: bool = False) -> None:
    member = tarfile.TarInfo(path[1:])
    member.size, member.mode = len(content), 0o755 if executable else 0o644
    archive.addfile(member, io.BytesIO(content))
