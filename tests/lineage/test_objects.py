"""Git's formats read by us: whatever the bytes, the answer is a value or a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edits.tree import File, Tree
from agent.errors import Refused, SignatureRefused, UnsafeTree
from agent.gate.signer import MachineKey
from agent.lineage.gate_log import LogEntry, folder, graft, last_index, lookup, parse_entry, read_entry
from agent.lineage.objects import (
    MAX_FILES,
    Entry,
    NewObjects,
    check_gate_commit,
    format_tree,
    gate_commit,
    parse_commit,
    parse_tree,
    read_tree,
)

KEY = MachineKey.generate()
KEYS = frozenset({KEY.key})
BODY = gate_commit("a" * 40, "b" * 40, 1_900_000_000, "a title\n\na body\n", KEY)
D = "sha256:" + "a" * 64


def reader(objects):
    def read(name, kind):
        found = objects.read(name)
        assert found is not None
        return found[1]

    return read


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parsers_raise_anything_but_a_refusal(content):
    for parse in (parse_commit, parse_tree, parse_entry):
        try:
            parse(content)
        except Refused:
            continue


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_no_changed_byte_of_a_commit_survives_its_signature(position, change):
    spoilt = bytearray(BODY)
    spoilt[position] ^= change
    with pytest.raises(SignatureRefused):
        check_gate_commit(parse_commit(bytes(spoilt)), 1_900_000_000, KEYS)


def test_the_good_commit_is_accepted():
    check_gate_commit(parse_commit(BODY), 1_900_000_000, KEYS)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"tree " + b"a" * 40,
        b"tree x\nauthor a\ncommitter b\n\nm",
        b"author a\ncommitter b\n\nm",
        b"tree " + b"a" * 40 + b"\ntree " + b"b" * 40 + b"\nauthor a\ncommitter b\n\nm",
        b"tree " + b"a" * 40 + b"\nparent x\nauthor a\ncommitter b\n\nm",
        b"tree " + b"a" * 40 + b"\nauthor a\n continued\ncommitter b\n\nm",
        b"tree " + b"a" * 40 + b"\nauthor \xff\ncommitter b\n\nm",
        b"tree " + b"a" * 40 + b"\nauthor a\ncommitter b\n\n\xff",
    ],
)
def test_a_malformed_commit_is_refused(body):
    with pytest.raises(SignatureRefused, match="malformed"):
        parse_commit(body)


@pytest.mark.parametrize(
    "body", [b"100644", b"100644 a", b"100644 a\0short", b"100644 \xff\0" + b"a" * 20, b"\xff a\0" + b"a" * 20]
)
def test_a_malformed_tree_is_refused(body):
    with pytest.raises(UnsafeTree, match="malformed"):
        parse_tree(body)


def test_folders_nested_without_end_are_refused():
    objects = NewObjects()
    inner = objects.add("blob", b"")
    mode = "100644"
    for _ in range(30):
        inner, mode = objects.add("tree", format_tree([Entry(mode, "d", inner)])), "40000"
    with pytest.raises(UnsafeTree, match="too deep"):
        read_tree(reader(objects), inner)


def test_an_empty_folder_is_no_part_of_a_tree():
    objects = NewObjects()
    empty = objects.add("tree", b"")
    root = objects.add("tree", format_tree([Entry("40000", "d", empty)]))
    with pytest.raises(UnsafeTree, match="the folder is empty"):
        read_tree(reader(objects), root)


def test_too_many_or_too_large_files_are_refused(monkeypatch):
    objects = NewObjects()
    root = objects.add_tree(Tree({str(n): File(b"12345678") for n in range(10)}))
    assert MAX_FILES > 10
    for limit, value in (("MAX_FILES", 9), ("MAX_FILE_BYTES", 7), ("MAX_TREE_BYTES", 79)):
        with monkeypatch.context() as patch:
            patch.setattr(f"agent.lineage.objects.{limit}", value)
            with pytest.raises(UnsafeTree, match=r"too many|too large"):
                read_tree(reader(objects), root)


def test_a_pack_of_new_objects_names_them_as_git_does():
    objects = NewObjects()
    assert objects.add("blob", b"hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a"
    assert objects.add_tree(Tree({})) == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    assert objects.pack().startswith(b"PACK\0\0\0\2\0\0\0\2")


def test_entries_live_in_folders_of_at_most_a_hundred():
    assert folder(0) == ("entries", "00", "00", "00")
    assert folder(123456) == ("entries", "12", "34", "56")


def test_the_log_is_extended_and_never_overwritten():
    objects = NewObjects()
    read = reader(objects)
    body = objects.add_tree(Tree({"x": File(b"")}))
    root = None
    for index in (0, 1, 99, 100, 10_000):
        root = graft(objects, read, root, folder(index), body)
        assert last_index(read, root) == index
    assert lookup(read, root, folder(99)) == body
    assert lookup(read, root, folder(98)) is None
    with pytest.raises(UnsafeTree, match="already there"):
        graft(objects, read, root, folder(99), body)
    with pytest.raises(Refused, match="entry 98 is missing"):
        read_entry(read, root, 98)
    with pytest.raises(Refused, match="log entry is missing"):
        read_entry(read, root, 99)


def test_a_log_without_entries_is_none():
    objects = NewObjects()
    for tree in (Tree({}), Tree({"entries/aa/00/00/x": File(b"")})):
        with pytest.raises(Refused, match="holds no entries"):
            last_index(reader(objects), objects.add_tree(tree))


GOOD = {
    "index": 3,
    "kind": "successor",
    "previous": D,
    "time": 1,
    "bundle": D,
    "candidate": "a1",
    "base_commit": "a" * 40,
    "commit": "b" * 40,
    "tree": D,
    "by": ("alice",),
    "reason": "",
}


@pytest.mark.parametrize(
    "change",
    [
        {"index": 0},
        {"index": -1},
        {"index": 1_000_000},
        {"kind": "genesis"},
        {"kind": "revoked"},
        {"kind": "rejected"},
        {"previous": None},
        {"candidate": None},
        {"candidate": "A"},
        {"base_commit": None},
        {"commit": None},
        {"by": ("a\nb",)},
        {"reason": "x" * 2001},
        {"time": -1},
        {"extra": 1},
    ],
)
def test_an_entry_that_contradicts_itself_is_none(change):
    LogEntry(**GOOD)
    with pytest.raises(ValueError, match="validation error"):
        LogEntry(**{**GOOD, **change})
