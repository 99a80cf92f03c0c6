"""The bubblewrap command line as a pure function of what a sandbox may see and use. Nothing here touches the machine.

For an ordinary user one bwrap makes a user namespace and everything in it. Root must not do that: bubblewrap run as
root leaves `/proc/sys/kernel/core_pattern` writable. So for root an outer bwrap only binds the folders to be shown to a
place where anybody can walk (root's own folders are 0700), then gives up root for good, and an inner bwrap does what it
does for an ordinary user.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from sandbox.contract import MIB, WORK, Limits, Role
from sandbox.inside import USERS
from sandbox.surroundings import HOSTNAME

DEMOTED: Mapping[Role, int] = {"solver": 65_534, "grader": 65_533}
"""Whom root becomes before the sandbox is made; mapped to `USERS` inside. An ordinary user stays the same outside."""

SHM_BYTES = 16 * MIB
_PLACE = "/tmp"  # noqa: S108  # a fresh tmpfs in the outer bwrap's own mount namespace, never the machine's


@dataclass(frozen=True, slots=True)
class View:
    """What a sandbox sees: `shown` is (folder or file on the host, path inside), `links` is (target, path inside)."""

    shown: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Bwrap:
    """A bubblewrap program, and whether it can forbid nested user namespaces.

    One that comes in a wheel has two folders that must stay neighbours: its `package` and its `library`.
    """

    program: str
    package: str = ""
    library: str = ""
    disables_userns: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """What is run inside: the whole argument vector and environment, and what it may use."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    limits: Limits
    role: Role = "solver"


def sandboxed(bwrap: Bwrap, view: View, job: Job, status: int, seccomp: int) -> list[str]:
    """Return the command line that runs `job` for an ordinary user.

    bwrap reports on the descriptor `status`, and reads the system call filter from `seccomp`.
    """
    limits = job.limits
    return [
        *(bwrap.program, "--unshare-user", *(["--disable-userns"] if bwrap.disables_userns else [])),
        *("--uid", str(USERS[job.role]), "--gid", str(USERS[job.role])),
        *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv", "--hostname", HOSTNAME),
        *("--json-status-fd", str(status), "--seccomp", str(seccomp)),
        *_mounts(view, limits),
        *("--chdir", WORK),
        *(part for name, value in sorted(job.env.items()) for part in ("--setenv", name, value)),
        # Inside the new user namespace, so that processes are counted per sandbox and not per user of the machine.
        *("--", "prlimit", f"--nproc={limits.processes}", f"--as={limits.memory}", f"--fsize={limits.file_size}"),
        *(f"--nofile={limits.open_files}", "--core=0", "--", *job.argv),
    ]


def _mounts(view: View, limits: Limits) -> list[str]:
    """Return the mounts in the order that matters: /proc/sys is covered after /proc, the root is sealed last."""
    return [
        *(part for target, path in view.links for part in ("--symlink", target, path)),
        *(part for source, path in view.shown for part in ("--ro-bind", source, path)),
        *("--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys", "--dev", "/dev"),
        *("--perms", "1777", "--size", str(SHM_BYTES), "--tmpfs", "/dev/shm"),  # noqa: S108
        *("--perms", "1777", "--size", str(limits.tmp), "--tmpfs", "/tmp"),  # noqa: S108
        *("--perms", "0700", "--size", str(limits.work), "--tmpfs", WORK),
        *("--remount-ro", "/dev", "--remount-ro", "/"),
    ]


def relocated(bwrap: Bwrap, view: View) -> tuple[Bwrap, View, tuple[tuple[str, str], ...]]:
    """Return `bwrap` and `view` as they are found after `demoted` has bound their sources, and those bindings."""
    bindings = tuple((source, f"{_PLACE}/{index}") for index, (source, _) in enumerate(view.shown))
    shown = tuple((place, path) for (_, place), (_, path) in zip(bindings, view.shown, strict=True))
    if not bwrap.library:
        return bwrap, replace(view, shown=shown), bindings
    # The program of a wheel finds its library by a path relative to itself; keep the two side by side. Folders, not
    # files: bubblewrap closes the parents that it makes for a file to everybody else.
    own = ((bwrap.package, f"{_PLACE}/package"), (bwrap.library, f"{_PLACE}/{PurePosixPath(bwrap.library).name}"))
    program = f"{_PLACE}/package/{PurePosixPath(bwrap.program).relative_to(bwrap.package)}"
    return replace(bwrap, program=program), replace(view, shown=shown), (*bindings, *own)


def demoted(bwrap: Bwrap, bindings: Sequence[tuple[str, str]], argv: Sequence[str], user: int) -> list[str]:
    """Return the command line with which root binds sources where anybody may walk, and runs `argv` as `user`."""
    return [
        *(bwrap.program, "--dev-bind", "/", "/", "--perms", "0755", "--tmpfs", _PLACE, "--die-with-parent"),
        *(part for source, place in bindings for part in ("--ro-bind", source, place)),
        *("--", "setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups"),
        *("--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--pdeathsig", "KILL", "--", *argv),
    ]
