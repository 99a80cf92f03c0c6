"""Reading a tree as what differs from another gives what reading it whole gives, refusals included."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.edits.tree import File, Tree
from agent.errors import UnsafeTree
from agent.lineage.generations import Generations, read_flat
from agent.lineage.objects import FOLDER_MODE, Entry, NewObjects, format_tree, read_tree

NAMES = st.sampled_from(["a", "b", "c.py", "a.b", "é"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = st.builds(File, st.sampled_from([b"", b"1\n", b"2\n"]), st.booleans())


def tree_of(files):
    kept = {}
    for path, file in files.items():
        try:
            Tree({**kept, path: file})
        except UnsafeTree:
            continue
        kept[path] = file
    return Tree(kept)


TREES = st.dictionaries(PATHS, FILES, max_size=8).map(tree_of)


def reader(objects):
    def read(name, kind):
        found = objects.read(name)
        assert found
        assert found[0] == kind
        return found[1]

    return read


@given(st.lists(TREES, min_size=1, max_size=12))
@settings(deadline=None)
def test_every_tree_of_a_history_is_the_one_that_was_stored(trees):
    objects = NewObjects()
    generations = Generations(reader(objects))
    for tree in trees:
        read = generations.tree(objects.add_tree(tree))

        assert (dict(read), list(read), read.digest, read.git_id) == (dict(tree), list(tree), tree.digest, tree.git_id)


def blob(objects, content=b"x"):
    return objects.add("blob", content)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        (lambda o: [Entry("120000", "link", blob(o))], "symbolic link"),
        (lambda o: [Entry("160000", "module", "1" * 40)], "submodule"),
        (lambda o: [Entry("100664", "odd", blob(o))], "not that of a regular file"),
        (lambda o: [Entry("100644", ".git", blob(o))], "git's own folder"),
        (lambda o: [Entry("100644", "a", blob(o)), Entry("100644", "a", blob(o))], "canonical form"),
        (lambda o: [Entry(FOLDER_MODE, "empty", o.add("tree", b""))], "the folder is empty"),
    ],
)
def test_what_is_refused_of_a_whole_tree_is_refused_of_a_changed_one(entries, reason):
    objects = NewObjects()
    generations = Generations(reader(objects))
    generations.tree(objects.add_tree(Tree({"a": File(b"1"), "kept/b": File(b"2")})))
    bad = objects.add("tree", format_tree(entries(objects)))
    for read in (generations.tree, lambda name: read_tree(reader(objects), name)):
        with pytest.raises(UnsafeTree, match=reason):
            read(bad)


def test_a_flat_folder_is_read_as_any_other():
    objects = NewObjects()
    for tree in (Tree({"a": File(b"1"), "b.json": File(b"2")}), Tree({"a/b": File(b"1", executable=True)}), Tree({})):
        read = read_flat(reader(objects), objects.add_tree(tree))

        assert (dict(read), read.digest, read.git_id) == (dict(tree), tree.digest, tree.git_id)
    double = format_tree([Entry("100644", "a", blob(objects)), Entry("100644", "a", blob(objects))])
    with pytest.raises(UnsafeTree, match="canonical form"):
        read_flat(reader(objects), objects.add("tree", double))
