"""The bubblewrap command line as a pure function of what a sandbox may see and use. Nothing here touches the machine.

For an ordinary user one bwrap makes a user namespace and everything in it. Root must not do that: bubblewrap run as
root leaves `/proc/sys/kernel/core_pattern` writable. So for root an outer bwrap only binds the folders to be shown to a
place where anybody can walk (root's own folders are 0700), makes the writable folders with a number of inodes (which
bwrap's own cannot have), then gives up root for good, and an inner bwrap does what it does for an ordinary user.
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
_SHM, _TMP = "/dev/shm", "/tmp"  # noqa: S108  # inside
_TOOLS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/nix", "/gnu")
"""Where programs and what they need may be. Not all of `/`: what an engine mounts and unmounts below /var and /run
meanwhile would make bwrap fail."""
_MEMORY, _NOTHING = ("/proc/1/mem", "/proc/1/task/1/mem"), "/proc/version"
_PLACE = "/tmp"  # noqa: S108  # a fresh tmpfs in the outer bwrap's own mount namespace, never the machine's


@dataclass(frozen=True, slots=True)
class View:
    """What a sandbox sees: `shown` is (folder or file on the host, path inside), `links` is (target, path inside).

    `writable` is (folder, path inside) of writable folders that are there already; without any, bwrap makes them.
    """

    shown: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    writable: tuple[tuple[str, str], ...] = ()


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
    """Return the mounts in the order that matters: /proc is covered once it is there, the root is sealed last."""
    return [
        *(part for target, path in view.links for part in ("--symlink", target, path)),
        *(part for source, path in view.shown for part in ("--ro-bind", source, path)),
        *("--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"),
        # The first process is bwrap's own, of the same user and under no limits: who writes its memory has it.
        *(part for memory in _MEMORY for part in ("--ro-bind", _NOTHING, memory)),
        *("--dev", "/dev"),
        *(_made(limits) if not view.writable else _bound(view.writable)),
        *("--remount-ro", "/dev", "--remount-ro", "/"),
    ]


def _folders(limits: Limits) -> tuple[tuple[str, int, str], ...]:
    """Return the writable folders: path inside, size in bytes, mode."""
    return ((_SHM, SHM_BYTES, "1777"), (_TMP, limits.tmp, "1777"), (WORK, limits.work, "0700"))


def _made(limits: Limits) -> list[str]:
    sized = (("--perms", mode, "--size", str(size), "--tmpfs", path) for path, size, mode in _folders(limits))
    return [part for folder in sized for part in folder]


def _bound(writable: tuple[tuple[str, str], ...]) -> list[str]:
    return [part for place, path in writable for part in ("--bind", place, path)]


def relocated(bwrap: Bwrap, view: View) -> tuple[Bwrap, View, tuple[tuple[str, str], ...]]:
    """Return `bwrap` and `view` as they are found after `demoted` has made everything ready, and what it must bind."""
    bindings = tuple((source, f"{_PLACE}/{index}") for index, (source, _) in enumerate(view.shown))
    shown = tuple((place, path) for (_, place), (_, path) in zip(bindings, view.shown, strict=True))
    seen = replace(view, shown=shown, writable=tuple((_place(path), path) for path in (_SHM, _TMP, WORK)))
    if not bwrap.library:
        where = PurePosixPath(bwrap.program)
        if any(where.is_relative_to(path) for path in _TOOLS):
            return bwrap, seen, bindings
        return replace(bwrap, program=f"{_PLACE}/program/{where.name}"), seen, (
            *bindings, (str(where.parent), f"{_PLACE}/program"),
        )  # fmt: skip
    # The program of a wheel finds its library by a path relative to itself; keep the two side by side. Folders, not
    # files: bubblewrap closes the parents that it makes for a file to everybody else.
    own = ((bwrap.package, f"{_PLACE}/package"), (bwrap.library, f"{_PLACE}/{PurePosixPath(bwrap.library).name}"))
    program = f"{_PLACE}/package/{PurePosixPath(bwrap.program).relative_to(bwrap.package)}"
    return replace(bwrap, program=program), seen, (*bindings, *own)


def demoted(
    bwrap: Bwrap, bindings: Sequence[tuple[str, str]], limits: Limits, argv: Sequence[str], user: int
) -> list[str]:
    """Return the command line with which root makes everything ready where anybody may walk, and `user` runs `argv`."""
    folders = _folders(limits)
    options = (f"size={size},nr_inodes={limits.inodes},mode={mode},uid={user},gid={user}" for _, size, mode in folders)
    mounts = (
        f'mount -n -t tmpfs -o "nosuid,nodev,${at}" tmpfs {_place(folder[0])}' for at, folder in enumerate(folders, 1)
    )
    return [
        *(bwrap.program, *(part for path in _TOOLS for part in ("--ro-bind-try", path, path))),
        *("--dev-bind", "/dev", "/dev", "--dev-bind", "/proc", "/proc", "--perms", "0755", "--tmpfs", _PLACE),
        "--die-with-parent",
        *(part for source, place in bindings for part in ("--ro-bind", source, place)),
        *(part for path, _, _ in folders for part in ("--dir", _place(path))),
        *("--", "sh", "-c", " && ".join((*mounts, f'shift {len(folders)} && exec "$@"')), "sh", *options),
        *("setpriv", "--reuid", str(user), "--regid", str(user), "--clear-groups"),
        *("--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--pdeathsig", "KILL", "--", *argv),
    ]


def _place(path: str) -> str:
    """Where the outer bwrap makes the writable folder that is seen at `path`."""
    return f"{_PLACE}/own{path.replace('/', '-')}"
