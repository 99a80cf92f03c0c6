"""A successor and its record move together or not at all, and everything is checked again on the way."""

import json
from dataclasses import replace

import pytest

from agent.digest import canonical_json
from agent.edits.tree import File, Tree
from agent.errors import AuditFailed, GitFailed, Misuse, Refused, ReviewRefused, SignatureRefused
from agent.gate.dossier import Dossier
from agent.gate.review import Decision, sign_review
from agent.gate.signer import MachineKey
from agent.lineage.audit import audit
from agent.lineage.gate_log import append, read_entry
from agent.lineage.objects import NewObjects, gate_commit
from agent.lineage.repository import Repository
from agent.lineage.succession import begin_log, commit_successor, mend, read_log, record_rejection
from agent.lineage.trailers import Trailers, check_message, entry_index, write_message
from tests.lineage.world import START, WEEK, World, generation_zero, git, longer


def refs(world):
    return git(world.folder, "for-each-ref")


def commit(world, dossier, reviews, **options):
    with world.open() as repository:
        settings = {"gate": world.gate, "now": world.clock + 60, **options}
        return commit_successor(repository, dossier, reviews, **settings)


def refused(world, dossier, reviews, reason, error=Refused, **options):
    before = refs(world)
    with pytest.raises(error, match=reason):
        commit(world, dossier, reviews, **options)
    assert refs(world) == before
    assert audit(world.folder, world.root.fingerprint).ok


@pytest.fixture
def dossier(world):
    return world.draft("x9", "successor/e5")


def test_a_successor_is_the_reviewed_tree_on_the_reviewed_base(world, dossier):
    done = commit(world, dossier, world.sign(dossier, "alice"), title="rank better")
    with world.open() as repository:
        written = repository.commit(done.commit)
        entry, bundle = read_entry(repository.read, repository.commit(done.log_commit).tree, done.index)

    assert (written.tree, written.parents) == (dossier.request.tree, (dossier.request.base_commit,))
    assert world.tip(done.branch) == done.commit == entry.commit
    assert world.tip("gate-log") == done.log_commit
    assert written.message.startswith("Successor x9: rank better\n\nSuccessor-Id: x9\nGate-Entry: 6\n")
    assert f"Gate-Evidence: {bundle.digest}\n" in written.message
    assert written.message.endswith("Reviewed-by: alice\n")
    assert Dossier.from_bundle(bundle)[0].files == dossier.files


def test_git_reads_the_trailers(world):
    keys = git(world.folder, "log", "-1", "--format=%(trailers:keyonly)", "successor/c3").split()

    assert keys == ["Successor-Id", "Gate-Entry", "Gate-Evidence", "Policy", "Reviewed-by", "Reviewed-by"]


def test_nothing_is_committed_without_a_review(world, dossier):
    refused(world, dossier, [], "nobody has signed a review", ReviewRefused)


def test_nothing_is_committed_on_an_unsigned_review(world, dossier):
    unsigned = {**json.loads(world.sign(dossier, "alice")[0]), "signatures": []}
    refused(world, dossier, [canonical_json(unsigned)], "the statement is not signed", ReviewRefused)


def test_nothing_is_committed_on_an_unknown_key(world, dossier):
    refused(world, dossier, world.sign(dossier, "alice", key=MachineKey.generate()), "unknown key", ReviewRefused)


def test_nothing_is_committed_on_a_review_of_another_candidate(world, dossier):
    other = world.draft("y8", "successor/e5")
    refused(world, dossier, world.sign(other, "alice"), "a review of another candidate", ReviewRefused)


def test_nothing_is_committed_when_the_diff_was_altered_after_signing(world, dossier):
    altered = Dossier({**dossier.files, "diff": dossier.files["diff"].replace(b"x9", b"x8")})
    refused(world, altered, world.sign(dossier, "alice"), "the diff was altered after it was signed", ReviewRefused)


@pytest.mark.parametrize("name", ["evidence.json", "facts.json", "verdict.json"])
def test_nothing_is_committed_when_evidence_facts_or_verdict_were_altered(world, dossier, name):
    altered = Dossier({**dossier.files, name: dossier.files[name].replace(b"1", b"2", 1)})
    refused(world, altered, world.sign(dossier, "alice"), f"the {name[:-5]} was altered after it was signed")


def test_nothing_is_committed_when_everything_was_made_again_for_another_diff(world, dossier):
    """A program with the keys of gate and evaluator, and a review of the honest candidate."""
    reviews = world.sign(dossier, "alice")
    forged = world.draft("x9", "successor/e5", lambda tree: tree.with_file("scaffold/evil.py", File(b"import os\n")))
    refused(world, forged, reviews, "the diff was altered after it was signed", ReviewRefused)


def test_nothing_is_committed_after_the_review_expired(world, dossier):
    refused(world, dossier, world.sign(dossier, "alice"), "expired", ReviewRefused, now=START + WEEK)


def test_nothing_is_committed_that_the_policy_denies(world):
    dossier = world.draft("x9", "successor/e5", longer)
    refused(world, dossier, world.sign(dossier, "alice"), "the verdict does not allow it", ReviewRefused)


def test_nothing_is_committed_for_its_own_proposer(world):
    dossier = world.draft("x9", "successor/e5", proposer="bob")
    refused(world, dossier, world.sign(dossier, "bob"), "who proposes a candidate never approves", ReviewRefused)


def test_nothing_is_committed_when_an_evaluation_is_of_the_wrong_key(world):
    dossier = world.draft("x9", "successor/e5", evaluator=MachineKey.generate())
    refused(world, dossier, world.sign(dossier, "alice"), "a key of another role", SignatureRefused)


def test_nothing_is_committed_by_another_gate(world, dossier):
    reviews = world.sign(dossier, "alice")
    refused(world, dossier, reviews, "gate's key is not in the trust root", gate=MachineKey.generate())


def test_nothing_is_committed_on_a_base_that_the_log_does_not_record(world):
    stray = git(world.folder, "commit-tree", "main^{tree}", "-p", "main", "-m", "stray\n\nGate-Entry: 3")
    git(world.folder, "branch", "stray", stray)
    dossier = world.draft("x9", "stray")
    refused(world, dossier, world.sign(dossier, "alice"), "the gate log does not record it")


def test_nothing_is_committed_twice(world, dossier):
    commit(world, dossier, world.sign(dossier, "alice"))
    refused(world, dossier, world.sign(dossier, "alice"), "is decided already")


def test_a_rejected_candidate_is_not_decided_again(world, dossier):
    world.reject(dossier, "bob")
    refused(world, dossier, world.sign(dossier, "alice"), "is decided already")
    with world.open() as repository, pytest.raises(Refused, match="is decided already"):
        record_rejection(repository, dossier, gate=world.gate, now=world.clock, by="bob", reason="again")


def test_a_new_workspace_overwrites_no_file(tmp_path, world):
    from agent.lineage.succession import create_workspace

    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "successor.toml").write_text("precious")
    with pytest.raises(Misuse, match="is there already"):
        create_workspace(tmp_path / "old", generation_zero(), world.root, world.gate, START)
    with pytest.raises(Refused, match="not in the trust root"):
        create_workspace(tmp_path / "new", generation_zero(), world.root, MachineKey.generate(), START)

    assert (tmp_path / "old" / "successor.toml").read_text() == "precious"
    assert not (tmp_path / "old" / ".git").exists()
    assert not (tmp_path / "new").exists()


def test_no_review_is_asked_for_under_an_odd_name(world):
    for candidate, proposer in (("A", "codemod"), ("a/b", "codemod"), ("x9", "code\nmod"), ("x9", "")):
        with pytest.raises(Refused, match="no request for review can be made"):
            world.draft(candidate, proposer=proposer)


def test_a_title_that_could_be_read_as_a_trailer_is_refused(world, dossier):
    for title in ("a\nGate-Evidence: sha256:0", "x" * 73, "\x1b[2K", "é"):
        refused(world, dossier, world.sign(dossier, "alice"), "title of a commit", Misuse, title=title)


def test_two_processes_deciding_at_once_do_not_both_win(world, dossier, monkeypatch):
    """Between our reading of the log and our moving of it, another process moves it."""
    other = world.draft("y8", "successor/e5")
    genuine = Repository.write

    def slow(self, objects):
        genuine(self, objects)
        monkeypatch.undo()
        world.approve(other, "bob")

    monkeypatch.setattr(Repository, "write", slow)
    with pytest.raises(GitFailed, match="cannot lock ref 'refs/heads/gate-log'"):
        commit(world, dossier, world.sign(dossier, "alice"))

    assert "successor/x9" not in refs(world)
    assert "successor/y8" in refs(world)
    assert audit(world.folder, world.root.fingerprint).ok


@pytest.mark.parametrize("step", ["write", "move"])
def test_a_full_disk_or_a_kill_commits_nothing(world, dossier, monkeypatch, step):
    def fail(*_):
        raise GitFailed("git unpack-objects failed", why="No space left on device")

    monkeypatch.setattr(Repository, step, fail)
    refused(world, dossier, world.sign(dossier, "alice"), "No space left", GitFailed)


def test_a_repository_that_cannot_be_written_loses_nothing(world, dossier):
    """As root a read-only folder stops nobody, so a file stands where git wants to make one."""
    lock = world.folder / ".git" / "refs" / "heads" / "gate-log.lock"
    lock.write_text("")
    refused(world, dossier, world.sign(dossier, "alice"), "update-ref failed", GitFailed)
    lock.unlink()
    assert commit(world, dossier, world.sign(dossier, "alice")).commit


def test_a_kill_between_the_two_refs_is_mended_by_the_next_decision(world, dossier):
    """Git moves the refs of a transaction one after the other; the gate log comes first."""
    done = commit(world, dossier, world.sign(dossier, "alice"))
    git(world.folder, "update-ref", "-d", f"refs/heads/{done.branch}")
    assert not audit(world.folder, world.root.fingerprint).ok
    with world.open() as repository:
        mend(repository)

    assert world.tip(done.branch) == done.commit
    assert audit(world.folder, world.root.fingerprint).ok


def test_a_rejection_is_kept_with_its_evidence_and_moves_nothing_else(world, dossier):
    before = refs(world).splitlines()
    world.reject(dossier, "bob", by="bob")
    with world.open() as repository:
        log = read_log(repository)
        _, bundle = read_entry(repository.read, log.tree, log.last.index)

    assert [line for line in refs(world).splitlines() if "gate-log" not in line] == [
        b for b in before if "gate-log" not in b
    ]
    assert (log.last.kind, log.last.by, log.last.reason, log.last.commit) == ("rejected", ("bob",), "no", None)
    assert Dossier.from_bundle(bundle)[0].files == dossier.files
    assert audit(world.folder, world.root.fingerprint).rejections == 3


def test_a_rejection_needs_no_signature_but_a_false_one_is_refused(world, dossier):
    wrong = world.sign(world.draft("y8", "successor/e5"), "bob", decision=Decision.REJECT)
    with world.open() as repository, pytest.raises(ReviewRefused, match="another candidate"):
        record_rejection(repository, dossier, gate=world.gate, now=START, by="bob", reason="", reviews=wrong)
    world.reject(dossier, by="whoever")
    assert audit(world.folder, world.root.fingerprint).ok


def test_a_successor_cannot_be_rejected_afterwards(world):
    with world.open() as repository, pytest.raises(Refused, match="is decided already"):
        record_rejection(
            repository, world.dossiers["e5"], gate=world.gate, now=world.clock, by="bob", reason="changed my mind"
        )


def test_the_clock_of_the_log_never_goes_back(world, dossier):
    commit(world, dossier, world.sign(dossier, "alice"), now=START)
    with world.open() as repository:
        assert read_log(repository).last.time == world.clock
    assert audit(world.folder, world.root.fingerprint).ok


def test_the_quorum_of_the_base_counts(tmp_path):
    world = World.create(tmp_path / "strict", approvals=2)
    dossier = world.draft("x9")
    refused(world, dossier, world.sign(dossier, "alice"), "needs 2 approvals: 1 given", ReviewRefused)
    assert commit(world, dossier, world.sign(dossier, "alice", "bob")).commit


def test_a_forged_log_is_not_continued(world, dossier):
    evil = git(world.folder, "commit-tree", "gate-log^{tree}", "-p", "gate-log", "-m", "evil")
    git(world.folder, "update-ref", "refs/heads/gate-log", evil)
    with pytest.raises(SignatureRefused, match="not signed"):
        commit(world, dossier, world.sign(dossier, "alice"))


def test_a_log_whose_tip_tells_something_else_is_not_continued(world, dossier):
    with world.open() as repository:
        tip = repository.commit(world.tip("gate-log"))
        objects = NewObjects()
        body = gate_commit(tip.tree, tip.parents[0], world.clock, "successor zz\n", world.gate)
        forged = objects.add("commit", body)
        repository.write(objects)
    git(world.folder, "update-ref", "refs/heads/gate-log", forged)
    with pytest.raises(AuditFailed, match="does not record its last entry"):
        commit(world, dossier, world.sign(dossier, "alice"))


def test_a_log_that_begins_without_a_trust_root_is_not_continued(world, dossier):
    with world.open() as repository:
        entry, _ = read_entry(repository.read, read_log(repository).tree, 0)
        objects, other = NewObjects(), Tree({"note": File(b"no root")})
        bare = entry.model_copy(update={"bundle": other.digest})
        forged = append(objects, repository.read, None, entry=bare, bundle=other, gate=world.gate)
        repository.write(objects)
    git(world.folder, "update-ref", "refs/heads/gate-log", forged)
    with pytest.raises(AuditFailed, match="does not begin with a trust root"):
        commit(world, dossier, world.sign(dossier, "alice"))


def test_a_rejection_by_an_impossible_name_is_not_recorded(world, dossier):
    before = refs(world)
    for by, reason in (("a\nb", "no"), ("", "no"), ("bob", "x" * 2001)):
        with world.open() as repository, pytest.raises(Misuse, match="cannot be recorded"):
            record_rejection(repository, dossier, gate=world.gate, now=world.clock, by=by, reason=reason)
    assert refs(world) == before


def test_a_repository_without_a_log_says_so(tmp_path):
    git(tmp_path, "init", "--quiet", "plain")
    git(tmp_path / "plain", "commit", "--quiet", "--allow-empty", "-m", "x")
    with Repository.open(tmp_path / "plain") as repository, pytest.raises(Misuse, match="has no gate log"):
        read_log(repository)


def test_an_existing_repository_is_adopted_at_its_head(tmp_path, world):
    folder = tmp_path / "adopted"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "adopted")
    for path, file in generation_zero().items():
        (folder / path).parent.mkdir(exist_ok=True, parents=True)
        (folder / path).write_bytes(file.content)
    git(folder, "commit", "--quiet", "--allow-empty", "-m", "old times")
    git(folder, "add", "-A")
    git(folder, "commit", "--quiet", "-m", "my agent")
    with Repository.open(folder) as repository:
        begin_log(repository, world.root, world.gate, START)
        with pytest.raises(Misuse, match="gate log already"):
            begin_log(repository, world.root, world.gate, START)
    adopted = replace(world, folder=folder)
    adopted.approve(adopted.draft("x9"), "alice")
    report = audit(folder, world.root.fingerprint)

    assert report.ok
    assert "is not vouched for" in report.notes[0]


def test_a_person_signs_with_their_own_key_through_ssh_keygen(tmp_path):
    """The whole way with real keys: ssh-keygen makes the key and the signature, git and the audit accept the result."""
    import subprocess

    from agent.gate.signer import SshKeygen
    from agent.gate.trust import Person, PersonKey, new_root
    from agent.lineage.succession import create_workspace

    key = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signer, gate, evaluator = SshKeygen(key), MachineKey.generate(), MachineKey.generate()
    root = new_root(
        (Person(name="ada", keys=(PersonKey(key=signer.key.line),)),), gate=gate.key, evaluator=evaluator.key
    )
    create_workspace(tmp_path / "w", generation_zero(), root, gate, START).close()
    world = World(tmp_path / "w", gate, evaluator, {}, root)
    dossier = world.draft("x9")
    envelope = sign_review(dossier.request, Decision.APPROVE, "looks right", "ada", signer)

    assert commit(world, dossier, [envelope]).branch == "successor/x9"
    assert audit(tmp_path / "w", root.fingerprint).ok


TRAILERS = Trailers("x9", 3, "sha256:" + "a" * 64, "sha256:" + "b" * 64, 2, ("alice", "bob"))


def test_a_message_is_accepted_as_written():
    for title in ("", "rank: better"):
        check_message(write_message(TRAILERS, title), TRAILERS)
    assert entry_index(write_message(TRAILERS)) == 3
    assert entry_index("x\n\nGate-Entry: 3\nGate-Entry: 4\n") is None
