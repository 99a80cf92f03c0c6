"""Whose a container is, written on it as labels, so that what a killed process left behind can be found and removed.

A name proves nothing and is never looked at. Only a container that carries all our labels can be ours, and it is
abandoned only when its owner is provably gone or its time is over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

APP = "successor.app"
APP_VALUE = "successor-sandbox"
_PREFIX = "successor.owner."


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, told apart from any other that ever had its number: on this boot, in this process namespace."""

    pid: int
    started: int
    """Clock ticks since boot (`/proc/PID/stat`, field 22)."""
    boot: str
    namespace: str


def this_process() -> Owner:
    """Return the process that is running now."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return Owner(os.getpid(), _started(os.getpid()) or 0, boot, str(Path("/proc/self/ns/pid").readlink()))


def labels(owner: Owner, run: str, expires: int) -> dict[str, str]:
    """Return the labels of a container that `owner` makes for `run`, of no use after `expires` (Unix seconds)."""
    return {
        APP: APP_VALUE,
        "successor.run": run,
        "successor.expires": str(expires),
        f"{_PREFIX}pid": str(owner.pid),
        f"{_PREFIX}started": str(owner.started),
        f"{_PREFIX}boot": owner.boot,
        f"{_PREFIX}namespace": owner.namespace,
    }


def abandoned(
    given: Mapping[str, str], now: float, me: Owner, started: Callable[[int], int | None] | None = None
) -> bool:
    """Whether a container with these labels is ours and has nobody left who wants it.

    `started` tells when a live process of this namespace started. Where the owner lives on another boot or in another
    process namespace we cannot see it, so only the expiry counts.
    """
    try:
        owner = Owner(
            int(given[f"{_PREFIX}pid"]),
            int(given[f"{_PREFIX}started"]),
            given[f"{_PREFIX}boot"],
            given[f"{_PREFIX}namespace"],
        )
        expired = int(given["successor.expires"]) < now
    except (KeyError, ValueError):
        return False
    if given.get(APP) != APP_VALUE:
        return False
    if expired:
        return True
    if owner.boot != me.boot or owner.namespace != me.namespace:
        return False
    at = (started or _started)(owner.pid)
    # /proc may hide the processes of other users (`hidepid`), and who is hidden is not gone.
    return at != owner.started and not (at is None and started is None and _exists(owner.pid))


def _started(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def _exists(pid: int) -> bool:
    """Whether there is such a process, seen or not."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
