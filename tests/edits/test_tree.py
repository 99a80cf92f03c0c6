"""A tree holds regular files under safe paths, and names itself as git does."""

import hashlib
import os
import pickle
import subprocess

import pytest
from hypothesis import given, settings

from agent.edits.tree import MAX_REMEMBERED, File, Tree, check_path
from agent.errors import UnsafeTree
from tests.edits.generated import trees


def git(folder, *arguments):
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def write(folder, tree):
    for path, file in tree.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
        place.chmod(0o755 if file.executable else 0o644)


def test_git_writes_the_same_tree(tmp_path):
    tree = Tree(
        {
            "a/b.py": File(b"x = 1\n"),
            "a.txt": File(b"sorted between a- and a/\n"),
            "a-b": File(b""),
            "a0": File(b"\x00\xff", executable=True),
            "naïve/ü.md": File(b"no newline"),
            "deep/er/and/deeper/run.sh": File(b"#!/bin/sh\n", executable=True),
        }
    )
    write(tmp_path, tree)
    git(tmp_path, "init", "-q")
    git(tmp_path, "-c", "core.autocrlf=false", "add", "-A")

    assert git(tmp_path, "write-tree") == tree.git_id


def test_the_empty_tree_has_the_id_that_git_gives_it():
    assert Tree({}).git_id == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("", "empty"),
        ("/etc/passwd", "empty part"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        ("./a", "'.'"),
        ("a/../b", "'..'"),
        ("..", "'..'"),
        ("a\\b", "backslashes"),
        ("a\nb", "control"),
        ("a\x7fb", "control"),
        ("a\x00", "control"),
        ("a\udcff", "broken Unicode"),
        (".git/config", "git's own"),
        ("a/.GIT/hooks/x", "git's own"),
        ("a/.git ", "git's own"),
        (".git.", "git's own"),
        ("GIT~1/x", "git's own"),
        ("a" * 256, "part"),
        ("/".join("a" * 21), "deep"),
        ("/".join(["a" * 100] * 6), "long"),
    ],
)
def test_unsafe_paths_are_refused_by_name(path, why):
    with pytest.raises(UnsafeTree, match=why):
        check_path(path)
    with pytest.raises(UnsafeTree, match=why):
        Tree({path: File(b"")})


@pytest.mark.parametrize("path", ["a", ".gitignore", ".github/x", "a/b.c", "ü", "a b", "git~2", "..a", "a" * 255])
def test_ordinary_paths_are_accepted(path):
    assert check_path(path) == path


def test_a_path_is_not_both_a_file_and_a_folder():
    with pytest.raises(UnsafeTree, match="'a' is both"):
        Tree({"a": File(b""), "a/b/c": File(b"")})


def test_paths_come_in_byte_order():
    assert list(Tree({name: File(b"") for name in ("b", "ü", "B", "a/z", "a.b", "𐀀", "\uffff")})) == [
        "B", "a.b", "a/z", "b", "ü", "\uffff", "𐀀",
    ]  # fmt: skip


def test_the_digest_names_paths_modes_and_bytes():
    one = Tree({"a": File(b"x")})

    assert one.digest == Tree({"a": File(b"x")}).digest
    assert (
        len({one.digest, *(Tree(t).digest for t in ({"b": File(b"x")}, {"a": File(b"y")}, {"a": File(b"x", True)}))})
        == 4
    )
    assert one.manifest == b"100644 2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 a\n"


@given(trees)
@settings(max_examples=30, deadline=None)
def test_changing_a_tree_leaves_it_as_it_was(tree):
    before = tree.digest
    changed = tree.with_file("new/file", File(b"x"))

    assert tree.digest == before
    assert changed != tree
    assert changed.without("new/file") == tree
    assert hash(changed.without("new/file")) == hash(tree)


def test_what_differs_from_one_tree_is_not_taken_for_what_differs_from_another():
    one, same = (Tree({"a": File(b"1"), "b": File(b"1")}) for _ in range(2))
    other = Tree({"a": File(b"2"), "b": File(b"1")})

    assert [one.differing(other), one.differing(same), one.differing(other)] == [["a"], [], ["a"]]
    one.differing(other).append("z")
    assert one.differing(other) == ["a"]


def test_what_is_remembered_of_another_tree_does_not_travel_to_another_process():
    one, other = Tree({"a": File(b"1")}), Tree({"a": File(b"2")})
    one.differing(other)
    copied = pickle.loads(pickle.dumps(one))

    assert copied == one
    assert (copied.digest, copied.git_id, copied.differing(other)) == (one.digest, one.git_id, ["a"])


def test_a_remembered_digest_is_of_these_very_bytes():
    small, large = b"x" * 100, b"x" * (MAX_REMEMBERED + 1)
    for content in (small, large, small, large, small + b"y"):
        tree = Tree({"a": File(content)})
        assert tree.manifest == f"100644 {hashlib.sha256(content).hexdigest()} a\n".encode()
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).digest()
        assert tree.git_id == hashlib.sha1(b"tree 29\0" + b"100644 a\0" + blob, usedforsecurity=False).hexdigest()


def test_files_beside_each_other_are_named_like_any_tree():
    files = {"a": File(b"1"), "b": File(b"2", executable=True)}

    assert Tree.flat(files) == Tree(files)
    assert (Tree.flat(files).digest, Tree.flat(files).git_id) == (Tree(files).digest, Tree(files).git_id)
