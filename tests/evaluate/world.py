"""A scaffold of a few lines, a standard library of a few files, and a wall that says what a test wants it to say."""

import ast
import json

from agent.candidate import Allowance
from agent.edits.tree import File, Tree
from sandbox.contract import Ending, Outcome
from sandbox.errors import SandboxBroken
from sandbox.memory_backend import MemoryBackend

SETTINGS = b"""
schema = 1
name = "tiny"
objective = "rank better"
[zones]
mind = ["scaffold/**", "tests/scaffold/**"]
kept = ["successor.toml", "suites/**", "policies/**", "tests/kept/**"]
[tests]
graded = "together"
deadline_seconds = 20
[[suites]]
name = "search"
objective = true
[[suites]]
name = "edit"
"""

SEARCH = b'schema = 1\nkind = "skill-search"\nseed = 3\ndev_tasks = 60\nheldout_tasks = 60\ndeadline_seconds = 60\n'
EDIT = b'schema = 1\nkind = "skill-edit"\nseed = 3\ndev_tasks = 32\nheldout_tasks = 32\ndeadline_seconds = 60\n'

# Ranks by shared words; applies an edit whose one SEARCH stands once; refuses everything else.
MAIN = b'''"""A scaffold."""
import json
import re
import sys
from pathlib import Path


def words(text):
    return set(re.findall(r"[a-z]+", text.lower()))


def rank(corpus):
    files = {p.relative_to(corpus).as_posix(): words(p.read_text()) for p in Path(corpus).rglob("*.py")}

    def answer(task):
        wanted = words(task["query"])
        best = sorted(files, key=lambda path: (-len(wanted & files[path]), path))
        return {"ranking": best[:LIMIT]}

    return answer


def edit(task):
    match = re.fullmatch(r"<{7} SEARCH\\n(.*)\\n={7}\\n(.*)\\n>{7} REPLACE", task["edit"], re.S)
    if match is None or task["edit"].count("=======") > 1 or task["content"].count(match[1] + "\\n") != 1:
        return {"refused": "no"}
    return {"content": task["content"].replace(match[1] + "\\n", match[2] + "\\n")}


LIMIT = 20

if __name__ == "__main__":
    answer = rank(sys.argv[3]) if sys.argv[1] == "rank" else edit
    for line in sys.stdin:
        task = json.loads(line)
        print(json.dumps({"id": task["id"], **answer(task)}))
'''

KEPT_TEST = b"""
import statistics, subprocess, sys
from scaffold import __main__ as main

def test_it_refuses():
    assert main.edit({"edit": "talk", "content": ""}) == {"refused": "no"}

def test_it_knows_words():
    assert main.words("A b") == {"a", "b"}
"""

SCAFFOLD_TEST = b"""
import pytest
from scaffold.__main__ import words

def test_words():
    assert words("x-y") == {"x", "y"}

@pytest.mark.skip(reason="not here")
def test_skipped():
    raise AssertionError
"""


def tiny_tree(changes=None):
    """The tiny workspace; `changes` maps a path to new bytes, or to None for no file."""
    files = {
        "successor.toml": SETTINGS,
        "suites/search.toml": SEARCH,
        "suites/edit.toml": EDIT,
        "policies/law.yaml": b"{}\n",
        "scaffold/__init__.py": b"",
        "scaffold/__main__.py": MAIN,
        "tests/kept/test_kept.py": KEPT_TEST,
        "tests/scaffold/test_scaffold.py": SCAFFOLD_TEST,
    }
    return Tree({path: File(content) for path, content in (files | (changes or {})).items() if content is not None})


def alone(_):
    """The error of a candidate that is the only one there ever is."""
    return Allowance(
        run_error_ppb=50_000_000, run_candidates=1, given_ppb=50_000_000, looks_error_ppb=50_000_000, looks_allowed=1,
        looks_used=1, level_ppb=25_000_000,
    )  # fmt: skip


def said(text: bytes = b"", *, ending=Ending.EXITED, code=0):
    """An outcome with this standard output."""
    return Outcome(ending, code if ending is Ending.EXITED else None, text, b"", 0.1)


def answering(script, stdlib=None):
    """A wall without a wall, that answers `script(mounts, command)`."""
    return MemoryBackend(script, stdlib)


def broken(*_):
    raise SandboxBroken("the engine went away")


def json_lines(*objects):
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def strip(source: str) -> str:
    """The source without docstrings and comments."""
    module = ast.parse(source)
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            node.body[:1] = [] if len(node.body) > 1 or isinstance(node, ast.Module) else [ast.Pass()]
    return ast.unparse(module) + "\n"


REAL_MODULES = """bisect cmd colorsys contextlib copy csv fileinput fnmatch fractions functools gettext glob gzip heapq
    json/decoder json/encoder linecache lzma netrc numbers plistlib pprint queue random sched secrets selectors shelve shlex
    socketserver statistics string tempfile textwrap timeit trace wave weakref email/header email/utils http/cookies
    logging/handlers xml/dom/minidom unittest/case os codecs""".split()  # noqa: SIM905  # reads better than 50 quoted names
