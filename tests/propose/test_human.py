"""Proposals of people."""

import pytest

from agent.edits.unified import unified_diff
from agent.errors import EditConflict, UnsafeTree
from agent.propose.human import from_tree, from_unified


def test_a_diff_becomes_the_tree_that_it_makes(tree_of):
    base = tree_of({"mind/a.py": "K = 1\n", "kept.toml": "x = 1\n"})
    wanted = tree_of({"mind/a.py": "K = 2\n", "mind/b.py": "", "kept.toml": "x = 1\n"})
    proposal = from_unified(base, unified_diff(base, wanted), "because")
    assert (proposal.tree, proposal.rationale) == (wanted, "because")
    assert proposal == from_tree(wanted, "because")


def test_no_search_was_made_for_it(tree_of):
    proposal = from_tree(tree_of({"mind/a.py": "K = 1\n"}))
    assert (proposal.search_trials, proposal.candidates_tried) == (0, 0)


def test_a_diff_that_does_not_fit_is_refused(tree_of):
    base, other = tree_of({"mind/a.py": "K = 1\n"}), tree_of({"mind/a.py": "K = 5\n"})
    with pytest.raises(EditConflict):
        from_unified(base, unified_diff(other, tree_of({"mind/a.py": "K = 2\n"})))


def test_a_diff_that_leads_out_of_the_tree_is_refused(tree_of):
    base = tree_of({"mind/a.py": "K = 1\n"})
    diff = unified_diff(base, tree_of({"mind/a.py": "K = 2\n"})).replace(b"mind/a.py", b"../a.py")
    with pytest.raises((UnsafeTree, EditConflict)):
        from_unified(base, diff)
