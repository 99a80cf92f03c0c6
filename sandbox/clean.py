"""What of ours is no longer wanted on this machine: found, removed, and told. What is not ours is never touched.

Ours is what we made and marked: containers by their labels, images by label, name and content together, folders of the
cache by place and form of name, folders in the temporary folder by a lock of ours in them. In doubt it stays.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.cache import cache_to_ourselves
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable, SandboxError
from sandbox.host_python import source_of_this_machine
from sandbox.inside import guest_folder, inside_folder, program_folder
from sandbox.ownership import APP, APP_VALUE, abandoned, this_process
from sandbox.scratch import sweep
from sandbox.slots import PREFIX as SLOTS
from sandbox.task_image import BUILT_LABEL, BUILT_NAME, named
from sandbox.task_image import FOLDER as TASKS
from sandbox.task_image import LABEL as TASK_LABEL
from sandbox.task_image import NAME as TASK_NAME

UNUSED_SECONDS = 30 * 24 * 3600
"""After so long without being asked for, what can be made again is not worth its room."""

_INSIDE_LABEL, _INSIDE_NAME = "successor.inside", "successor-inside"
_NAME = re.compile(r"[0-9a-f]{32}([0-9a-f]{32}(-made)?)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Removed:
    """One thing that was removed. `size` in bytes; of a container it is not known, and 0."""

    kind: str
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What was removed, and sentences about what was left alone and why."""

    removed: tuple[Removed, ...]
    left: tuple[str, ...]


def clean(cache: Path, temporary: Path, stages: Sequence[str], engine: Engine | None = None) -> Cleaned:
    """Remove everything of ours that nobody wants any more. `stages`: prefixes of folders of ours in `temporary`."""
    engine, left, removed = engine or Engine(), [], [*_scratch(temporary, (SLOTS, *stages))]
    answers = True
    try:
        removed += _containers(engine)
    except (BackendUnavailable, SandboxError) as error:
        answers = False
        left.append(f"no engine was looked at: {error}")
    with cache_to_ourselves(cache) as alone:
        if not alone:
            left.append(f"the cache {cache} is in use or not ours; nothing of it was removed, nor any image")
        else:
            removed += _cached(cache)
            if answers:
                removed += _images(engine, cache, left)
    return Cleaned(tuple(removed), tuple(left))


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder, each counted once."""
    found: dict[tuple[int, int], int] = {}
    for here, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                status = Path(here, name).lstat()
                found[status.st_dev, status.st_ino] = status.st_size
    return sum(found.values())


def _containers(engine: Engine) -> Iterator[Removed]:
    engine.describe()
    me, now = this_process(), time.time()
    for one in engine.containers(f"{APP}={APP_VALUE}"):
        if abandoned(one.get("Labels") or {}, now, me):
            engine.remove(str(one["Id"]))
            yield Removed("container", str(one["Id"])[:12], 0)


def _images(engine: Engine, cache: Path, left: list[str]) -> Iterator[Removed]:
    """Images of insides and tasks that the cache does not have. While a container of ours lives, it may be wanted."""
    if engine.containers(f"{APP}={APP_VALUE}"):
        left.append("containers of ours are at work; no image was removed")
        return
    for (label, name), wanted in {
        (_INSIDE_LABEL, _INSIDE_NAME): _digests(cache, "inside/*/inside.json"),
        (TASK_LABEL, TASK_NAME): _digests(cache, f"{TASKS}/*/image.json"),
        (BUILT_LABEL, BUILT_NAME): {path.name for path in _own(cache / TASKS)},
    }.items():
        for image in engine.images(label):
            known = engine.image(image) or {}
            digest = str(((known.get("Config") or {}).get("Labels") or {}).get(label))
            whole = named(name, digest)
            # What somebody built upon an image of ours has our label, and a name or a layer of its own.
            single = label == BUILT_LABEL or len((known.get("RootFS") or {}).get("Layers") or ()) == 1
            ours = single and known.get("RepoTags") == [whole] and _DIGEST.fullmatch(digest)
            if ours and digest not in wanted and engine.remove_image(image):
                yield Removed("image", whole, int(known.get("Size") or 0))


def _digests(cache: Path, records: str) -> set[str]:
    found = set()
    for path in cache.glob(records):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found.add(str(json.loads(path.read_text())["digest"]))
    return found


def _cached(cache: Path) -> Iterator[Removed]:
    """Remove what this version cannot come to, what was not asked for in a month, and what is half made."""
    kept = set(_reachable(cache))
    now = time.time()
    for kind, unwanted in _KINDS.items():
        for folder in sorted(_own(cache / kind)):
            partial = folder.name.startswith(".partial-")
            if partial or (_NAME.fullmatch(folder.name) and unwanted(folder, kept, now)):
                yield from _drop(folder, kind)
                if not partial:
                    folder.with_name(f".lock-{folder.name}").unlink(missing_ok=True)
    for folder in sorted(_own(cache)):
        if folder.name.startswith(".image-"):
            yield from _drop(folder, "image in the making")


def _reachable(cache: Path) -> Iterator[Path]:
    """The folders that this version uses for the bases it knows."""
    yield program_folder(cache).parent
    yield guest_folder(cache).parent
    with suppress(BackendUnavailable):
        yield inside_folder(cache, source_of_this_machine(cache)[0])
    for record in cache.glob("bases/*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            yield inside_folder(cache, str(json.loads(record.read_text())["image"]))


def _unreachable(folder: Path, kept: set[Path], now: float) -> bool:
    del now
    return folder not in kept


def _unused(folder: Path, kept: set[Path], now: float) -> bool:
    del kept
    lock = folder.with_name(f".lock-{folder.name}")
    return lock.is_file() and lock.stat().st_mtime < now - UNUSED_SECONDS


_KINDS: dict[str, Callable[[Path, set[Path], float], bool]] = {
    "inside": _unreachable,
    "programs": _unreachable,
    "guests": _unreachable,
    "layers": _unused,
    "corpus": _unused,
    TASKS: _unused,
}


def _own(folder: Path) -> Iterator[Path]:
    """Folders in `folder` that belong to this user, links apart."""
    with suppress(OSError):
        for path in folder.iterdir():
            with suppress(OSError):
                status = path.lstat()
                if path.is_dir() and not path.is_symlink() and status.st_uid == os.geteuid():
                    yield path


def _drop(folder: Path, kind: str) -> Iterator[Removed]:
    size = size_of(folder)
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        yield Removed(kind, folder.name, size)


def _scratch(temporary: Path, prefixes: Sequence[str]) -> Iterator[Removed]:
    """Folders whose process is gone: those that the sweep took."""
    for prefix in prefixes:
        before = {folder: size_of(folder) for folder in _own(temporary) if folder.name.startswith(prefix)}
        sweep(prefix, temporary)
        yield from (Removed("folder", str(folder), size) for folder, size in before.items() if not folder.exists())
