"""The Merkle root is that of RFC 6962, however it was grown."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import AuditFailed
from agent.lineage.merkle import Frontier, leaf_hash, node_hash, parse_frontier

# The inputs, and the roots over the first one, two, ... of them, that implementations of certificate transparency share.
INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def tree_hash(leaves):
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(tree_hash(leaves[:split]), tree_hash(leaves[split:]))


def grown(leaves):
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.grown(leaf)
    return frontier


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_that_others_have(size):
    assert grown(leaf_hash(bytes.fromhex(text)) for text in INPUTS[:size]).root.hex() == ROOTS[size - 1]


@given(st.integers(0, 200))
def test_growing_gives_what_the_definition_gives(size):
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]

    assert grown(leaves).root == tree_hash(leaves)
    assert parse_frontier(size, grown(leaves).content) == grown(leaves)


def test_a_frontier_of_another_size_is_none():
    with pytest.raises(AuditFailed, match="not one of its size"):
        parse_frontier(6, grown([b"\1" * 32] * 5).content + b"A" * 43 + b"=\n" + b"A" * 43 + b"=\n")


@given(st.integers(0, 40), st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_refusal(size, content):
    try:
        assert parse_frontier(size, content).content == content
    except AuditFailed:
        return
