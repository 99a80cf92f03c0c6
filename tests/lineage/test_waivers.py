"""Waivers: people let a rule go, once and for a while; the verdict says so, and nothing else gives way."""

import pytest

from agent.errors import PolicyDenied, Refused, SignatureRefused, SuccessorError
from agent.gate.dossier import case_of, policies_of, verdict_of
from agent.gate.rules import load_bundle
from agent.lineage.audit import audit
from agent.lineage.cross_check import cross_check
from agent.lineage.succession import read_log
from agent.lineage.waivers import lasting, with_waivers
from tests.lineage.world import START, World, longer

BASE = "successor/e5"


def denied(world: World, name: str = "x9", change=longer):
    """A candidate that the law denied, and the log says so."""
    dossier = world.draft(name, BASE, change)
    world.reject(dossier, kind="denied", by="policy")
    return dossier


def audited(world: World):
    return audit(world.folder, world.root.fingerprint)


def judged(world: World, dossier, now: int | None = None):
    """What the gate says of a candidate when it looks for waivers."""
    with world.open() as repository:
        log = read_log(repository)
        base = repository.tree(dossier.request.base_commit)
        case = case_of(dossier, base, log.workspace)
        law = load_bundle(policies_of(base))
        return with_waivers(repository, log, verdict_of(dossier), law, case, now or world.clock)


def test_a_denied_candidate_with_a_waiver_is_judged_again_reviewed_and_committed(world):
    first = denied(world)
    entry = world.waive(first, "alice")
    verdict = judged(world, first)
    world.approve(world.draft("x9", BASE, longer, waived={"size": entry}), "bob")
    report = audited(world)

    assert (verdict.allowed, [result.id for result in verdict.denials]) == (True, ["size"])
    assert [(one.rule, one.entry) for one in verdict.waived] == [("size", entry)]
    assert report.ok, report.findings
    assert f"rests on waivers: x9 (size, entry {entry})" in report.notes
    assert cross_check(world.folder, report) > 0
    assert report.ok, report.findings


def test_what_a_waiver_let_through_may_still_be_rejected_by_a_person(world):
    entry = world.waive(denied(world), "alice", expires=world.clock + 100)
    dossier = world.draft("x9", BASE, longer, waived={"size": entry})
    world.clock += 1000  # a rejection does not hang on whether the waiver lasts
    world.reject(dossier, "bob", by="bob")

    assert audited(world).ok, audited(world).findings


def test_a_rule_is_waived_for_a_number_of_decisions_by_two_people(world):
    example = world.draft("x9", BASE, longer)
    about = {"candidate": None, "diff": None, "decisions": 2}
    with pytest.raises(PolicyDenied, match="needs 2 signatures"):
        world.waive(example, "alice", **about)
    entry = world.waive(example, "alice", "bob", **about)
    for name in ("x9", "y8"):
        assert judged(world, world.draft(name, BASE, longer)).allowed
        world.approve(world.draft(name, BASE, longer, waived={"size": entry}), "bob")
    third = world.draft("z7", BASE, longer)
    assert not judged(world, third).allowed
    with pytest.raises(PolicyDenied, match="is used up"):
        world.approve(world.draft("z7", BASE, longer, waived={"size": entry}), "bob")
    assert audited(world).ok, audited(world).findings


def executable(tree):
    return longer(tree).with_file("scaffold/search.py", type(tree["scaffold/run.sh"])(b"x = 1\n", executable=True))


def test_a_waiver_of_one_rule_leaves_the_others(world):
    dossier = world.draft("x9", BASE, executable)
    world.waive(dossier, "alice")

    assert [result.id for result in judged(world, dossier).denials] == ["size", "modes"]
    assert not judged(world, dossier).allowed
    with pytest.raises(PolicyDenied, match="the rule modes cannot be waived"):
        world.waive(dossier, "alice", rules=("modes", "size"), nonce="1" * 64)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"workspace": "sha256:" + "0" * 64}, "in another workspace"),
        ({"policy": "sha256:" + "0" * 64}, "about another policy"),
        ({"rules": ("nothing",)}, "the rule nothing cannot be waived: there is no such rule"),
        ({"expires": START + 400 * 24 * 3600}, "lasts too long"),
        ({"last_entry": 900}, "lasts too long"),
        ({"base_commit": "1" * 40}, "cannot be read"),
        ({"signer": "bob"}, "bob signed in the name of alice"),
        ({"signer": "gate"}, "an unknown key"),
    ],
)
def test_what_would_not_count_is_not_recorded(world, changes, reason):
    keys = {"bob": world.people["bob"], "gate": world.gate}
    signer = keys.get(changes.pop("signer", ""))
    with pytest.raises(SuccessorError, match=reason):
        world.waive(denied(world), "alice", key=signer, **changes)
    with world.open() as repository:
        assert lasting(repository, read_log(repository)) == {}


def test_what_is_signed_once_is_recorded_once_and_by_each_person_once(world):
    dossier = denied(world)
    with pytest.raises(SignatureRefused, match="alice signed the waiver twice"):
        world.waive(dossier, "alice", "alice's other key")
    with pytest.raises(SignatureRefused, match="nobody signed it"):
        world.waive(dossier)
    world.waive(dossier, "alice", "bob", expires=world.clock + 500)
    with pytest.raises(Refused, match="this waiver is recorded already"):
        world.waive(dossier, "bob")


def test_people_who_sign_different_waivers_sign_none(world):
    from agent.lineage.afterwards import record_waiver

    dossier = denied(world)
    signed = [world.waiver(dossier, "alice"), world.waiver(dossier, "bob", reason="another")]
    with world.open() as repository, pytest.raises(SignatureRefused, match="bob signed another than the first"):
        record_waiver(repository, signed, gate=world.gate, now=world.clock)


@pytest.mark.parametrize("later", [0, 100 * 24 * 3600])
def test_the_gate_takes_a_waiver_only_while_it_lasts(world, later):
    dossier = denied(world)
    world.waive(dossier, "alice")

    assert judged(world, dossier, world.clock + later).allowed == (later == 0)


def test_the_gate_takes_no_waiver_of_the_proposer_nor_of_who_was_removed(world):
    own = world.draft("x9", BASE, longer, proposer="Alice")
    world.waive(own, "alice")
    other = world.draft("y8", BASE, longer)
    world.waive(other, "bob")
    assert judged(world, other).allowed
    alice = [person.model_dump(mode="json") for person in world.root.persons if person.name == "alice"]
    world.change_root(world.next_root(persons=alice), "alice")

    assert not judged(world, own).allowed
    assert not judged(world, other).allowed
    with pytest.raises(SignatureRefused, match="an unknown key"):
        world.approve(world.draft("y8", BASE, longer, waived={"size": 7}), "alice")
