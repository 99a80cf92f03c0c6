"""What a drill looks like: a setting that is another one, one flaw beside it, and numbers that a candidate could have."""

import random
from itertools import islice

import pytest

from agent.edits.tree import Tree
from agent.errors import StoreBroken
from agent.gate.signer import MachineKey
from agent.gate.trust import Person, PersonKey, new_root
from agent.loop.drill_shape import FULL_PPM, HONEST, lent, proposal_of, shapes
from agent.loop.drills import Drill
from bench.probes.case import template
from tests.gate.test_facts import comparison, evidence

BASE = template()
PARENT = "2" * 40


def drawn(seed, most=12):
    return list(islice(shapes(BASE, random.Random(seed), most), most))


def borrowed(*comparisons, seed=0, of=None):
    shape = drawn(seed, 3)[0]
    known = evidence(Tree({}), of or Tree({}), comparisons=comparisons, candidates_tried=0, search_trials=0)
    return shape, lent(known, PARENT, shape, random.Random(seed))


def test_beside_each_flaw_stands_a_setting_and_nothing_that_is_a_fault_itself():
    found = drawn(1)

    assert len(found) > 6
    assert {shape.honest.kind for shape in found} <= set(HONEST)
    assert all(BASE.differing(shape.around) and shape.around.differing(shape.tree) for shape in found)


def test_a_seed_draws_the_same_drills():
    assert [shape.tree.digest for shape in drawn(2)] == [shape.tree.digest for shape in drawn(2)]
    assert [shape.tree.digest for shape in drawn(2)] != [shape.tree.digest for shape in drawn(3)]


def test_where_there_is_no_code_there_is_no_drill():
    bare = Tree({path: file for path, file in BASE.items() if not path.endswith(".py")})

    assert list(shapes(bare, random.Random(0), 5)) == []


@pytest.mark.parametrize("seed", range(8))
def test_lent_numbers_are_about_this_change_and_possible(seed):
    full = comparison("search", "dev", 600_000, 1, parent_ppm=400_000, candidate_ppm=FULL_PPM)
    shape, found = borrowed(full, seed=seed)
    (one,) = found.comparisons

    assert (found.base_commit, found.base_tree, found.tree) == (PARENT, BASE.digest, shape.tree.digest)
    assert one.candidate_ppm <= FULL_PPM
    assert one.candidate_ppm - one.parent_ppm == one.gain_ppm
    assert 0 < found.candidates_tried < found.search_trials


@pytest.mark.parametrize("gain", [50_000, 600_000])
def test_who_lends_and_is_built_on_now_lends_where_it_came_to(gain):
    came_to = comparison("search", "heldout", gain, 1, parent_ppm=300_000, candidate_ppm=300_000 + gain)
    _, found = borrowed(came_to, of=BASE)
    (one,) = found.comparisons

    assert one.parent_ppm == came_to.candidate_ppm
    assert one.candidate_ppm <= FULL_PPM
    assert one.candidate_ppm - one.parent_ppm == one.gain_ppm


def test_it_is_told_as_a_search_tells_what_it_found():
    shape, found = borrowed(comparison("search", "dev", 60_000, 15_000))
    first, *lines = proposal_of(shape, found, random.Random(0)).rationale.split("\n")

    assert first.startswith("2 edits found by search, together +")
    assert sorted(line[:2] for line in lines) == ["- ", "- "]
    assert any(f"{shape.flaw.path}::{shape.flaw.definition}: " in line for line in lines)


def test_keys_that_are_somebody_elses_vouch_for_no_drill():
    alice, gate, evaluator, own = (MachineKey.generate().key for _ in range(4))
    root = new_root((Person(name="alice", keys=(PersonKey(key=alice.line),)),), gate=gate, evaluator=evaluator)

    assert Drill(flaw="turned", told="", gate=own.line, evaluator=gate.line).root(root).gate == (own.line,)
    for one, other in ((own, own), (alice, own)):
        with pytest.raises(StoreBroken, match="cannot be read"):
            Drill(flaw="turned", told="", gate=one.line, evaluator=other.line).root(root)
