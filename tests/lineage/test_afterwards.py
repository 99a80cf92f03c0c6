"""Life after approval: what is revoked is not built on, a rollback asks nobody, and the log says all of it."""

import pytest

from agent.errors import AuditFailed, Misuse, Refused, ReviewRefused, SignatureRefused, UnknownId
from agent.gate.note import COSIGNER_KEY, Verifier, cosign
from agent.gate.signer import MachineKey
from agent.lineage.audit import Wish, audit
from agent.lineage.standing import (
    ROLLBACK_FILE,
    entries,
    newest,
    roll_back,
    roll_forward,
    rolled_back_to,
    standings,
)
from agent.lineage.succession import read_log
from agent.loop.select import select_parent
from tests.lineage.world import START, git

WITNESS = MachineKey.generate()


def audited(world, **wish):
    return audit(world.folder, world.root.fingerprint, Wish(**wish))


def test_a_revocation_marks_a_successor_and_all_that_descends_from_it(world):
    world.approve(world.draft("f6", "successor/a1"), "bob")
    world.revoke("c3")
    with world.open() as repository:
        where = standings(entries(repository, read_log(repository)))

    assert {name: one.revoked_by for name, one in where.items()} == {"a1": None, "c3": 7, "e5": 7, "f6": None}
    report = audited(world)
    assert (report.ok, report.revoked, report.notes) == (True, ["c3", "e5"], ["revoked: c3, e5"])


def test_what_is_revoked_is_no_parent_and_no_base(world):
    with world.open() as repository:
        assert select_parent(repository) == world.tip("successor/e5")
    dossier = world.draft("x9", "successor/e5")
    world.revoke("c3", "bob")
    with world.open() as repository:
        assert select_parent(repository) == world.tip("successor/a1")
    with pytest.raises(Refused, match="c3, from which it descends, was revoked"):
        world.approve(dossier, "alice")
    assert audited(world).ok


def test_a_successor_that_was_approved_beside_what_is_revoked_stands(world):
    world.revoke("e5")
    world.approve(world.draft("x9", "successor/c3"), "alice")

    assert audited(world).revoked == ["e5"]
    with world.open() as repository:
        assert select_parent(repository) == world.tip("successor/x9")


def test_a_revocation_needs_a_person_of_the_root_and_a_successor(world):
    from agent.lineage.afterwards import record_revocation

    def record(envelope):
        with world.open() as repository:
            record_revocation(repository, envelope, gate=world.gate, now=world.clock)

    good = world.revocation("c3")
    world.people["mallory"] = MachineKey.generate()
    for envelope, reason in (
        (world.revocation("c3", by="mallory"), "no person in the trust root"),
        (world.revocation("c3", by="alice", workspace="sha256:" + "0" * 64), "another workspace"),
    ):
        with pytest.raises(ReviewRefused, match=reason):
            record(envelope)
    with pytest.raises(Refused, match="is no successor of this log"):
        record(world.revocation("c3", candidate="b2"))
    record(good)
    with pytest.raises(Refused, match="is revoked already: by entry 6"):
        record(good)
    with pytest.raises(Refused, match="is revoked already: by entry 6"):
        record(world.revocation("e5"))


def test_a_rollback_restores_the_files_and_the_parent_without_the_gate(world):
    (world.folder / ".git" / "info" / "exclude").write_text("/.successor/\n")
    with world.open() as repository:
        log = read_log(repository)
        commit = roll_back(repository, log, "a1")

        assert commit == world.tip("successor/a1") == git(world.folder, "rev-parse", "HEAD")
        assert (world.folder / "scaffold" / "search.py").read_bytes().endswith(b"# a1\n")
        assert repository.changed() == ()
        assert newest(repository, log, rolled_back_to(repository)).candidate == "e5"  # it descends from a1
    world.approve(world.draft("f6", "main"), "bob")
    with world.open() as repository:
        assert select_parent(repository) == world.tip("successor/e5")  # f6 does not
    world.revoke("c3")
    with world.open() as repository:
        assert select_parent(repository) == world.tip("successor/a1")
    world.revoke("a1")
    with world.open() as repository:
        assert select_parent(repository) == world.tip("successor/f6")  # on the first generation, which stands
        assert roll_forward(repository, read_log(repository)) == world.tip("successor/f6")
        assert select_parent(repository) == world.tip("successor/f6")
    assert audited(world).ok


def test_a_rollback_loses_no_file_and_restores_nothing_that_was_revoked(world):
    (world.folder / ".git" / "info" / "exclude").write_text("/.successor/\n")
    world.revoke("a1")
    with world.open() as repository:
        log = read_log(repository)
        for name, error, reason in (
            ("c3", Refused, "a1, from which it descends, was revoked"), ("a1", Refused, "it was revoked"),
            ("zz", UnknownId, "no commit or branch"), ("--x", UnknownId, "no commit or branch"),
        ):  # fmt: skip
            with pytest.raises(error, match=reason):
                roll_back(repository, log, name)
        (world.folder / "scaffold" / "search.py").write_text("mine\n")
        with pytest.raises(Misuse, match=r"not committed: scaffold/search\.py"):
            roll_back(repository, log, "genesis")
    assert (world.folder / "scaffold" / "search.py").read_text() == "mine\n"
    assert not (world.folder / ".successor" / ROLLBACK_FILE).exists()


def test_when_all_is_revoked_the_first_generation_is_left(world):
    world.revoke("a1")
    with world.open() as repository:
        assert select_parent(repository) == world.tip("main")


def test_a_rollback_file_that_was_spoilt_stops_and_says_how_to_mend_it(world):
    state = world.folder / ".successor"
    state.mkdir(exist_ok=True)
    for content in (b"main\n", b"\xff", b""):
        (state / ROLLBACK_FILE).write_bytes(content)
        with world.open() as repository, pytest.raises(Misuse, match="successor rollback ID writes it anew"):
            select_parent(repository)


def test_a_new_trust_root_counts_from_the_entry_after_it(world):
    alice = [person.model_dump(mode="json") for person in world.root.persons if person.name == "alice"]
    world.change_root(world.next_root(persons=alice), "alice")
    dossier = world.draft("x9", "successor/e5")
    with pytest.raises(ReviewRefused, match="unknown key"):
        world.approve(dossier, "bob")
    world.approve(dossier, "alice")
    report = audited(world)

    assert (report.ok, report.successors) == (True, 4)  # what bob approved before stays approved


def test_a_gates_key_is_replaced_by_the_people_and_the_log_goes_on(world):
    new = MachineKey.generate()
    world.change_root(world.next_root(gate=[new.key.line]), "bob")
    with pytest.raises(Refused, match="gate's key is not in the trust root"):
        world.approve(world.draft("x9", "successor/e5"), "alice")
    world.gate = new
    world.approve(world.draft("y8", "successor/e5"), "alice")
    world.reject(world.draft("z7", "successor/e5"), "alice")

    assert audited(world).ok


def test_a_higher_threshold_of_the_root_is_demanded_of_the_next_change(world):
    world.change_root(world.next_root(thresholds={"approve": 2, "root": 2}), "alice")
    with pytest.raises(SignatureRefused, match="needs 2 signatures of people"):
        world.change_root(world.next_root(thresholds={"approve": 1, "root": 1}), "alice")
    with pytest.raises(SignatureRefused, match="signed twice"):
        world.change_root(world.next_root(), "alice", "alice's other key")
    with pytest.raises(ReviewRefused, match="needs 2 approvals"):
        world.approve(world.draft("x9", "successor/e5"), "alice")
    world.change_root(world.next_root(thresholds={"approve": 1, "root": 1}), "alice", "bob")

    assert audited(world).ok


def test_a_witnessed_checkpoint_comes_with_the_clone(world):
    name = "w.example/1"
    world.witness(cosign(world.checkpoint("gate-log~2"), name, START, WITNESS))
    world.witness(cosign(world.checkpoint(), name, START, WITNESS))
    report = audited(world, witnesses=(Verifier(name, WITNESS.key, COSIGNER_KEY),))

    assert (report.ok, report.entries) == (True, 8)
    assert report.notes == [f"{name} has seen all but the last 1 entries"]


def test_only_a_checkpoint_that_the_log_had_is_recorded(world):
    from dataclasses import replace

    note = world.checkpoint()
    for changed in ({"size": 5}, {"size": 9}, {"size": 0}, {"origin": "another"}, {"root": bytes(32)}):
        with pytest.raises(AuditFailed, match="the checkpoint is"):
            world.witness(replace(note, checkpoint=replace(note.checkpoint, **changed)))


def test_history_is_judged_by_another_law_without_being_changed_by_it(world):
    with world.open() as repository:
        law = {
            path.removeprefix("policies/"): file.content
            for path, file in repository.tree(world.tip("main")).items()
            if path.startswith("policies/")
        }
    law["bundle.yaml"] = law["bundle.yaml"].replace(b"most_lines: 20", b"most_lines: 0")
    report = audited(world, law=tuple(sorted(law.items())))

    assert report.ok
    assert [(entry.candidate, [rule for rule, _ in denials]) for entry, denials in report.judged] == [
        (name, ["size"]) for name in ("a1", "b2", "c3", "d4", "e5")
    ]
    assert audited(world).judged == []
