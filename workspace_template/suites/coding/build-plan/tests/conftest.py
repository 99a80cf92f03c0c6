"""How the tests of a task reach the answer: Python is run beside it, and what is printed is judged here.

No line of the answer is imported by the tests. Where a run brings a solver of its own (`config.solver`), the answer
lies in another sandbox; elsewhere commands run in a fresh folder of this machine.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

ANSWER = os.environ.get("ANSWER", "/app")
GIVEN = "import json, sys\ngiven = json.load(sys.stdin)\n"
PRINTED = "\nprint(json.dumps(result))\n"
SOURCES = """
import json, os, pathlib
root = pathlib.Path(os.environ["PYTHONPATH"].split(os.pathsep)[0])
print(json.dumps({path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*.py")}))
"""


class SolverHere:
    """Runs commands on this machine."""

    def run(self, argv, stdin=b"", files=None, env=None, keep=()):
        """Run `argv` in a fresh folder that holds `files`; bring back the files named in `keep`."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for path, content in (files or {}).items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
            done = subprocess.run(
                argv, input=stdin, capture_output=True, cwd=folder, timeout=100, check=False,
                env={**os.environ, "PYTHONPATH": ANSWER, "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
            )  # fmt: skip
            kept = {path: (folder / path).read_bytes() for path in keep if (folder / path).is_file()}
        return SimpleNamespace(code=done.returncode, stdout=done.stdout, stderr=done.stderr, files=kept)


@pytest.fixture
def solver(request):
    """What carries out commands beside the answer."""
    return getattr(request.config, "solver", None) or SolverHere()


@pytest.fixture
def check(solver):
    """Run code that makes `result` of `given`; it must end well and print one JSON value: the wanted, types and all."""

    def run(code, given, wanted, files=None, seconds=60):
        argv = ["timeout", "-s", "KILL", str(seconds), "python", "-c", GIVEN + code + PRINTED]
        ran = solver.run(argv, stdin=json.dumps(given).encode(), files=files)
        assert ran.code == 0, ran.stderr.decode(errors="replace")[-2000:]
        got = json.loads(ran.stdout)
        assert json.dumps(got, sort_keys=True) == json.dumps(wanted, sort_keys=True)

    return run


@pytest.fixture
def sources(solver):
    """The answer's Python files: given to `check` as `files`, what was looked at is what is run."""
    ran = solver.run(["python", "-I", "-c", SOURCES])
    assert ran.code == 0, ran.stderr.decode(errors="replace")[-2000:]
    return {path: text.encode() for path, text in json.loads(ran.stdout).items()}
