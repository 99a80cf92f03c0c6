"""From where the whole way is measured: the last generation that everybody who approved it looked at deeply."""

import pytest

from agent.errors import ReviewRefused
from agent.gate.review import Decision, read_review
from agent.lineage.audit import audit
from agent.lineage.deep import demand_whole_way, last_deep_review
from agent.lineage.succession import read_log
from tests.lineage.world import World


@pytest.fixture
def world(tmp_path):
    return World.create(tmp_path / "w")


def last(world, branch):
    with world.open() as repository:
        return last_deep_review(repository, read_log(repository), world.tip(branch))


def test_without_a_deep_review_the_way_begins_at_the_first_generation(world):
    world.approve(world.draft("a1"), "alice")
    world.approve(world.draft("b2", "successor/a1"), "bob")

    assert last(world, "successor/b2") == last(world, "main") == world.tip("main")


def test_a_deep_review_ends_a_way_and_begins_the_next(world):
    deep = world.approve(world.draft("a1"), "alice", since=world.tip("main"))
    world.approve(world.draft("b2", "successor/a1"), "bob")

    assert last(world, "successor/a1") == last(world, "successor/b2") == deep


def test_a_deep_review_elsewhere_in_the_tree_is_none_of_this_line(world):
    world.approve(world.draft("a1"), "alice", since=world.tip("main"))
    world.approve(world.draft("b2"), "alice")

    assert last(world, "successor/b2") == world.tip("main")


def test_a_review_counts_as_deep_only_when_everybody_who_approved_looked_deeply(world):
    dossier = world.draft("a1")
    (deep,), (shallow,) = world.sign(dossier, "alice", since=world.tip("main")), world.sign(dossier, "bob")
    world.force(dossier, [deep, shallow], by=("alice", "bob"))

    assert last(world, "successor/a1") == world.tip("main")


def test_a_review_of_a_shorter_way_is_not_taken_for_a_deep_one(world):
    first = world.tip("main")
    world.approve(world.draft("a1"), "alice")
    dossier = world.draft("b2", "successor/a1")
    with world.open() as repository:
        log = read_log(repository)
        for since in (world.tip("successor/a1"), "0" * 40):
            (envelope,) = world.sign(dossier, "alice", since=since)
            with pytest.raises(ReviewRefused, match="the last deep review was at"):
                demand_whole_way(repository, log, read_review(envelope, log.root))
        for since in (first, None):
            (envelope,) = world.sign(dossier, "alice", since=since)
            demand_whole_way(repository, log, read_review(envelope, log.root))


def test_a_rejection_is_no_deep_review(world):
    with pytest.raises(ReviewRefused, match="does not approve"):
        world.sign(world.draft("a1"), "alice", decision=Decision.REJECT, since=world.tip("main"))


def test_an_audit_follows_deep_reviews_along_each_line(world):
    first = world.tip("main")
    world.approve(world.draft("a1"), "alice")
    deep = world.approve(world.draft("b2", "successor/a1"), "alice", since=first)
    world.approve(world.draft("c3", "successor/b2"), "bob")
    world.approve(world.draft("d4", "successor/c3"), "alice", since=deep)
    world.approve(world.draft("e5", "successor/a1"), "alice", since=first)

    assert found(world) == []


def test_an_audit_finds_a_way_that_begins_before_the_last_deep_review_as_well(world):
    first = world.tip("main")
    deep = world.approve(world.draft("a1"), "alice", since=first)
    dossier = world.draft("b2", "successor/a1")
    world.force(dossier, world.sign(dossier, "alice", since=first))

    (finding,) = found(world)
    assert f"it looked at the way since {first}, and the last deep review was at {deep}" in finding


def test_one_review_that_is_falsely_called_deep_is_reported_once_and_not_with_all_that_follow(world):
    world.approve(world.draft("a1"), "alice")
    dossier = world.draft("b2", "successor/a1")
    world.force(dossier, world.sign(dossier, "alice", since=world.tip("successor/a1")))
    world.approve(world.draft("c3", "successor/b2"), "alice", since=world.tip("successor/b2"))

    assert len(found(world)) == 1


def found(world):
    return [finding.reason for finding in audit(world.folder, world.root.fingerprint).findings]
