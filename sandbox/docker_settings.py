"""What a container is made with, as a pure function from limits to the engine's own JSON (Docker Engine API, 1.41 on).

Every flag here was shown to cost nothing and is held by an equality test; `nproc` is not among the ulimits because the
kernel counts it per user of the machine, so that one sandbox would starve the next.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from sandbox.contract import GUEST, MIB, WORK, Limits, Role
from sandbox.inside import KEEPER_ID, USERS
from sandbox.surroundings import HOSTNAME

SHM_BYTES = 16 * MIB
OWN_KERNEL_PROCESSES = 128
"""What a kernel of its own (gVisor's) takes for itself, and the engine counts in; with 64 for all it does not start."""

# The engine's own list (29.x), and all of /sys, which describes the machine. Naming any replaces the engine's list.
_SECRETIVE = "acpi asound interrupts kcore keys latency_stats sched_debug scsi timer_list timer_stats"
_MASKED = (*(f"/proc/{name}" for name in _SECRETIVE.split()), "/sys")


def container(
    image: str,
    mounts: Mapping[str, str],
    limits: Limits,
    labels: Mapping[str, str],
    seconds_to_live: int,
    role: Role = "solver",
    runtime: str = "",
) -> dict[str, Any]:
    """Return the body of `POST /containers/create`. `mounts` is target inside -> folder on the host.

    `runtime` is one of the engine's, by name; empty for its default.

    The first process only sleeps, as a user of its own that no candidate can signal; when it wakes, the container ends
    by itself, whatever became of us.
    """
    if limits.tmp + limits.work > limits.memory // 2:
        raise ValueError("the in-memory folders may take at most half of the memory they are charged to")
    return {
        "Image": image,
        "Cmd": ["sleep", str(seconds_to_live)],
        "User": f"{KEEPER_ID}:{KEEPER_ID}",
        "WorkingDir": "/",
        "Hostname": HOSTNAME,
        "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
        "Labels": dict(labels),
        "StopSignal": "SIGKILL",
        "NetworkDisabled": True,
        "HostConfig": _host(mounts, limits, USERS[role]) | (_under(runtime, limits) if runtime else {}),
    }


def _under(runtime: str, limits: Limits) -> dict[str, Any]:
    return {"Runtime": runtime, "PidsLimit": limits.processes + OWN_KERNEL_PROCESSES}


def _host(mounts: Mapping[str, str], limits: Limits, user: int) -> dict[str, Any]:
    own = f"uid={user},gid={user},mode=0700"
    return {
        "NetworkMode": "none",
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "Privileged": False,
        "ReadonlyRootfs": True,
        "Init": True,
        "IpcMode": "private",
        "Memory": limits.memory,
        "MemorySwap": limits.memory,
        "NanoCpus": round(limits.cpus * 1_000_000_000),
        "PidsLimit": limits.processes,
        "ShmSize": SHM_BYTES,
        "Tmpfs": {
            "/tmp": f"rw,exec,nosuid,nodev,size={limits.tmp},nr_inodes={limits.inodes},mode=1777",  # noqa: S108
            WORK: f"rw,exec,nosuid,nodev,size={limits.work},nr_inodes={limits.inodes},{own}",
        },
        "Ulimits": [
            {"Name": "nofile", "Soft": limits.open_files, "Hard": limits.open_files},
            {"Name": "fsize", "Soft": limits.file_size, "Hard": limits.file_size},
            {"Name": "core", "Soft": 0, "Hard": 0},
        ],
        "Mounts": [
            {"Type": "bind", "Source": source, "Target": target, "ReadOnly": True}
            for target, source in sorted(mounts.items())
        ],
        "MaskedPaths": list(_MASKED),
        "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        "LogConfig": {"Type": "none"},
        "RestartPolicy": {"Name": "no"},
        "AutoRemove": False,
    }


def command(python: str, role: Role = "solver") -> dict[str, Any]:
    """Return the arguments of `exec_create` for the process that waits to become a command, as the user of `role`."""
    return {
        "cmd": [python, "-I", "-S", "-B", f"{GUEST}/start.py"],
        "user": f"{USERS[role]}:{USERS[role]}",
        "workdir": WORK,
        "stdin": True,
        "stdout": True,
        "stderr": True,
        "tty": False,
        "privileged": False,
    }


def request(
    argv: tuple[str, ...], env: Mapping[str, str], deadline: float, instructions: bytes, pipes: str = ""
) -> bytes:
    """Return what `guest/start.py` reads: become `argv`, under a deadline of its own and this system call filter.

    With `pipes`, a folder inside, the named pipes there become the standard streams.
    """
    asked = {
        "argv": argv,
        "env": dict(env),
        "cwd": WORK,
        # To `timeout` a duration of 0 means for ever.
        "deadline": max(deadline, 0.01),
        "pipes": pipes,
        "filter": base64.b64encode(instructions).decode(),
    }
    content = json.dumps(asked).encode()
    return f"{len(content):08x}".encode() + content
