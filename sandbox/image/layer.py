"""The dependency layer: the locked packages, fetched once by hash for the runtime's Python, installed nowhere else.

The markers of the lock are evaluated here, for the runtime: pip would evaluate them for the Python it runs under.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import BackendUnavailable

LOCK = Path(__file__).with_name("requirements.lock")
_MARKER = re.compile(r"(python_full_version|sys_platform) (==|!=|>=|<) '([^']+)'")
_OLDEST_GLIBC = 17
_DEADLINE = 600


@dataclass(frozen=True, slots=True)
class Target:
    """What the layer is for: `version` as 3.11.2, `machine` as x86_64, `glibc` as the minor number of glibc 2."""

    version: str
    machine: str
    glibc: int


def install(lock: str, target: Target, destination: Path) -> None:
    """Install what `lock` asks for into the new folder `destination`. Raises `BackendUnavailable`."""
    wanted = destination.with_name("wanted.txt")
    wanted.write_text(selected(lock, target.version))
    try:
        done = subprocess.run(  # noqa: S603  # constant argv but for our own paths
            pip_command(target, wanted, destination), capture_output=True, text=True, check=False, timeout=_DEADLINE
        )
    except subprocess.TimeoutExpired as error:
        raise BackendUnavailable(
            f"pip did not fetch the sandbox's dependencies in {_DEADLINE} s",
            mend="Check the package index and try again",
        ) from error
    if done.returncode != 0:
        last = done.stderr.strip().split("\n")[-1][:300]
        mend = (
            "Run `python -m ensurepip`" if "No module named pip" in last else "Check that pip reaches a package index"
        )
        raise BackendUnavailable(f"the sandbox's dependencies could not be fetched: {last}", mend=mend)
    wanted.unlink()
    _tidy(destination)


def pip_command(target: Target, wanted: Path, destination: Path) -> list[str]:
    """Return the one way in which pip is called: hashes required, wheels only, nothing beyond the list."""
    # pip asks the Python it runs under about the requirements of wheels for another; the lock was made for all of them.
    whatever_runs_pip = ("--no-compile", "--ignore-requires-python")
    platforms = [f"manylinux_2_{minor}_{target.machine}" for minor in range(target.glibc, _OLDEST_GLIBC - 1, -1)]
    return [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--require-hashes", "--only-binary", ":all:", "--no-deps", *whatever_runs_pip),
        *("--python-version", ".".join(target.version.split(".")[:2]), "--implementation", "cp"),
        *(part for name in (*platforms, f"manylinux2014_{target.machine}") for part in ("--platform", name)),
        *("--target", str(destination), "--requirement", str(wanted)),
    ]


def selected(lock: str, version: str) -> str:
    """Return the requirements of `lock` that hold for Python `version` on Linux, without their markers."""
    kept = []
    for entry in re.split(r"\n(?=\S)", lock.strip()):
        requirement, _, hashes = entry.partition("--hash=")
        name, _, marker = requirement.replace("\\\n", " ").strip(" \\").partition(";")
        if not hashes:
            raise BackendUnavailable(f"the lock has no hash for {name.strip()}", mend="Make requirements.lock anew")
        if _holds(marker.strip(), version):
            kept.append(f"{name.strip()} --hash={hashes}")
    return "\n".join(kept) + "\n"


def _holds(marker: str, version: str) -> bool:
    if not marker:
        return True
    known = {"python_full_version": version, "sys_platform": "linux"}
    for clause in marker.split(" and "):
        match = _MARKER.fullmatch(clause.strip())
        if match is None:
            raise BackendUnavailable(f"the lock has a marker we cannot read: {marker}", mend="Lock without it")
        name, operator, value = match.groups()
        if not _compares(known[name], operator, value):
            return False
    return True


def _compares(actual: str, operator: str, wanted: str) -> bool:
    if operator in ("==", "!="):
        same = actual.startswith(wanted[:-1]) if wanted.endswith(".*") else actual == wanted
        return same == (operator == "==")
    reached = [int(part) for part in actual.split(".")] >= [int(part) for part in wanted.split(".")]
    return reached == (operator == ">=")


def _tidy(site: Path) -> None:
    """Leave what is imported: console scripts name the Python that made them, and caches are another version's."""
    shutil.rmtree(site / "bin", ignore_errors=True)
    for cache in site.rglob("__pycache__"):
        shutil.rmtree(cache)
    for record in site.glob("*.dist-info/direct_url.json"):
        record.unlink()
