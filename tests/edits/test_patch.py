"""A patch has one JSON form, can be undone and taken apart, and speaks to people in printable ASCII."""

import json
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings

from agent.edits.apply import apply
from agent.edits.diff import diff
from agent.edits.patch import BlockEdit, FileAdded, ModeChanged, Patch, Side, TextEdit
from agent.edits.tree import File, Tree
from agent.errors import EditConflict, UnsafeTree
from tests.edits.generated import tree_pairs

BASE = Tree(
    {
        "a.py": File(b"import os\n\nLIMIT = 1\n\n\ndef f():\n    return 1\n"),
        "b.txt": File(b"one\ntwo\nthree\n"),
        "run": File(b"\xff\x00"),
    }
)
TREE = Tree(
    {
        "a.py": File(b"import os\n\nLIMIT = 2\n\n\ndef f():\n    return 2\n", executable=True),
        "b.txt": File(b"one\n2\nthree"),
        "new": File(b"\xfe"),
    }
)
PATCH = diff(BASE, TREE)
DOCUMENT = PATCH.to_json()


@given(tree_pairs())
@settings(max_examples=150, deadline=None)
def test_json_gives_the_patch_back(pair):
    patch = diff(*pair)

    assert Patch.from_json(patch.to_json()) == patch


def test_json_is_readable_where_the_bytes_are_text():
    plain = json.loads(DOCUMENT)

    assert plain["schema"] == "successor.patch/v1"
    assert plain["edits"][1] == {
        "do": "edit block", "path": "a.py", "kind": "statement",
        "old": {"address": "LIMIT", "content": "\nLIMIT = 1\n", "spot": None},
        "new": {"address": "LIMIT", "content": "\nLIMIT = 2\n", "spot": None},
    }  # fmt: skip
    assert {"base64": "/g=="} in [edit.get("content") for edit in plain["edits"]]


def edited(change):
    plain = json.loads(DOCUMENT)
    change(plain)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        DOCUMENT + b" ",
        DOCUMENT.replace(b'"schema":"successor.patch/v1"', b'"schema":"successor.patch/v2"'),
        DOCUMENT.replace(b'"edits"', b'"schema":"successor.patch/v1","edits"'),
        edited(lambda p: p.update(extra=1)),
        edited(lambda p: p.pop("schema")),
        edited(lambda p: p["edits"][0].update(extra=1)),
        edited(lambda p: p["edits"][0].update(do="run")),
        edited(lambda p: p["edits"][0].update(executable=1)),
        edited(lambda p: p["edits"][0].update(executable="true")),
        edited(lambda p: p["edits"][0].pop("path")),
        edited(lambda p: p["edits"][1]["old"].update(content=["x"])),
        edited(lambda p: p["edits"][1]["old"].update(content={"base64": "eA=="})),
        edited(lambda p: p["edits"][1]["old"].update(content={"base64": "?"})),
        edited(lambda p: p["edits"][1].update(kind="lambda")),
        edited(lambda p: p["edits"][3].update(old_at=-1)),
        edited(lambda p: p["edits"][3].update(old_at=1.0)),
        edited(lambda p: p["edits"][3].update(old_at="1")),
        edited(lambda p: p["revisions"].append({})),
    ],
)  # fmt: skip
def test_a_document_that_is_not_exactly_ours_is_refused(document):
    with pytest.raises(EditConflict, match="not a patch document"):
        Patch.from_json(document)


def test_the_document_of_those_refusals_is_itself_accepted():
    assert edited(lambda p: None) == DOCUMENT
    assert Patch.from_json(DOCUMENT) == PATCH


def test_an_unsafe_path_is_refused_on_reading():
    with pytest.raises(UnsafeTree):
        Patch.from_json(edited(lambda p: p["edits"][0].update(path="../a.py")))


def test_the_summary_names_definitions():
    assert PATCH.summary() == (
        "a.py is now executable",
        "a.py::LIMIT changed, +1 -1",
        "a.py::f changed, +1 -1",
        "b.txt line 2 changed, +2 -2",
        "new added, +1 -0",
        "run removed, +0 -1",
    )
    assert PATCH.paths == ("a.py", "b.txt", "new", "run")


def test_the_summary_shows_no_hidden_character():
    tree = Tree({"\u202eyp.a.py": File(b"")})
    old, new = Tree({"é.py": File(b"f('\x1b')\n")}), Tree({"é.py": File("g('\u2066')\n".encode())})

    for line in (*diff(Tree({}), tree).summary(), *diff(old, new).summary(), *diff(new, old).summary()):
        assert all(" " <= c <= "~" for c in line)


def test_a_part_of_a_patch_keeps_order_and_knows_that_it_is_a_part():
    part = PATCH.subset([4, 1])

    assert part.edits == (PATCH.edits[1], PATCH.edits[4])
    assert part.paths == ("a.py", "new")
    assert PATCH.is_whole
    assert not part.is_whole
    assert PATCH.subset(range(len(PATCH))) == PATCH
    assert PATCH.subset([4]).is_whole
    with pytest.raises(EditConflict, match="cannot be undone on its own"):
        part.inverse()


def test_the_inverse_of_the_inverse_is_the_patch():
    assert PATCH.inverse().inverse() == PATCH
    assert apply(TREE, PATCH.inverse()) == BASE


def test_edits_are_values():
    edit = FileAdded("a", b"x", False)
    with pytest.raises(FrozenInstanceError):
        edit.path = "b"
    assert {edit, FileAdded("a", b"x", False)} == {edit}
    assert BlockEdit("p", "function", None, Side("f", b"")).verb == "added"
    assert ModeChanged("p", True).inverse() == ModeChanged("p", False)
    assert TextEdit("p", 1, 2, b"a", b"b", b"", b"").inverse() == TextEdit("p", 2, 1, b"b", b"a", b"", b"")
