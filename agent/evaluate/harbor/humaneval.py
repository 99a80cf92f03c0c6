"""HumanEval as tasks: JSON lines (`task_id`, `prompt`, `entry_point`, `canonical_solution`, `test`), plain or gzipped.

Its `check(candidate)` runs apart from the answer: `candidate` sends its arguments as a literal to the solver's sandbox
and reads a literal back, so that expected values never meet the code that is judged by them.
"""

from __future__ import annotations

import ast
import gzip
import io
import json
import keyword
import re
import zlib
from pathlib import Path
from typing import Any

from agent.edits.tree import File
from agent.errors import BadSettings
from agent.evaluate.harbor.importing import DOCKERFILE, Imported, read_plain

MOST_TASKS = 2_000
_MOST_BYTES = 64 * 1024 * 1024
_MOST_FIELD = 256 * 1024
_FIELDS = ("task_id", "prompt", "entry_point", "canonical_solution", "test")
_VERIFIER_SECONDS = 300

ASK = """The file `solution.py` holds the beginning of a function, `{name}`, with a description of what it does.

Complete it. Keep its name and arguments: hidden tests call it. Use the standard library only.
"""
TEST_SH = b"""#!/bin/bash
echo 0 > /logs/verifier/reward.txt
if python -m pytest -q -p no:cacheprovider /tests/test_outputs.py; then
    echo 1 > /logs/verifier/reward.txt
fi
"""
CONFTEST = b'''"""The candidate as the tests see it: a function whose calls are made where the answer lies."""

import ast
import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

CALL = """
import ast, sys
import solution
given, named = ast.literal_eval(sys.stdin.read())
result = getattr(solution, sys.argv[1])(*given, **named)
sys.stdout.write("\\\\n" + ascii(result))
"""


class SolverHere:
    """Runs commands on this machine, where no solver is brought along."""

    def run(self, argv, stdin=b""):
        env = {**os.environ, "PYTHONPATH": "/app", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(argv, input=stdin, capture_output=True, timeout=100, check=False, env=env)
        return SimpleNamespace(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture
def candidate(request):
    """The function under test."""
    solver = getattr(request.config, "solver", None) or SolverHere()
    name = json.loads((Path(__file__).parent / "task.json").read_text())["entry_point"]

    def call(*given, **named):
        argv = ["timeout", "-s", "KILL", "60", "python", "-c", CALL, name]
        ran = solver.run(argv, stdin=repr((given, named)).encode())
        if ran.code != 0:
            raise RuntimeError("the candidate failed: " + ran.stderr.decode(errors="replace")[-500:])
        return ast.literal_eval(ran.stdout.decode().rpartition("\\n")[2])

    return call
'''
TESTS = b'''"""The benchmark's own check, with what its prompt defines beside the function."""

import json
from pathlib import Path


def test_check(candidate):
    task = json.loads((Path(__file__).parent / "task.json").read_text())
    known = {}
    exec(task["prompt"], known)
    exec(task["test"], known)
    known["check"](candidate)
'''
SOLVE = b"#!/bin/bash\nset -eu\ncp /solution/solution.py /app/solution.py\n"
TAMPERING = b"#!/bin/bash\nset -eu\nprintf 'import os\\nos._exit(0)\\n' > /app/solution.py\n"


def read_humaneval(path: Path) -> list[Imported]:
    """Return the tasks of a file. Raises `BadSettings`, which names the line."""
    content = _unpacked(read_plain(path, _MOST_BYTES, str(path)), str(path))
    found: dict[str, Imported] = {}
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        task = _task(line, f"{path}, line {number}")
        if task.name in found:
            raise BadSettings(f"{path}, line {number}: {task.name} stands twice")
        found[task.name] = task
        if len(found) > MOST_TASKS:
            raise BadSettings(f"{path} holds more than {MOST_TASKS} tasks")
    if not found:
        raise BadSettings(f"{path} holds no task")
    return list(found.values())


def _unpacked(content: bytes, what: str) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            unpacked = file.read(_MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadSettings(f"{what} cannot be unpacked", why=str(error)) from error
    if len(unpacked) > _MOST_BYTES:
        raise BadSettings(f"{what} is too large", why=f"more than {_MOST_BYTES} bytes when unpacked")
    return unpacked


def _task(line: bytes, what: str) -> Imported:
    said = _record(line, what)
    match = re.fullmatch(r"[A-Za-z]{1,20}/(\d{1,5})", said["task_id"])
    if match is None:
        raise BadSettings(f"{what}: task_id is not of the form HumanEval/0")
    entry = said["entry_point"]
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", entry) or keyword.iskeyword(entry):
        raise BadSettings(f"{what}: entry_point is no name of a function")
    answer = said["prompt"] + said["canonical_solution"]
    for part, code, name in (
        ("the answer", answer, entry),
        ("the prompt", said["prompt"], entry),
        ("test", said["test"], "check"),
    ):
        if name not in _functions(code, f"{what}: {part}"):
            raise BadSettings(f"{what}: {part} defines no function {name}")
    known = json.dumps({name: said[name] for name in ("entry_point", "prompt", "test")}, indent=1).encode()
    files = {
        "instruction.md": ASK.format(name=entry).encode(),
        "environment/Dockerfile": DOCKERFILE,
        "environment/app/solution.py": said["prompt"].encode(),
        "tests/test.sh": TEST_SH,
        "tests/conftest.py": CONFTEST,
        "tests/test_outputs.py": TESTS,
        "tests/task.json": known,
        "solution/solve.sh": SOLVE,
        "solution/solution.py": answer.encode(),
        "tampering/solve.sh": TAMPERING,
    }  # fmt: skip
    return Imported(
        f"humaneval-{int(match[1])}", {path: File(content) for path, content in files.items()}, _VERIFIER_SECONDS
    )


def _record(line: bytes, what: str) -> dict[str, str]:
    try:
        said: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadSettings(f"{what} is no JSON") from error
    if not isinstance(said, dict):
        raise BadSettings(f"{what} is no JSON object")
    for name in _FIELDS:
        _check_text(said.get(name), f"{what}: {name}")
    return {name: said[name] for name in _FIELDS}


def _check_text(value: object, what: str) -> None:
    if not isinstance(value, str) or not value.strip() or len(value) > _MOST_FIELD:
        raise BadSettings(f"{what} is no text of at most {_MOST_FIELD} characters")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise BadSettings(f"{what} is not Unicode") from error


def _functions(code: str, what: str) -> set[str]:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadSettings(f"{what} is no Python", why=str(error)[:200]) from error
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
