"""Aider's polyglot benchmark, its Python part, as tasks (layout: `python/exercises/practice/SLUG`).

    .docs/                 introduction.md, instructions.md, instructions.append.md: the instruction
    .meta/config.json      `files.solution` (stubs), `files.test`, `files.example`
    .meta/example.py       an answer, which becomes the oracle and lies nowhere else

Its tests import what they test, and so are graded together with it.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

from agent.edits.tree import File, check_path
from agent.errors import BadSettings, UnsafeTree
from agent.evaluate.harbor.importing import DOCKERFILE, Imported, read_plain

MOST_EXERCISES = 1_000
_MOST_BYTES = 1024 * 1024
_MOST_IN_ALL = 64 * 1024 * 1024
_PLACES = ("python/exercises/practice", "exercises/practice", ".")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_DOCS = ("introduction.md", "instructions.md", "instructions.append.md")
_VERIFIER_SECONDS = 180

ASK = """
---

Change the files {files} so that they do what is asked above. Do not change the names of functions or classes that are
there, or their arguments: hidden tests use them. Use the standard library only.
"""
TEST_SH = b"""#!/bin/bash
# The reward is 0 until the tests themselves say that they came to their end and all of them passed.
echo 0 > /logs/verifier/reward.txt
python -m pytest -q -p no:cacheprovider /tests
exit 0
"""
CONFTEST = b'''"""Writes the reward when the last test has run, and none failed or was skipped."""

passed, others = [], []


def pytest_runtest_logreport(report):
    if report.when == "call" or not report.passed:
        (passed if report.passed else others).append(report.nodeid)


def pytest_sessionfinish(session, exitstatus):
    if exitstatus == 0 and not others and 0 < session.testscollected == len(passed):
        with open("/logs/verifier/reward.txt", "w") as file:
            file.write("1")
'''
TAMPERING = "import os\n\nos._exit(0)\n"


def read_polyglot(folder: Path) -> list[Imported]:
    """Return the exercises below a copy of the benchmark. Raises `BadSettings`, which names the exercise."""
    for place in _PLACES:
        found = sorted(path for path in (folder / place).glob("*") if (path / ".meta").is_dir())
        if found:
            break
    else:
        raise BadSettings(f"{folder} is no polyglot benchmark", why=f"there are no exercises in {_PLACES[0]}")
    if len(found) > MOST_EXERCISES:
        raise BadSettings(f"{folder} holds more than {MOST_EXERCISES} exercises")
    tasks, size = [], 0
    for path in found:
        tasks.append(_exercise(path))
        size += sum(len(file.content) for file in tasks[-1].files.values())
        if size > _MOST_IN_ALL:
            raise BadSettings(f"{folder} is too large", why=f"its exercises hold more than {_MOST_IN_ALL} bytes")
    return tasks


def _exercise(folder: Path) -> Imported:
    slug = folder.name
    if not _SLUG.fullmatch(slug) or folder.is_symlink():
        raise BadSettings(f"the exercise {slug[:60]!a} has no plain name")
    named = _config(folder)
    stubs, tests, examples = named["solution"], named["test"], named["example"]
    if len(examples) > len(stubs):
        raise BadSettings(f"the exercise {slug}: .meta/config.json", why="it has more examples than files to solve")
    content = {path: _read(folder, path) for path in (*stubs, *tests, *examples)}
    quoted = [shlex.quote(path) for path in stubs]
    answered = list(enumerate(quoted[: len(examples)]))
    asked = "\n".join(text for name in _DOCS if (text := _docs(folder, name)))
    if not asked:
        raise BadSettings(f"the exercise {slug} has no instructions")
    files = {
        "instruction.md": (asked + ASK.format(files=", ".join(f"`{path}`" for path in stubs))).encode(),
        "environment/Dockerfile": DOCKERFILE,
        **{f"environment/app/{path}": content[path] for path in stubs},
        "tests/test.sh": TEST_SH,
        "tests/conftest.py": CONFTEST,
        **{f"tests/{path}": content[path] for path in tests},
        **{f"solution/answer/{at}": content[path] for at, path in enumerate(examples)},
        "solution/solve.sh": _script(f"cp /solution/answer/{at} {path}" for at, path in answered),
        "tampering/solve.sh": _script(f"printf %s {shlex.quote(TAMPERING)} > {path}" for path in quoted),
    }  # fmt: skip
    return Imported(slug, {path: File(file) for path, file in files.items()}, _VERIFIER_SECONDS)


def _script(lines: Any) -> bytes:
    return "\n".join(("#!/bin/bash", "set -eu", "cd /app", *lines, "")).encode()


def _config(folder: Path) -> dict[str, list[str]]:
    what = f"the exercise {folder.name}: .meta/config.json"
    try:
        named = json.loads(read_plain(folder / ".meta" / "config.json", _MOST_BYTES, what))["files"]
        found = {kind: [check_path(path) for path in named[kind]] for kind in ("solution", "test", "example")}
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, UnsafeTree) as error:
        raise BadSettings(f"{what} is not valid", why=f"{type(error).__name__}: {str(error)[:200]}") from error
    whole = [path for paths in found.values() for path in paths]
    if not all(found.values()) or len(set(whole)) < len(whole) or len(whole) > 100:
        raise BadSettings(f"{what} is not valid", why="solution, test and example are wanted, each file once")
    if any(not path.endswith(".py") for path in whole) or {"conftest.py", "test.sh"} & set(found["test"]):
        raise BadSettings(f"{what} is not valid", why="Python files are wanted, with names of their own")
    return found


def _read(folder: Path, path: str) -> bytes:
    place = folder
    for part in path.split("/"):
        place /= part
        if place.is_symlink():
            raise BadSettings(f"the exercise {folder.name} leads out of its folder", why=f"{path[:60]!a} is a link")
    return read_plain(place, _MOST_BYTES, f"the exercise {folder.name}: {path[:60]}")


def _docs(folder: Path, name: str) -> str:
    path = folder / ".docs" / name
    if not path.exists() and not path.is_symlink():
        return ""
    try:
        return _read(folder, f".docs/{name}").decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadSettings(f"the exercise {folder.name}: .docs/{name} is not UTF-8") from error
