"""A trial is inherited only where no code that differs ran, and comes out as it would have."""

import json
import random
import secrets

import pytest

from agent.cli.init import template
from agent.edits.tree import File, Tree
from agent.evaluate.catalogue import load_suites
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.inheritance import changed_bodies
from agent.evaluate.tracing import definitions, read_coverage, traced
from agent.evaluate.trial import MemoryTrials
from agent.loop.dev_half import DevHalf
from agent.propose.catalogue import Catalogue
from agent.propose.mind import Library
from agent.propose.mutations import apply_mutation
from agent.propose.reach import reachable
from agent.workspace import parse_settings
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


MUTANTS = 14


def test_inherited_outcomes_are_those_of_really_running(wall, cache):
    """Mutants of the template, of code that tasks run and of code that they do not, on both suites."""
    if wall[0].name == "docker":
        pytest.skip("one wall is enough: what runs is the same program")
    base = template("reduced", "inheritance")
    settings = parse_settings(base["successor.toml"].content)
    suites, _ = load_suites(base, settings, wall[1], cache, lambda _: None, backend=wall[0], no_model="none is here")
    library, dice = Library(settings.zones), random.Random(5)
    catalogue = Catalogue(library.mind(base), reachable(library.mind(base), ()))
    trees: list[Tree] = []
    while len(trees) < MUTANTS:
        draw = catalogue.draw(dice, lambda _: 1.0)
        mutant = apply_mutation(base, draw, library) if draw else None
        trees += [mutant] if mutant else []
    with (
        Evaluator(*wall, suites, settings, MemoryTrials()) as inheriting,
        Evaluator(*wall, suites, settings, MemoryTrials()) as running,
    ):
        dev = DevHalf(inheriting, base)
        for suite, count in (("search", 30), ("edit", 24)):
            tasks = dev.dev_tasks(suite)[:count]
            assert dev.score(trees, suite, tasks) == running.score(trees, suite, "dev", tasks)
        assert dev.inherited > MUTANTS * 54 // 4
        assert inheriting.trials_run + dev.inherited == running.trials_run + 54
        assert dev.trials == inheriting.trials_run + 54
