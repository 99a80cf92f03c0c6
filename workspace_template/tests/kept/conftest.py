"""How kept tests reach the scaffold: `solver.run(argv, stdin, files, env, keep)`, which never imports it.

Where a candidate is graded, the scaffold lies in a sandbox of its own and the host carries questions and answers; the
run brings a solver with it as `config.solver`. By hand (`python -m pytest tests/kept`) the one below is used, which
does the same in a folder of this machine.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HANG = 100  # seconds; a guard against a hang, no measure of speed


@dataclass(frozen=True)
class Ran:
    """What a command came to; `files` holds those that were to be kept."""

    code: int
    stdout: bytes
    stderr: bytes
    files: Mapping[str, bytes]


class SolverHere:
    """Runs commands beside these tests, with this interpreter."""

    def run(
        self,
        argv: Sequence[str],
        stdin: bytes = b"",
        files: Mapping[str, bytes] | None = None,
        env: Mapping[str, str] | None = None,
        keep: Sequence[str] = (),
    ) -> Ran:
        """Run `argv` (`python` is the interpreter) in a fresh folder that holds `files`."""
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        given = {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
        with TemporaryDirectory() as name:
            folder = Path(name)
            for place, content in (files or {}).items():
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                (folder / place).write_bytes(content)
            done = subprocess.run(
                [sys.executable if part == "python" else part for part in argv],
                input=stdin, capture_output=True, cwd=folder, timeout=HANG, check=False, env=given,
            )  # fmt: skip
            kept = {place: (folder / place).read_bytes() for place in keep if (folder / place).is_file()}
        return Ran(done.returncode, done.stdout, done.stderr, kept)


@pytest.fixture(scope="session")
def solver(request: pytest.FixtureRequest) -> Any:
    """What carries out commands for these tests."""
    return getattr(request.config, "solver", None) or SolverHere()
