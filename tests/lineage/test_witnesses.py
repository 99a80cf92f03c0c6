"""Witnesses that the trust root names: an audit demands that enough of them have seen the log, and lately enough."""

import json

import pytest

from agent.errors import SignatureRefused
from agent.gate.note import COSIGNER_KEY, NOTE_KEY, Verifier, cosign
from agent.gate.signer import MachineKey
from agent.lineage.audit import Wish, audit
from tests.lineage.world import START, World, edited

KEYS = {f"w.example/{number}": MachineKey.generate() for number in (1, 2, 3)}
ONE, TWO, THREE = (Verifier(name, key.key, COSIGNER_KEY) for name, key in KEYS.items())


def audited(world: World, **wish):
    return audit(world.folder, world.root.fingerprint, Wish(**wish))


def seen_by(world: World, *witnesses: Verifier, revision: str = "gate-log"):
    """The checkpoint of the log, cosigned."""
    note = world.checkpoint(revision)
    for one in witnesses:
        note = cosign(note, one.name, START, KEYS[one.name])
    return note


def grow(world: World, times: int) -> None:
    """Add entries to the log."""
    for _ in range(times):
        name = f"n{world.clock}"
        world.reject(world.draft(name, "main", edited(name)), "bob", by="bob")


def reasons(report):
    return [(found.slug, found.reason) for found in report.findings]


def test_a_log_is_proven_until_more_entries_than_allowed_were_not_seen(world):
    world.demand_witnesses(ONE, most_behind=2)
    grow(world, 2)
    assert audited(world).ok  # the demand begins with the entry after the root
    grow(world, 1)
    assert reasons(audited(world)) == [(
        "not-witnessed",
        "the trust root demands that 1 of its 1 witnesses have seen all but the last 2 entries, and the last 3 were not seen",
    )]  # fmt: skip
    world.witness(seen_by(world, ONE))
    assert audited(world).ok, reasons(audited(world))


def test_a_checkpoint_that_the_auditor_has_counts_as_one_in_the_log(world):
    world.demand_witnesses(ONE, most_behind=1)
    grow(world, 3)

    assert not audited(world).ok
    assert audited(world, cosigned=(seen_by(world, ONE),)).ok


@pytest.mark.parametrize("alone", [True, False])
def test_as_many_witnesses_as_the_root_needs_each_with_its_newest_checkpoint(world, alone):
    world.demand_witnesses(ONE, TWO, THREE, needed=2, most_behind=4)
    grow(world, 3)
    world.witness(seen_by(world, ONE))
    grow(world, 1)
    world.witness(seen_by(world, *(() if alone else (THREE,)), ONE))

    assert audited(world).ok == (not alone)


def test_a_witness_that_was_replaced_counts_no_more_and_a_new_one_has_time(world):
    world.demand_witnesses(ONE, most_behind=2)
    world.witness(seen_by(world, ONE))
    world.demand_witnesses(TWO, most_behind=2)
    grow(world, 3)
    world.witness(seen_by(world, ONE))
    assert not audited(world).ok
    world.witness(seen_by(world, TWO))
    assert audited(world).ok
    world.demand_witnesses()
    grow(world, 5)
    assert audited(world).ok


def test_another_change_of_the_root_gives_no_new_time(world):
    world.demand_witnesses(ONE, most_behind=2)
    grow(world, 2)
    world.change_root(world.next_root(thresholds={"approve": 1, "root": 2}), "alice")

    assert [slug for slug, _ in reasons(audited(world))] == ["not-witnessed"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"keys": [], "needed": 1, "most_behind": 1}, "no witness is named"),
        ({"keys": [ONE.line], "needed": 2, "most_behind": 1}, "no more than there are"),
        ({"keys": [ONE.line], "needed": 0, "most_behind": 1}, "at least one witness"),
        ({"keys": [ONE.line], "needed": 1, "most_behind": 0}, "at least one witness"),
        ({"keys": [ONE.line, ONE.line], "needed": 1, "most_behind": 1}, "the same name"),
        ({"keys": [ONE.line + " "], "needed": 1, "most_behind": 1}, "written as its verifier key"),
        ({"keys": ["x"], "needed": 1, "most_behind": 1}, "cannot be the name|is not a verifier key"),
        (
            {"keys": [Verifier("w.example/1", ONE.key, NOTE_KEY).line], "needed": 1, "most_behind": 1},
            "of the kind that cosigns",
        ),
        (
            {"keys": [ONE.line, Verifier("w.example/9", ONE.key, COSIGNER_KEY).line], "needed": 2, "most_behind": 1},
            "a key appears twice",
        ),
    ],
)
def test_a_root_whose_demand_cannot_be_met_or_counts_one_key_twice_is_none(world, asked, reason):
    with pytest.raises(SignatureRefused, match=reason):
        world.next_root(witnesses=asked)


def test_the_gates_own_key_is_no_witness(world):
    own = Verifier("w.example/gate", world.gate.key, COSIGNER_KEY)
    with pytest.raises(SignatureRefused, match="a key appears twice"):
        world.next_root(witnesses={"keys": [own.line], "needed": 1, "most_behind": 1})


def test_a_root_from_before_there_were_witnesses_keeps_its_fingerprint(world):
    from agent.digest import canonical_json, sha256
    from agent.gate.trust import parse_root

    old = json.loads(world.root.content)
    del old["witnesses"]

    assert parse_root(canonical_json(old)).fingerprint == sha256(canonical_json(old))
