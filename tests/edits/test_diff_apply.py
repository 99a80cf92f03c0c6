"""`diff` and `apply` are exact inverses for every pair of trees, and an edit that does not fit is refused, not bent."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.edits.apply import apply
from agent.edits.diff import diff
from agent.edits.lines import split_lines
from agent.edits.patch import BlockEdit, FileAdded, ModeChanged, Patch, Side, TextEdit
from agent.edits.tree import File, Tree
from agent.errors import EditConflict
from tests.edits.generated import module_pairs, modules, tree_pairs

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def one(content, path="a.py"):
    return Tree({path: File(content if isinstance(content, bytes) else content.encode())})


def check_inverse(base, tree):
    patch = diff(base, tree)
    assert apply(base, patch) == tree
    assert apply(tree, patch.inverse()) == base
    assert bool(len(patch)) == (base != tree)
    return patch


@given(tree_pairs())
@settings(max_examples=250, deadline=None, suppress_health_check=SLOW)
def test_any_two_trees(pair):
    check_inverse(*pair)


@given(module_pairs())
@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
def test_any_two_versions_of_a_module(pair):
    check_inverse(one(pair[0]), one(pair[1]))


@given(modules, modules)
@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
def test_any_two_modules(old, new):
    check_inverse(one(old.source()), one(new.source()))


def names(patch):
    return [(edit.verb, edit.name.partition("::")[2]) for edit in patch.edits if isinstance(edit, BlockEdit)]


@given(module_pairs(), st.data())
@settings(max_examples=250, deadline=None, suppress_health_check=SLOW)
def test_any_part_applies_or_is_refused_and_the_rest_completes_it(pair, data):
    """Applied one after the other, two parts of a patch give the whole result, but for the order of definitions."""
    base, tree = one(pair[0]), one(pair[1])
    patch = diff(base, tree)
    first = data.draw(st.sets(st.integers(0, max(0, len(patch) - 1))))
    try:
        middle = apply(base, patch.subset(first))
        result = apply(middle, patch.subset(set(range(len(patch))) - first))
    except EditConflict:
        return
    if not names(patch):
        assert result == tree
    else:
        assert sorted(split_lines(result["a.py"].content)) == sorted(split_lines(tree["a.py"].content))


BASE = """\
import os

LIMIT = 1


class Index:
    \"\"\"Ranks.\"\"\"

    def rank(self):
        return 1

    def score(self):
        return 2


def load():
    return 3


register(1)
"""


@pytest.mark.parametrize(
    ("old", "new", "edits"),
    [
        ("return 1", "return 9", [("changed", "Index.rank")]),
        ("LIMIT = 1", "LIMIT = 7", [("changed", "LIMIT")]),
        ("import os", "import os\nimport sys", [("changed", "imports")]),
        ("class Index:", "class Index(Base):", [("changed", "Index.(head)")]),
        ('"""Ranks."""', '"""Ranks well."""', [("changed", "Index.docstring")]),
        ("register(1)", "register(2)", [("changed", "register(1)")]),
        ("def load():", "# why\n@cached\ndef load():", [("changed", "load")]),
        ("def load():", "def load_all():", [("changed", "load")]),
        ("    def score(self):\n        return 2\n\n", "", [("removed", "Index.score")]),
        ("LIMIT = 1\n", "LIMIT = 1\nDEPTH = 2\n", [("added", "DEPTH")]),
        ("def load():\n    return 3\n", "def load():\n    return 3\n\n\ndef save():\n    pass\n", [("added", "save")]),
        ("class Index:", "class Index:\n    x = 1", [("added", "Index.x")]),
    ],
)  # fmt: skip
def test_an_edit_names_what_it_changes(old, new, edits):
    assert old in BASE

    assert names(check_inverse(one(BASE), one(BASE.replace(old, new)))) == edits


def test_a_moved_definition_is_one_edit():
    method = "    def rank(self):\n        return 1\n\n"
    moved = BASE.replace(method, "").replace("        return 2\n\n", "        return 2\n\n" + method)

    patch = check_inverse(one(BASE), one(moved))

    assert [verb for verb, _ in names(patch)] == ["moved"]


def test_several_edits_are_independent():
    changed = BASE.replace("return 1", "return 10").replace("return 2", "return 20").replace("LIMIT = 1", "LIMIT = 5")
    changed = changed.replace("import os", "import re").replace(
        "\n\nregister(1)", "\n\ndef save(): ...\n\n\nregister(1)"
    )
    patch = check_inverse(one(BASE), one(changed))
    assert len(patch) == 5

    results = {
        apply(one(BASE), patch.subset(chosen))["a.py"].content
        for size in range(6)
        for chosen in combinations(range(5), size)
    }

    assert len(results) == 32


@pytest.mark.parametrize(
    "content",
    [
        b"def f(:\n",
        b"x = 1\ry = 2\r",
        "x = 'ü'\n".encode("utf-16"),
        b"# coding: shift_jis\n# \x8b\xa3\n",
        b"\x00\n",
        b"try: pass\nexcept X : pass\n",
        b"x = 1\n\x0cy = 2\n",
        b"x = " + b"(" * 5000 + b")" * 5000,
        b"# coding: latin-1\nx = '\xfc'\n",
        b"\xef\xbb\xbfx = 1\n",
        b"x = 1\r\nif x:\r\n\ty = 2",
        b"",
    ],
)
def test_every_way_to_write_a_file_can_become_any_other(content):
    for other in (BASE.encode(), content + b"z = 1\n", content[:-2], b"#" + content):
        check_inverse(one(content), one(other))
        check_inverse(one(other), one(content))


def test_a_file_becomes_a_folder_and_back():
    base, tree = one(b"x", "a"), one(b"y", "a/b")
    patch = check_inverse(base, tree)

    adds = [i for i, edit in enumerate(patch.edits) if isinstance(edit, FileAdded)]
    with pytest.raises(EditConflict, match="both a file and a folder"):
        apply(base, patch.subset(adds))


def test_without_a_name_lines_are_edited():
    old = b"".join(b"line %d\n" % i for i in range(30))
    new = old.replace(b"line 5\n", b"five\n").replace(b"line 20\n", b"").replace(b"line 29\n", b"line 29")
    patch = check_inverse(one(old, "a.md"), one(new, "a.md"))

    assert [(edit.old_at, edit.above.count(b"\n")) for edit in patch.edits] == [(5, 3), (20, 3), (29, 3)]
    assert apply(one(old, "a.md"), patch.subset([1]))["a.md"].content == old.replace(b"line 20\n", b"")


# Another base


def rebased(base, patch):
    return apply(one(base), patch)["a.py"].content.decode()


def test_an_edit_fits_a_newer_parent_when_what_it_touches_is_unchanged():
    patch = diff(
        one(BASE), one(BASE.replace("return 1", "return 9").replace("def load", "def save(): ...\n\n\ndef load"))
    )
    newer = "# licence\n\n" + BASE.replace("return 2", "return 8").replace("LIMIT = 1", "LIMIT = 2\nDEPTH = 3")

    assert rebased(newer, patch) == newer.replace("return 1", "return 9").replace(
        "def load", "def save(): ...\n\n\ndef load"
    )


@pytest.mark.parametrize(
    ("theirs", "why"),
    [
        (("return 1", "return 7"), "Index.rank cannot be edited: it is not what the edit expects"),
        (("def rank", "def order"), "Index.rank is not there"),
        (("class Index", "class Other"), "Index.rank is not there"),
        (("import os", "def ("), "cannot be read as Python"),
        (
            ("    def rank(self):\n        return 1\n\n", "    def rank(self):\n        return 1\n\n" * 2),
            "more than one",
        ),
    ],
)
def test_an_edit_that_does_not_fit_is_refused_by_name(theirs, why):
    patch = diff(one(BASE), one(BASE.replace("return 1", "return 9")))

    with pytest.raises(EditConflict, match=why):
        rebased(BASE.replace(*theirs), patch)


def test_a_statement_is_not_put_where_something_else_stands_now():
    patch = diff(one(BASE), one(BASE.replace("LIMIT = 1\n", "LIMIT = 1\nDEPTH = LIMIT\n")))

    assert "LIMIT = 1\nDEPTH = LIMIT\n" in rebased("# x\n\n" + BASE, patch)
    with pytest.raises(EditConflict, match="something else stands there now"):
        rebased(BASE.replace("LIMIT = 1\n", "LIMIT = 1\nWIDTH = 2\n"), patch)
    with pytest.raises(EditConflict, match="that name is there more than once"):
        rebased(BASE + "LIMIT = 2\n", patch)
    with pytest.raises(EditConflict, match="that is not there"):
        rebased(BASE.replace("LIMIT", "MOST"), patch)


def test_lines_that_are_there_twice_are_not_edited():
    patch = diff(one(b"a\nb\nc\n", "t"), one(b"a\nB\nc\n", "t"))

    assert apply(one(b"x\na\nb\nc\n", "t"), patch)["t"].content == b"x\na\nB\nc\n"
    for other, why in ((b"a\nb\nc\na\nb\nc\n", "more than once"), (b"a\nb\nd\n", "not what"), (b"", "not what")):
        with pytest.raises(EditConflict, match=why):
            apply(one(other, "t"), patch)


# Patches that lie


def test_an_altered_patch_does_not_pass_for_the_whole():
    patch = diff(one(BASE), one(BASE.replace("return 1", "return 9").replace("return 2", "return 8")))
    with pytest.raises(EditConflict, match="do not give the file that the patch promises"):
        apply(one(BASE), replace(patch, edits=patch.edits[:1]))


def test_edits_that_meet_are_refused():
    method = diff(one(BASE), one(BASE.replace("return 1", "return 9")))
    gone = BASE[: BASE.index("class Index")] + BASE[BASE.index("def load") :]
    whole = diff(one(BASE), one(gone))
    assert names(whole) == [("removed", "Index")]
    for edits in (method.edits * 2, method.edits + whole.edits, whole.edits + method.edits):
        with pytest.raises(EditConflict, match=r"edited twice|two edits meet"):
            apply(one(BASE), Patch(edits))


def test_a_block_is_not_put_inside_what_is_replaced():
    added = diff(one(BASE), one(BASE.replace("class Index:", "class Index:\n    x = 1\n")))
    gone = diff(one(BASE), one(BASE[: BASE.index("class Index")] + BASE[BASE.index("def load") :]))

    with pytest.raises(EditConflict, match="two edits meet"):
        apply(one(BASE), Patch(added.edits + gone.edits))


def test_lines_are_not_edited_twice():
    patch = diff(one(b"a\nb\n", "t"), one(b"a\nc\n", "t"))
    with pytest.raises(EditConflict, match="overlap"):
        apply(one(b"a\nb\n", "t"), Patch(patch.edits * 2, patch.revisions))


def test_what_is_left_must_be_python():
    base = one("class A:\n    x = 1\n")
    tree = one("class A:\n    y: int\n    def f(self): ...\n")
    patch = check_inverse(base, tree)
    removal = [i for i, edit in enumerate(patch.edits) if isinstance(edit, BlockEdit) and edit.verb == "removed"]

    with pytest.raises(EditConflict, match="with these edits alone cannot be read as Python"):
        apply(base, patch.subset(removal))


def test_nothing_follows_a_line_without_newline():
    base, tree = one("x = 1"), one("x = 1\ny = 2\n")
    patch = check_inverse(base, tree)
    adds = [i for i, edit in enumerate(patch.edits) if isinstance(edit, BlockEdit) and edit.verb == "added"]

    with pytest.raises(EditConflict, match="would follow a line without newline"):
        apply(base, patch.subset(adds))


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        (diff(Tree({}), one(b"x", "a")), "is there already"),
        (diff(one(b"y", "a"), Tree({})), "cannot be removed"),
        (diff(one(b"y", "b"), Tree({})), "cannot be removed"),
        (diff(one(b"y", "b"), one(b"z", "b")), "is not there"),
        (Patch((BlockEdit("a", "function", None, Side("f", b"def f(): ...\n")),)), "has no place"),
        (Patch((BlockEdit("a", "function", None, None),)), "has no place"),
        (Patch((ModeChanged("a", False),)), "mode is not what"),
        (Patch((ModeChanged("a", True), ModeChanged("a", True))), "mode is not what"),
        (Patch((FileAdded("b", b"", False), ModeChanged("b", True))), "edited twice"),
        (Patch((TextEdit("a", 0, 0, b"x", b"y", b"", b""), *diff(one("x"), one("y")).edits)), "is not there"),
    ],
)
def test_edits_of_files_that_do_not_fit(patch, why):
    edits = tuple(replace(edit, path="a") if isinstance(edit, BlockEdit) else edit for edit in patch.edits)
    if any(isinstance(edit, TextEdit) for edit in edits[:-1]):
        why = "two ways that do not go together"

    with pytest.raises(EditConflict, match=why):
        apply(one(b"x", "a"), Patch(edits, patch.revisions))
