"""A generation with a file that is nested too deeply to be read: the diagnosis of it ended as a crash, and the run with it."""

import pytest

from agent.edits.tree import File, Tree
from agent.evaluate.tracing import definitions

DEEP = {
    "signs": b"-" * 100_000 + b"1",
    "sums": b"x = " + b"1+" * 200_000 + b"1",
    "parentheses": b"(" * 10_000,
    "functions": b"lambda: " * 50_000 + b"1",
    "blocks": b"".join(b" " * n + b"if 1:\n" for n in range(150)),
    "attributes": b"a" + b".b" * 100_000,
}


@pytest.mark.parametrize("name", DEEP)
def test_a_file_that_cannot_be_read_hides_no_other(name):
    tree = Tree({"deep.py": File(DEEP[name]), "plain.py": File(b"def f(): pass\n")})

    assert definitions(tree) == {"plain.py::f"}
