"""A trial is inherited only where no code that differs ran, and comes out as it would have."""

import json
import secrets

import pytest

from agent.edits.tree import File, Tree
from agent.evaluate.inheritance import changed_bodies
from agent.evaluate.tracing import definitions, read_coverage, traced
from sandbox.contract import CANDIDATE_ROOT, Command, Limits, Mount
from sandbox.transfer import stage
from tests.evaluate.test_tracing import told

CODE = '''"""A module."""
import os

LIMIT = 3


def f(x, y=1):
    """What it does."""
    def inner():
        return x
    return inner() + y


def stream():
    yield 1


class C:
    """A class."""
    size = 4

    def m(self):
        return self.size
'''


def tree(code=CODE, **more):
    return Tree({"a.py": File(code.encode()), "b.py": File(b"B = 1\n"), **more})


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("return inner() + y", "return inner() - y", {"a.py::f"}),
        ("        return x\n", "        return -x\n", {"a.py::f"}),
        ("return self.size", "return 0", {"a.py::C.m"}),
        ("yield 1", "yield 2", {"a.py::stream"}),
        ("return self.size", "return self.size  # a comment", set()),
    ],
)
def test_a_changed_body_is_named_by_its_outermost_function(old, new, found):
    assert changed_bodies(tree(), tree(CODE.replace(old, new))) == found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("import os", "import sys"),
        ("size = 4", "size = 5"),
        ("y=1", "y=2"),
        ("def f(x, y=1):", "@print\ndef f(x, y=1):"),
        ("def f(x, y=1):", "def f(x, z=1):"),
        ("def f(x", "def g(x"),
        ("What it does", "What it did"),
        ("A class", "A thing"),
        ("A module", "A file"),
        ("def m(self)", "def m(this)"),
        ("yield 1", "return 1"),
        ("class C:", "class C(dict):"),
        ("LIMIT = 3", "LIMIT = 3\n\ndef new():\n    pass"),
        ("def stream():\n    yield 1\n", ""),
        ("return self.size", "return ("),
    ],
)
def test_whatever_else_is_changed_touches_everything(old, new):
    assert old in CODE
    assert changed_bodies(tree(), tree(CODE.replace(old, new, 1))) is None


@pytest.mark.parametrize(
    "other",
    [
        tree(**{"c.py": File(b"")}),
        tree().without("b.py"),
        tree().with_file("b.py", File(b"B = 1\n", executable=True)),
        tree(**{"data.md": File(b"x")}),
    ],
)
def test_files_that_came_went_or_hold_data_touch_everything(other):
    assert changed_bodies(tree(), other) is None
    assert changed_bodies(tree(**{"data.md": File(b"y")}), tree(**{"data.md": File(b"x")})) is None


NAMES = {"a.py::f", "a.py::g", "a.py::h"}


def test_what_ran_for_an_earlier_answer_may_have_been_remembered_for_a_later_one():
    trace = told(
        {"id": None, "ran": [0], "new": ["a.py::f"]},
        {"id": "t", "ran": [1], "new": ["a.py::g"]},
        {"id": "u", "ran": [2], "new": ["a.py::h"]},
        {"id": "v", "ran": [], "new": []},
    )
    assert read_coverage(trace, "n", NAMES, ["t", "u", "v"]) == {"t": {"a.py::f", "a.py::g"}, "u": NAMES, "v": NAMES}


def test_from_where_something_happened_elsewhere_nothing_is_known():
    trace = told(
        {"id": None, "ran": [0], "new": ["a.py::f"]},
        {"id": "t", "ran": [], "new": []},
        {"id": "u", "ran": [], "new": [], "elsewhere": True},
        {"id": "v", "ran": [], "new": []},
    )
    assert read_coverage(trace, "n", NAMES, ["t", "u", "v"]).keys() == {"t"}


def test_who_does_not_tell_what_ran_first_has_told_nothing():
    assert read_coverage(told({"id": "t", "ran": [0], "new": ["a.py::f"]}), "n", NAMES, ["t"]) == {}


SCAFFOLD = """
import json, sys
from pathlib import Path
HERE = Path(__file__)
def plain(): return 1
def read(): return HERE.read_text()
def start():
    import subprocess
    return subprocess.run([sys.executable, "-c", "1"]).returncode
def deaf(): sys.settrace(None)
for number, line in enumerate(sys.stdin):
    globals()[json.loads(line)["do"]]()
    print(json.dumps({"id": f"t{number}"}), flush=True)
"""


@pytest.mark.parametrize("what", ["read", "start", "deaf"])
def test_what_calls_do_not_show_ends_what_is_known(wall, tmp_path_factory, what):
    """A scaffold that reads its own source, starts a process or takes the trace away may depend on any code."""
    folder = tmp_path_factory.mktemp("cand") / "tree"
    for parent in (folder.parent, folder.parent.parent):
        parent.chmod(0o755)
    files = {"scaffold/__init__.py": b"", "scaffold/__main__.py": SCAFFOLD.encode()}
    stage({path: (content, False) for path, content in files.items()}, folder)
    asked = b"".join(json.dumps({"do": do}).encode() + b"\n" for do in ("plain", "plain", what, "plain"))
    nonce = secrets.token_hex(8)
    with wall[0].start((Mount(folder, CANDIDATE_ROOT),), Limits()) as sandbox:
        outcome = sandbox.run(traced(Command(("python", "-m", "scaffold"), 30, stdin=asked), nonce))
    known = definitions(Tree({path: File(content) for path, content in files.items()}))

    assert outcome.exit_code == 0, outcome.stderr[-1_000:]
    coverage = read_coverage(outcome.stderr, nonce, known, [f"t{n}" for n in range(4)])
    assert coverage == {"t0": {"scaffold/__main__.py::plain"}, "t1": {"scaffold/__main__.py::plain"}}
