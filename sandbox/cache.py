"""Folders made once and found ready ever after, also when several processes ask for the same one at once."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.errors import BackendUnavailable

_PARTIAL = ".partial-"


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return `folder`, after `make` has filled it if it was not there.

    `make` works in a partial folder beside it that is renamed when complete, so `folder` exists whole or not at all.
    What an earlier, killed process left unfinished is removed first.
    """
    lock = folder.with_name(f".lock-{folder.name}")
    if folder.is_dir():
        with suppress(OSError):  # somebody else's cache
            os.utime(lock)  # when it was last wanted
        return folder
    with locked(lock):
        if folder.is_dir():
            return folder
        prefix = f"{_PARTIAL}{folder.name}-"
        for stale in folder.parent.glob(f"{prefix}*"):
            shutil.rmtree(stale, ignore_errors=True)
        partial = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
        try:
            partial.chmod(0o755)
            make(partial)
            partial.rename(folder)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
    return folder


class CacheUse:
    """Holds a cache in use, for as long as this object lives: what is in it is not cleaned away meanwhile.

    Waits while somebody cleans. In a cache of somebody else that cannot be locked, nothing is held.
    """

    def __init__(self, cache: Path) -> None:
        descriptor = _open_lock(cache)
        if descriptor is not None:
            weakref.finalize(self, os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_SH)


@contextmanager
def cache_to_ourselves(cache: Path) -> Iterator[bool]:
    """Say whether nobody else has the cache in use; while this lasts nobody begins to."""
    descriptor = _open_lock(cache)
    if descriptor is None:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _open_lock(cache: Path) -> int | None:
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
    for flags in (os.O_RDWR | os.O_CREAT, os.O_RDONLY):
        with suppress(OSError):
            return os.open(cache / ".in-use", flags | os.O_CLOEXEC, 0o644)
    return None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for whoever holds it now. The lock dies with its process."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise BackendUnavailable(
            f"the cache {path.parent} cannot be written: {error.strerror}", mend="Name a writable cache folder"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def folder_digest(root: Path, leave_out: Callable[[Path], bool] = lambda _: False) -> str:
    """Name everything below `root` by content: relative paths, kinds, bytes, execute bits, folder modes, link targets.

    `leave_out` is asked with each relative path of a file; owners and times never count.
    """
    whole = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        mode = path.lstat().st_mode
        if leave_out(relative):
            continue
        if stat.S_ISLNK(mode):
            line = f"link {relative.as_posix()} {path.readlink()}"
        elif stat.S_ISREG(mode):
            line = f"file {relative.as_posix()} {bool(mode & 0o100):d} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        else:
            line = f"folder {relative.as_posix()} {stat.S_IMODE(mode):o}"
        whole.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return f"sha256:{whole.hexdigest()}"
