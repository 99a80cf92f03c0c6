"""Runtimes with a kernel of their own (gVisor's `runsc`, Kata), believed only when what runs inside shows that kernel.

A name proves nothing: `runsc` may be configured as another word for `runc`. So a trifle is run inside, and everything
that the kernel there says of itself must differ from what this machine's kernel says. The boot ID cannot be had in two
kernels at once, and a changed `uname` (personality, `setarch`) leaves /proc/version as it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.contract import MIB, Backend, Command, Ending, Limits
from sandbox.errors import BackendUnavailable, SandboxBroken

_VERSION = "/proc/version"
_BOOT = "/proc/sys/kernel/random/boot_id"
_LIMITS = Limits(memory=256 * MIB, tmp=16 * MIB, work=16 * MIB, output=MIB)
_SECONDS = 60
_LONGEST = 1000
_ASK = f"""
import json, os
def read(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""
named = os.uname()
print(json.dumps([named.release, named.version, read({_VERSION!r}), read({_BOOT!r})]))
"""
INSTALL: Mapping[str, str] = {
    "runsc": "Install gVisor (`apt install runsc`), and name it in the engine's daemon.json: "
    '{"runtimes": {"runsc": {"path": "/usr/bin/runsc", "runtimeArgs": ["--network=none"]}}}',
    "kata": "Install Kata Containers (it needs /dev/kvm), and name its runtime in the engine's daemon.json",
}
"""How each known runtime with a kernel of its own is had."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a kernel says of itself. `boot` is its boot ID, empty where it has none."""

    release: str
    version: str
    banner: str
    """The content of /proc/version."""
    boot: str

    def shared(self, other: Kernel) -> tuple[str, ...]:
        """Name what both say alike. Nothing alike: two kernels."""
        alike = {
            "its release": (self.release, other.release),
            "its version": (self.version, other.version),
            _VERSION: (self.banner, other.banner),
            "its boot ID": (self.boot, other.boot),
        }
        return tuple(name for name, (one, two) in alike.items() if one and one == two)


def this_kernel() -> Kernel:
    """Return the kernel of this machine."""
    named = os.uname()
    return Kernel(named.release, named.version, _read(Path(_VERSION)), _read(Path(_BOOT)))


def demand_offered(runtime: str, info: Mapping[str, Any]) -> None:
    """Raise `BackendUnavailable` when the engine, by its own account, has no runtime of that name."""
    offered = sorted(info.get("Runtimes") or {})
    if runtime not in offered:
        raise BackendUnavailable(
            f"the Docker engine has no runtime {runtime}; it has {', '.join(offered) or 'none'}",
            mend=next(
                (mend for name, mend in INSTALL.items() if name in runtime), "Name it in the engine's daemon.json"
            ),
        )


def demand_own_kernel(backend: Backend, runtime: str, info: Mapping[str, Any]) -> Kernel:
    """Return the kernel that a sandbox of `backend` runs under. Raises `BackendUnavailable` when it is this machine's.

    The engine's own word for its kernel counts as well: we may be the ones who run somewhere else.
    """
    inside, here = _look(backend, runtime), this_kernel()
    alike = inside.shared(here)
    if alike or inside.release == info.get("KernelVersion"):
        raise BackendUnavailable(
            f"the runtime {runtime} shares this machine's kernel ({', '.join(alike) or 'its release'} "
            f"is the same inside: {inside.release[:_LONGEST]!a})",
            mend="Name a runtime with a kernel of its own (runsc, kata), or take `runtime` out of successor.toml",
        )
    return inside


def described(info: Mapping[str, Any], runtime: str, kernel: Kernel | None) -> tuple[str, ...]:
    """Say what the wall is made of, in the engine's own words, for the record."""
    security = {option.split(",")[0].removeprefix("name="): option for option in info.get("SecurityOptions") or []}
    seccomp = security.get("seccomp", "no").removeprefix("name=seccomp,")
    users = "rootless" if "rootless" in security else "userns-remap" if "userns" in security else "none"
    return (
        f"engine {info.get('ServerVersion', 'unknown')}",
        f"runtime {runtime or info.get('DefaultRuntime', 'unknown')}",
        f"kernel of its own: {f'{kernel.release} {kernel.version}' if kernel else 'no'}",
        f"cgroup version {info.get('CgroupVersion', 1)}",
        f"user mapping of the engine: {users}",
        f"seccomp of the engine: {seccomp}",
    )


def _look(backend: Backend, runtime: str) -> Kernel:
    command = Command(("python", "-I", "-S", "-c", _ASK), _SECONDS)
    try:
        with backend.start((), _LIMITS) as sandbox:
            outcome = sandbox.run(command)
    except SandboxBroken as error:
        raise BackendUnavailable(
            f"nothing runs under the runtime {runtime}: {error.what[:_LONGEST]}",
            mend="Try it by hand: docker run --rm --network none --runtime NAME IMAGE true",
        ) from error
    if outcome.ending is not Ending.EXITED or outcome.exit_code != 0:
        last = outcome.stderr.decode("utf-8", "replace").strip().split("\n")[-1][:300]
        raise BackendUnavailable(
            f"a trifle under the runtime {runtime} ended as {outcome.ending}: {last}", mend="See the engine's log"
        )
    return _parse(outcome.stdout, runtime)


def _parse(said: bytes, runtime: str) -> Kernel:
    """Read what the trifle said. A kernel that does not give its release, version and banner is not believed."""
    try:
        release, version, banner, boot = (str(part)[:_LONGEST] for part in json.loads(said))
    except (ValueError, TypeError) as error:
        raise BackendUnavailable(
            f"the kernel under the runtime {runtime} does not describe itself", mend="Use another runtime"
        ) from error
    if not (release and version and banner):
        raise BackendUnavailable(
            f"the kernel under the runtime {runtime} hides what it is", mend="Use a runtime that does not"
        )
    return Kernel(release, version, banner, boot)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
