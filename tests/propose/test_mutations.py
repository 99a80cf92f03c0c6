"""What holds for every mutation, whatever its kind."""

import ast
import random
import sysconfig
from pathlib import Path

import libcst
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.edits.tree import File, Tree
from agent.propose.genome import extend, grow
from agent.propose.mind import Library
from agent.propose.mutations import Kind, Mutation, Need, apply_mutation

STDLIB = Path(sysconfig.get_paths()["stdlib"])
REAL = ["textwrap.py", "fnmatch.py", "heapq.py", "graphlib.py", "shlex.py"]


@pytest.fixture(scope="module")
def real(zones):
    from agent.propose.catalogue import Catalogue
    from agent.propose.reach import reachable

    library = Library(zones)
    tree = Tree({f"mind/{name}": File((STDLIB / name).read_bytes()) for name in REAL})
    mind = library.mind(tree)
    return tree, library, Listed(Catalogue(mind, reachable(mind, ())))


class Listed(tuple):
    """All mutations, with a short name: the test's framework prints its arguments."""

    __slots__ = ()

    def __repr__(self):
        return f"<{len(self)} mutations>"


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 1_000_000))
def test_a_mutant_of_real_code_parses_and_differs_only_at_its_span_and_its_import(real, number):
    tree, library, mutations = real
    mutation = mutations[number % len(mutations)]
    mutant = apply_mutation(tree, mutation, library)
    if mutant is None:
        return
    assert {path for path in tree if tree[path] != mutant[path]} == {mutation.path}
    old, new = tree[mutation.path].content, mutant[mutation.path].content
    ast.parse(new)
    assert libcst.parse_module(new).bytes == new
    before, after = mutation.before.encode(), mutation.after.encode()
    places = [at for at in range(len(old)) if old.startswith(before, at)]
    spliced = [old[:at] + after + old[at + len(before) :] for at in places]
    if mutation.need:
        line = f"from {mutation.need.module} import {mutation.need.name}\n".encode()
        blocks = [line, b"\n" + line, line + b"\n\n"]
        assert any(new.replace(block, b"", 1) in spliced for block in blocks if block in new)
    else:
        assert new in spliced


def test_real_code_offers_every_kind_and_nearly_every_mutation_fits(real):
    tree, library, mutations = real
    assert {m.kind for m in mutations} >= set(Kind) - {Kind.ALTERNATIVE, Kind.REGISTRY, Kind.STRING}
    sample = random.Random(1).sample(mutations, 60)
    fitting = sum(apply_mutation(tree, m, library) is not None for m in sample)
    assert fitting > 50


def test_the_list_of_mutations_does_not_depend_on_the_order_in_which_files_were_given(tree_of, catalogue):
    files = {
        f"mind/{name}": f"def {name[0]}(x: str = 'a', n: int = {n}):\n    return x\n"
        for n, name in enumerate(["a.py", "b.py", "c.py"])
    }
    backwards = dict(reversed(files.items()))
    assert list(catalogue(tree_of(files))) == list(catalogue(tree_of(backwards)))


CODE = "def f(k1: float = 1.5, b: float = 1.5):\n    return 12, 1, k1\n\n\ndef g(k1: float = 1.5):\n    return k1\n"


@pytest.fixture
def default():
    def default(**change):
        fields = {"kind": Kind.DEFAULT, "path": "mind/a.py", "definition": "f", "role": "number"}
        return Mutation(**(fields | {"before": "1.5", "after": "2.0"} | change))

    return default


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"label": "k1"}, CODE.replace("k1: float = 1.5, b", "k1: float = 2.0, b")),
        ({"label": "b"}, CODE.replace("b: float = 1.5", "b: float = 2.0")),
        ({"occurrence": 1}, CODE.replace("b: float = 1.5", "b: float = 2.0")),
        ({"definition": "g"}, CODE.replace("g(k1: float = 1.5", "g(k1: float = 2.0")),
        ({"before": "1", "after": "3"}, CODE.replace("12, 1,", "12, 3,")),
    ],
)
def test_a_mutation_finds_its_place_by_definition_label_and_whole_spot(tree_of, library, default, change, wanted):
    mutant = apply_mutation(tree_of({"mind/a.py": CODE}), default(**change), library)
    assert mutant["mind/a.py"].content.decode() == wanted


@pytest.mark.parametrize(
    "change",
    [
        {"definition": "h"},
        {"path": "mind/b.py"},
        {"before": "1.6"},
        {"occurrence": 2},
        {"label": "c"},
        {"role": "string"},
        {"after": "2.0 +"},
        {"after": "1.5"},
        {"after": "(1 is 2)"},
        {"after": "\x00"},
    ],
)
def test_a_mutation_that_does_not_fit_or_not_compile_gives_nothing(tree_of, library, default, change):
    assert apply_mutation(tree_of({"mind/a.py": CODE}), default(**change), library) is None


@pytest.mark.parametrize(
    "path", ["mind/kept/a.py", "other/a.py", "mind/a.txt", "mind/tests/a.py", "mind/test_a.py", "mind/conftest.py"]
)
def test_only_python_of_the_mind_that_is_no_test_is_mutated(tree_of, library, default, catalogue, path):
    tree = tree_of({path: CODE})
    assert list(catalogue(tree)) == []
    assert apply_mutation(tree, default(path=path), library) is None


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfK = 1\n",
        "# -*- coding: latin-1 -*-\nK = 1  # é\n".encode("latin-1"),
        b"try:\n    K = 1\nexcept X :\n    pass\n",
        b"K = (1\n",
        b"K = 1\n\xff\n",
        b"K = 1\x00\n",
    ],
    ids=["byte order mark", "latin-1", "not round-tripping", "broken", "not UTF-8", "NUL"],
)
def test_a_file_that_cannot_be_edited_byte_for_byte_is_left_alone(tree_of, catalogue, content):
    assert list(catalogue(tree_of({"mind/a.py": content}))) == []


def test_line_ends_and_other_odd_bytes_are_kept(tree_of, catalogue, library):
    code = 'def f(a, k=1.5):  # é "\r\n\tg(a)\r\n\th(a) \r\n\treturn a\\\r\n\t\t, k\r\n\r\n\r\nK = 2 ;'
    tree = tree_of({"mind/a.py": code})
    mutants = [(m, apply_mutation(tree, m, library)) for m in catalogue(tree)]
    contents = {mutant["mind/a.py"].content.decode() for _, mutant in mutants if mutant}
    assert code.replace("1.5", "3.0") in contents
    assert code.replace("\tg(a)\r\n", "") in contents
    assert code.replace("\tg(a)\r\n\th(a) \r\n", "\th(a) \r\n\tg(a)\r\n") in contents
    assert all(text.count("\n") == text.count("\r\n") for text in contents)


def test_the_executable_bit_survives(library, default):
    tree = Tree({"mind/a.py": File(CODE.encode(), executable=True)})
    assert apply_mutation(tree, default(), library)["mind/a.py"].executable


@pytest.mark.parametrize(
    ("after", "steps"),
    [("4.0", [("4.0", "k1")]), ("1.5", [])],
)
def test_two_edits_of_one_value_become_one_and_a_way_back_becomes_none(tree_of, library, default, after, steps):
    base = tree_of({"mind/a.py": CODE})
    first = grow(base, [default(label="k1")], library)
    second = extend(base, first, default(label="k1", before="2.0", after=after), library)
    assert [(edit.after, edit.label) for edit in second.edits] == steps


def test_an_edit_within_what_another_put_there_becomes_part_of_it(tree_of, library):
    base = tree_of({"mind/a.py": "def f(n=1, mode='a'):\n    return n\n\n\nX = f()\n"})
    add = Mutation(Kind.ARGUMENT, "mind/a.py", "X", "call", "f()", "f(n=2)")
    change = Mutation(Kind.NUMBER, "mind/a.py", "X", "number", "2", "4", "n")
    grown = extend(base, grow(base, [add], library), change, library)
    assert [(edit.before, edit.after) for edit in grown.edits] == [("f()", "f(n=4)")]


def test_edits_that_only_look_like_steps_of_one_stay_two(tree_of, library, default):
    base = tree_of({"mind/a.py": CODE.replace("b: float = 1.5", "b: float = 2.0")})
    first = grow(base, [default(label="k1")], library)
    second = extend(base, first, default(label="b", before="2.0", after="4.0"), library)
    assert len(second.edits) == 2
    assert b"k1: float = 2.0, b: float = 4.0" in second.tree["mind/a.py"].content


def test_a_description_is_one_line_that_shows_what_changes(default):
    assert default(label="k1").description == "mind/a.py::f k1: `1.5` becomes `2.0` (default)"
    call = "f(" + "argument, " * 20 + "k1={})"
    long = default(
        kind=Kind.ARGUMENT, role="call", before=call.format("1.5"), after=call.format("2.0"), need=Need("m", "n")
    )
    assert "k1=2.0" in long.description
    assert len(long.description) < 260
    gone = default(kind=Kind.DELETE, role="statement", before="    a\n    b\n", after="")
    assert gone.description == "mind/a.py::f: leave out `a b`"
