"""Attacks on branches, commits and gate log, by someone without keys and by someone who stole the gate's."""

import pytest

from agent.edits.tree import File
from agent.gate.signature import armor
from agent.gate.signer import MachineKey
from agent.gate.trust import Person, PersonKey, new_root
from agent.lineage.audit import audit
from agent.lineage.gate_log import append, entry_files, folder, read_entry
from agent.lineage.objects import NewObjects, gate_commit, parse_commit
from agent.lineage.succession import begin_log, read_log
from tests.lineage.world import START, World, generation_zero, git

LOG = "refs/heads/gate-log"


def refusal(world, place=None):
    report = audit(place or world.folder, world.root.fingerprint)
    assert not report.ok
    return "\n".join(f"[{finding.slug}] {finding}" for finding in report.findings)


def store(world, body, kind="commit"):
    return git(world.folder, "hash-object", "-t", kind, "-w", "--literally", "--stdin", stdin=body)


def raw(world, revision):
    with world.open() as repository:
        return repository.read(repository.resolve(revision), "commit")


def point(world, branch, commit):
    git(world.folder, "update-ref", f"refs/heads/{branch}", commit)


# Branches


def test_a_commit_added_on_top_of_a_successor(world):
    evil = git(world.folder, "commit-tree", "successor/e5^{tree}", "-p", "successor/e5", "-m", "evil")
    point(world, "successor/e5", evil)

    assert "successor/e5 is not the successor that the gate log records by that name" in refusal(world)


def test_a_commit_added_to_main(world):
    point(world, "main", git(world.folder, "commit-tree", "main^{tree}", "-p", "main", "-m", "evil"))

    assert "main holds a commit that the gate log does not record" in refusal(world)


def test_a_branch_that_claims_to_be_a_successor(world):
    point(world, "successor/x9", git(world.folder, "commit-tree", "main^{tree}", "-p", "main", "-m", "evil"))

    assert "successor/x9 is not the successor" in refusal(world)


def test_a_successor_branch_pointed_at_another_successor(world):
    point(world, "successor/a1", world.tip("successor/c3"))

    assert "successor/a1 is not the successor that the gate log records by that name" in refusal(world)


def test_a_successor_branch_deleted(world):
    git(world.folder, "update-ref", "-d", "refs/heads/successor/c3")

    assert "[missing-branch]" in refusal(world)


def test_a_clone_that_checks_out_something_else(world, tmp_path):
    point(world, "nicer", git(world.folder, "commit-tree", "main^{tree}", "-m", "evil"))
    git(world.folder, "symbolic-ref", "HEAD", "refs/heads/nicer")
    git(tmp_path, "clone", "--quiet", str(world.folder), "clone")

    assert "[head]" in refusal(world, tmp_path / "clone")


def test_a_branch_of_a_person_is_named_as_outside_the_record_and_is_no_fault(world):
    point(world, "idea", git(world.folder, "commit-tree", "main^{tree}", "-p", "main", "-m", "idea"))

    report = audit(world.folder, world.root.fingerprint)

    assert report.ok
    assert report.notes == ["not part of the record, and not checked: idea"]


# The gate log


def test_the_log_removed(world):
    git(world.folder, "update-ref", "-d", LOG)

    assert "[no-log]" in refusal(world)


def test_the_log_rewound_below_its_successors(world):
    point(world, "gate-log", git(world.folder, "rev-parse", "gate-log~2"))

    assert "successor/e5 is not the successor" in refusal(world)


def test_the_log_forked_between_two_places(world, tmp_path):
    """The clone was shown one log, and later another one that does not continue it."""
    git(tmp_path, "clone", "--quiet", str(world.folder), "clone")
    world.approve(world.draft("f6"), "alice")
    git(tmp_path / "clone", "branch", "gate-log", "origin/gate-log~1")
    other = World(tmp_path / "clone", world.gate, world.evaluator, world.people, world.root, world.clock + 7)
    for name in ("a1", "c3", "e5"):
        git(other.folder, "branch", f"successor/{name}", f"origin/successor/{name}")
    git(other.folder, "update-ref", "-d", "refs/remotes/origin/successor/e5")
    git(other.folder, "update-ref", "-d", "refs/heads/successor/e5")
    other.approve(other.draft("g7"), "alice")

    assert "[log-forked]" in refusal(world, tmp_path / "clone")


def test_a_merge_in_the_log(world):
    tip = raw(world, "gate-log")
    parent = git(world.folder, "rev-parse", "gate-log~3")
    point(world, "gate-log", store(world, tip.replace(b"\nauthor", f"\nparent {parent}\nauthor".encode(), 1)))

    assert "is a merge" in refusal(world)


def test_a_log_commit_without_a_signature(world):
    payload = parse_commit(raw(world, "gate-log")).payload
    point(world, "gate-log", store(world, payload))

    assert "the commit is not signed" in refusal(world)


def test_a_log_commit_signed_by_a_reviewer(world):
    commit = parse_commit(raw(world, "gate-log"))
    body = gate_commit(commit.tree, commit.parents[0], world.clock, commit.message, world.people["alice"])
    point(world, "gate-log", store(world, body))

    assert "the commit is not signed by the gate" in refusal(world)


def test_the_message_of_a_log_commit_changed(world):
    commit = parse_commit(raw(world, "gate-log"))
    body = gate_commit(commit.tree, commit.parents[0], world.clock, "successor zz\n", world.gate)
    point(world, "gate-log", store(world, body))

    assert "does not say what its entry says" in refusal(world)


def rewrite_tip(world, change):
    """Replace the tip of the log by one whose entry folder was changed, signed with the stolen gate key."""
    with world.open() as repository:
        commit = repository.commit(repository.resolve("gate-log"))
        parent = repository.commit(commit.parents[0])
        from agent.lineage.gate_log import append, last_index, read_entry

        entry, bundle = read_entry(repository.read, commit.tree, last_index(repository.read, commit.tree))
        entry, bundle = change(entry, bundle)
        objects = NewObjects()
        tip = append(
            objects, repository.read, (commit.parents[0], parent.tree), entry=entry, bundle=bundle, gate=world.gate
        )
        repository.write(objects)
    point(world, "gate-log", tip)


def test_evidence_beside_an_entry_stripped(world):
    rewrite_tip(world, lambda entry, bundle: (entry, bundle.without("evidence.json")))

    assert "is not the evidence that it names" in refusal(world)


def test_evidence_stripped_and_the_entry_adapted(world):
    def strip(entry, bundle):
        bundle = bundle.without("evidence.json")
        return entry.model_copy(update={"bundle": bundle.digest}), bundle

    rewrite_tip(world, strip)

    assert "the dossier is not complete: missing or unexpected: 'evidence.json'" in refusal(world)


def test_evidence_made_executable_and_the_entry_adapted(world):
    def mark(entry, bundle):
        bundle = bundle.with_file("diff", File(bundle["diff"].content, executable=True))
        return entry.model_copy(update={"bundle": bundle.digest}), bundle

    rewrite_tip(world, mark)

    assert "a file in it is executable" in refusal(world)


def test_evidence_swapped_for_that_of_another_candidate(world):
    other = world.draft("z9").bundle(tuple(world.sign(world.dossiers["z9"], "alice")))
    rewrite_tip(world, lambda entry, _: (entry.model_copy(update={"bundle": other.digest}), other))

    assert "the evidence is of another candidate" in refusal(world)


def test_the_chain_of_entries_broken(world):
    rewrite_tip(world, lambda entry, bundle: (entry.model_copy(update={"previous": "sha256:" + "0" * 64}), bundle))

    assert "the chain is broken" in refusal(world)


def test_an_entry_from_before_the_one_before_it(world):
    rewrite_tip(world, lambda entry, bundle: (entry.model_copy(update={"time": START}), bundle))

    assert "older than the entry before it" in refusal(world)


def test_an_entry_that_says_it_is_another(world):
    world.force(world.draft("x9"), [], entry=lambda entry: entry)
    rewrite_folder = (*folder(6),)
    assert rewrite_folder == ("entries", "00", "00", "06")
    with world.open() as repository:
        from agent.lineage.gate_log import graft, lookup, split_files
        from agent.lineage.objects import read_tree

        commit = repository.commit(repository.resolve("gate-log"))
        parent = repository.commit(commit.parents[0])
        found = lookup(repository.read, commit.tree, folder(6))
        entry, bundle = split_files(read_tree(repository.read, found))
        objects = NewObjects()
        wrong = entry.model_copy(update={"index": 5})
        tree = graft(objects, repository.read, parent.tree, folder(6), objects.add_tree(entry_files(wrong, bundle)))
        tip = objects.add("commit", gate_commit(tree, commit.parents[0], entry.time, wrong.message, world.gate))
        repository.write(objects)
    point(world, "gate-log", tip)

    assert "entry 6 of the gate log says that it is entry 5" in refusal(world)


def test_something_else_smuggled_into_the_log(world):
    with world.open() as repository:
        commit = repository.commit(repository.resolve("gate-log"))
        tree = repository.tree(repository.resolve("gate-log")).with_file("extra", File(b"x"))
        objects = NewObjects()
        seconds = int(commit.committer.split()[-2])
        body = gate_commit(objects.add_tree(tree), commit.parents[0], seconds, commit.message, world.gate)
        tip = objects.add("commit", body)
        repository.write(objects)
    point(world, "gate-log", tip)

    assert "changes more of the gate log than its own entry" in refusal(world)


def test_an_early_entry_rewritten_in_the_last_commit(world):
    with world.open() as repository:
        commit = repository.commit(repository.resolve("gate-log"))
        files = repository.tree(repository.resolve("gate-log"))
        path = "entries/00/00/01/bundle"
        objects = NewObjects()
        seconds = int(commit.committer.split()[-2])
        spoilt = files.with_file(path, File(files[path].content.replace(b'"allowed":true', b'"allowed":null', 1)))
        body = gate_commit(objects.add_tree(spoilt), commit.parents[0], seconds, commit.message, world.gate)
        tip = objects.add("commit", body)
        repository.write(objects)
    point(world, "gate-log", tip)

    found = refusal(world)
    assert "gate-log entry 1: the evidence beside the log entry" in found
    assert "gate-log entry 5: the commit changes more" in found


def test_a_commit_of_the_log_without_an_entry(world):
    commit = parse_commit(raw(world, "gate-log"))
    tip = git(world.folder, "rev-parse", "gate-log")
    point(world, "gate-log", store(world, gate_commit(commit.tree, tip, world.clock, commit.message, world.gate)))

    assert "the gate log holds 6 entries in 7 commits" in refusal(world)


def test_another_trust_root_put_in_the_place_of_the_first(world, tmp_path):
    """Mallory makes a whole history of her own, with her own root. Only the fingerprint tells."""
    own = World.create(tmp_path / "own")

    report = audit(own.folder, world.root.fingerprint)

    assert "the trust root is not the one you gave" in str(report.findings[0])
    assert len(report.findings) == 1


def test_the_gate_key_not_of_the_root(world, tmp_path):
    """The honest root, but the log is signed by someone else."""
    from agent.lineage.repository import Repository

    thief = MachineKey.generate()
    fake = new_root(world.root.persons, gate=thief.key, evaluator=world.evaluator.key)
    own = World.create(tmp_path / "own")
    git(own.folder, "update-ref", "-d", LOG)
    with Repository.open(own.folder) as repository:
        begin_log(repository, fake, thief, START)

    assert not audit(own.folder, world.root.fingerprint).ok


def test_one_candidate_decided_twice(world):
    dossier = world.draft("a1", "successor/e5")
    world.force(dossier, world.sign(dossier, "alice"))

    assert "the gate log decides on it twice" in refusal(world)


def test_a_rejected_candidate_slipped_in_later(world):
    dossier = world.draft("b2", "successor/e5")
    world.force(dossier, world.sign(dossier, "alice"))

    assert "the gate log decides on it twice" in refusal(world)


# Successor commits, recorded by a thief of the gate's key


def signed(world, name="x9", **options):
    dossier = world.draft(name, "successor/e5")
    return world.force(dossier, world.sign(dossier, "alice"), **options)


def test_the_thief_alone_can_record_what_people_approved(world):
    """The tool of the attacks below records a good successor; so it is the attack that they are refused for."""
    signed(world)

    assert audit(world.folder, world.root.fingerprint).ok


def test_a_successor_without_a_signature(world):
    signed(world, commit=lambda body: parse_commit(body).payload)

    assert "the commit is not signed" in refusal(world)


def test_a_successor_with_two_signatures(world):
    def double(body):
        head, _, message = body.partition(b"\n\n")
        start = head.index(b"gpgsig")
        return head + b"\n" + head[start:] + b"\n\n" + message

    signed(world, commit=double)

    assert "the commit has 2 signatures" in refusal(world)


def test_a_successor_signed_by_its_reviewer(world):
    signed(world, signer=world.people["alice"])

    assert "the commit is not signed by the gate" in refusal(world)


def test_a_successor_signed_in_the_namespace_of_reviews(world):
    def resign(body):
        payload = parse_commit(body).payload
        blob = world.gate.sign("successor-review-v1@successor", payload)
        head, _, message = payload.partition(b"\n\n")
        return head + b"\ngpgsig " + armor(blob).replace("\n", "\n ").encode() + b"\n\n" + message

    signed(world, commit=resign)

    assert "signed for another purpose" in refusal(world)


def test_a_signature_over_other_bytes(world):
    signed(world, commit=lambda body: body.replace(b"Successor x9", b"Successor x8"))

    assert "the signature is wrong" in refusal(world)


def test_an_extra_header_in_a_successor(world):
    def add(body):
        payload = parse_commit(body).payload.replace(b"\n\n", b"\nencoding latin-1\n\n", 1)
        head, _, message = payload.partition(b"\n\n")
        signature = armor(world.gate.sign("git", payload)).replace("\n", "\n ").encode()
        return head + b"\ngpgsig " + signature + b"\n\n" + message

    signed(world, commit=add)

    assert "other headers than the gate writes" in refusal(world)


def test_a_backdated_successor(world):
    def backdate(body):
        commit = parse_commit(body)
        return gate_commit(commit.tree, commit.parents[0], START, commit.message, world.gate)

    signed(world, commit=backdate)

    assert "another author or date" in refusal(world)


def test_a_successor_with_another_parent(world):
    def move(body):
        commit = parse_commit(body)
        return gate_commit(commit.tree, world.tip("main"), world.clock, commit.message, world.gate)

    signed(world, commit=move)

    assert "does not descend from the base that was reviewed" in refusal(world)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m + "Gate-Evidence: sha256:" + "0" * 64 + "\n", "2 Gate-Evidence trailers"),
        (lambda m: m.replace("\n\n", "\n\ngate-evidence : sha256:0\n\n", 1), "2 Gate-Evidence trailers"),
        (lambda m: "\n".join(li for li in m.split("\n") if "Evidence" not in li), "0 Gate-Evidence trailers"),
        (lambda m: m.replace("Evidence: sha256:", "Evidence: sha256:0"), "names other evidence"),
        (lambda m: m.replace("Reviewed-by: alice", "Reviewed-by: alice\nReviewed-by: bob"), "trailers are not those"),
        (lambda m: m.replace("Reviewed-by: alice\n", ""), "trailers are not those"),
        (lambda m: m.replace("Gate-Entry: 6", "Gate-Entry: 1"), "trailers are not those"),
        (lambda m: m.replace("Successor-Id: x9", "Successor-Id: a1"), "trailers are not those"),
        (lambda m: m + "\nSigned-off-by: mallory\n", "not of the gate's form"),
        (lambda m: m.replace("\n\n", "\n\nand a hidden text\n\n", 1), "not of the gate's form"),
    ],
)
def test_trailers_doubled_stripped_or_changed(world, change, reason):
    signed(world, message=change)

    assert reason in refusal(world)


def test_other_files_than_were_approved(world):
    with world.open() as repository:
        evil = repository.tree(world.tip("successor/e5")).with_file("scaffold/evil.py", File(b"import os\n"))
    signed(world, tree=evil)

    assert "the stored diff is not the diff of base and result" in refusal(world)


def test_a_file_made_executable_after_the_approval(world):
    with world.open() as repository:
        tree = repository.tree(world.tip("successor/e5"))
    path = "scaffold/search.py"
    content = tree[path].content + b"# x9\n"
    signed(world, tree=tree.with_file(path, File(content, executable=True)))

    assert "the stored diff is not the diff" in refusal(world)


def test_a_file_replaced_by_a_symbolic_link(world):
    blob = store(world, b"/etc/passwd", "blob")
    scaffold = git(world.folder, "ls-tree", "successor/e5:scaffold") + f"\n120000 blob {blob}\tlink.py\n"
    inner = git(world.folder, "mktree", stdin=scaffold.encode())
    listing = git(world.folder, "ls-tree", "successor/e5").splitlines()
    listing = [line for line in listing if not line.endswith("\tscaffold")] + [f"040000 tree {inner}\tscaffold"]
    tree = git(world.folder, "mktree", stdin=("\n".join(listing) + "\n").encode())
    signed(world, tree_id=tree)

    assert "scaffold/link.py" in refusal(world)
    assert "symbolic link" in refusal(world)


def test_the_manifest_in_the_log_is_of_other_files(world):
    other = generation_zero().digest
    signed(world, entry=lambda entry: entry.model_copy(update={"tree": other}))

    assert "does not hold the files that the gate log names" in refusal(world)


def test_a_base_that_nobody_approved(world):
    evil = git(world.folder, "commit-tree", "successor/e5^{tree}", "-p", "successor/e5", "-m", "evil")
    point(world, "stray", evil)
    dossier = world.draft("x9", "stray")
    world.force(dossier, world.sign(dossier, "alice"))

    assert "its base is not a commit that the gate log recorded before" in refusal(world)


def test_the_first_generation_of_other_files_than_the_log_names(world, tmp_path):
    """Whoever makes two trees with one SHA-1 still cannot make them with one SHA-256."""
    own = World.create(tmp_path / "own")
    with own.open() as repository:
        log = read_log(repository)
        entry, bundle = read_entry(repository.read, log.tree, 0)
        objects = NewObjects()
        wrong = entry.model_copy(update={"tree": "sha256:" + "0" * 64})
        tip = append(objects, repository.read, None, entry=wrong, bundle=bundle, gate=own.gate)
        repository.write(objects)
    point(own, "gate-log", tip)

    assert "the first generation does not hold the files that the gate log names" in refusal(own)


def test_something_else_beside_the_trust_root(world, tmp_path):
    own = World.create(tmp_path / "own")
    with own.open() as repository:
        entry, bundle = read_entry(repository.read, read_log(repository).tree, 0)
        objects = NewObjects()
        more = bundle.with_file("more.json", File(b"{}"))
        wrong = entry.model_copy(update={"bundle": more.digest})
        tip = append(objects, repository.read, None, entry=wrong, bundle=more, gate=own.gate)
        repository.write(objects)
    point(own, "gate-log", tip)

    assert "the gate log does not begin with a trust root" in refusal(own)


def test_a_log_without_end(world, monkeypatch):
    monkeypatch.setattr("agent.lineage.audit.MAX_ENTRIES", 5)

    assert "the gate log is too long" in refusal(world)


def test_a_base_whose_own_settings_cannot_be_read(world):
    """Without settings nobody knows how many people had to sign, so nobody may say that enough did."""
    broken = world.draft("x9", "successor/e5", lambda tree: tree.with_file("successor.toml", File(b"approvals = [")))
    world.approve(broken, "alice", "bob")  # settings are kept: two people
    dossier = world.draft("y9", "successor/x9")
    world.force(dossier, world.sign(dossier, "alice"))

    assert "successor.toml is not valid TOML" in refusal(world)


def test_a_demonstration_key_is_named(tmp_path):
    demo = World.create(tmp_path / "demo", demo=True)

    report = audit(demo.folder, demo.root.fingerprint)

    assert report.ok
    assert report.notes == ["bob signs with a demonstration key: its signatures prove nothing about a person"]


def test_a_root_where_one_key_speaks_for_two_people(world):
    from agent.errors import SignatureRefused

    key = PersonKey(key=world.people["bob"].key.line)
    twice = (Person(name="bob", keys=(key,)), Person(name="eve", keys=(key,)))
    with pytest.raises(SignatureRefused, match="a key appears twice"):
        new_root(twice, gate=world.gate.key, evaluator=world.evaluator.key)
