"""The audit of good histories, in every form in which an auditor may hold one, and what it says of misuse."""

import json

import pytest

from agent.errors import AuditFailed, Misuse
from agent.lineage.audit import audit
from tests.lineage.world import git


def counts(report):
    return report.ok, report.entries, report.successors, report.rejections, report.findings, report.notes


@pytest.mark.parametrize(
    "how", [[], ["--bare"], ["--mirror"], ["--no-hardlinks"], ["--no-checkout"], ["--branch=successor/c3"]], ids=str
)
def test_a_good_history_is_proven_from_any_whole_clone(good_history, tmp_path, how):
    git(tmp_path, "clone", "--quiet", *how, f"file://{good_history.folder}", "clone")

    assert counts(audit(tmp_path / "clone", good_history.root.fingerprint)) == (True, 6, 3, 2, [], [])


def test_the_workspace_itself_is_audited_with_its_branches_packed_or_not(world):
    assert counts(audit(world.folder, world.root.fingerprint)) == (True, 6, 3, 2, [], [])
    git(world.folder, "gc", "--quiet", "--prune=now")
    assert counts(audit(world.folder, world.root.fingerprint)) == (True, 6, 3, 2, [], [])


def test_a_clone_that_is_behind_its_origin_and_then_fetches(world, tmp_path):
    git(tmp_path, "clone", "--quiet", f"file://{world.folder}", "clone")
    git(tmp_path / "clone", "branch", "gate-log", "origin/gate-log")
    world.approve(world.draft("f6", "successor/a1"), "bob")
    assert audit(tmp_path / "clone", world.root.fingerprint).successors == 3
    git(tmp_path / "clone", "fetch", "--quiet")

    assert counts(audit(tmp_path / "clone", world.root.fingerprint)) == (True, 7, 4, 2, [], [])


def test_two_successors_of_one_base_are_both_proven(world):
    world.approve(world.draft("f6", "successor/a1"), "bob")
    world.approve(world.draft("g7", "successor/a1"), "alice")

    assert audit(world.folder, world.root.fingerprint).ok


def test_a_weaker_wall_is_noted_for_successors_and_is_no_fault(world):
    def reduced(evidence):
        return evidence.model_copy(
            update={"sandbox": evidence.sandbox.model_copy(update={"level": "reduced", "backend": "b\x1b[2K"})}
        )

    world.approve(world.draft("f6", "successor/a1", evidence=reduced), "bob")
    world.reject(world.draft("g7", "successor/a1", evidence=reduced), "bob")
    report = audit(world.folder, world.root.fingerprint)

    assert report.ok
    assert report.notes == ["measured in a sandbox of level reduced: f6 (b\\x1b[2K)"]


@pytest.mark.parametrize("root", ["", "sha256:", "sha256:" + "A" * 64, "a" * 64, "sha256:" + "a" * 63])
def test_a_root_that_is_no_fingerprint_is_misuse(world, root):
    with pytest.raises(Misuse, match="not a fingerprint"):
        audit(world.folder, root)


def test_what_is_no_repository_is_misuse(world, tmp_path):
    for place in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(Misuse, match="is not a git repository"):
            audit(place, world.root.fingerprint)


def test_a_linked_work_tree_is_sent_to_its_repository(world, tmp_path):
    git(world.folder, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    with pytest.raises(Misuse, match=r"linked work tree. Audit a clone"):
        audit(tmp_path / "linked", world.root.fingerprint)


def test_another_fingerprint_fails_with_its_reason_first(world):
    report = audit(world.folder, "sha256:" + "0" * 64)

    assert [finding.slug for finding in report.findings] == ["log-entry"]
    with pytest.raises(AuditFailed, match="the trust root is not the one you gave"):
        report.demand()


def test_all_reasons_are_given_not_only_the_first(world):
    git(world.folder, "update-ref", "-d", "refs/heads/successor/c3")
    git(world.folder, "update-ref", "refs/heads/successor/a1", world.tip("main"))
    report = audit(world.folder, world.root.fingerprint)

    assert [finding.slug for finding in report.findings] == ["outside", "missing-branch"]
    with pytest.raises(AuditFailed, match=r"the audit failed \(and 1 more\)"):
        report.demand()


def test_the_report_is_plain_data(world):
    good = audit(world.folder, world.root.fingerprint)
    good.demand()
    git(world.folder, "update-ref", "-d", "refs/heads/successor/c3")
    bad = json.loads(json.dumps(audit(world.folder, world.root.fingerprint).as_dict()))

    assert good.as_dict()["ok"] is True
    assert bad["findings"][0]["slug"] == "missing-branch"
    assert bad["findings"][0]["reason"] == "the branch successor/c3 that the gate log records is not here"
