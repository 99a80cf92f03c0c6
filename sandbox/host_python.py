"""The machine's own Python as the base of an inside: collected into the cache, so that the machine may change later."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from sandbox.contract import Progress
from sandbox.errors import BackendUnavailable
from sandbox.inside import Facts, Inside, Run, make_inside, program_folder

_SECONDS = 30


def inside_of_this_machine(cache: Path, progress: Progress) -> Inside:
    """Return the inside made from this machine's Python and programs. Raises `BackendUnavailable`."""
    source, run = source_of_this_machine(cache)
    return make_inside(cache, source, run, progress)


def source_of_this_machine(cache: Path) -> tuple[str, Run]:
    """Return what an inside of this machine's Python is known by, and how to reach it. Raises `BackendUnavailable`."""
    python = find_python()
    run = _run_by(python, program_folder(cache))
    return f"{python} {Facts.parse(run(('facts',), b'')).stamp}", run


def find_python() -> Path:
    """Return the Python to collect: Debian's own, else the one this process was built on."""
    own = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    test = "import asyncio, ctypes, json, sys, unittest; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
    for candidate in (Path("/usr/bin/python3"), own, Path(sys.executable)):
        with suppress(OSError, subprocess.TimeoutExpired):
            found = subprocess.run(  # noqa: S603  # the machine's own interpreters
                [str(candidate), "-I", "-c", test], capture_output=True, check=False, timeout=_SECONDS
            )
            if found.returncode == 0:
                return candidate.resolve()
    raise BackendUnavailable(
        "no complete Python 3.11 to 3.13 was found", mend="Install python3 (`apt install python3`)"
    )


def _run_by(python: Path, program: Path) -> Run:
    def run(given: tuple[str, ...], stdin: bytes) -> bytes:
        done = subprocess.run(  # noqa: S603  # our own program under the machine's own Python, no shell
            [str(python), "-s", "-m", "sandbox.image.collect", *given],
            input=stdin, capture_output=True, check=False, cwd="/",
            env={"PYTHONPATH": str(program), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        if done.returncode != 0:
            last = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
            raise BackendUnavailable(f"{python} could not be collected: {last}", mend="Use another Python")
        return done.stdout

    return run
