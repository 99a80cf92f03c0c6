"""Attacks with git itself: whatever makes git show another history than its objects hold, or run something."""

import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from agent.errors import Misuse, UnsafeTree
from agent.lineage.audit import audit
from agent.lineage.objects import object_id
from tests.lineage.world import git

ROOT = Path(__file__).parents[2]


def refusal(world, folder=None):
    """Everything that the audit found wrong, as one text."""
    report = audit(folder or world.folder, world.root.fingerprint)
    assert not report.ok
    return "\n".join(f"[{finding.slug}] {finding}" for finding in report.findings)


def loose_objects(folder):
    return sorted(p for p in (folder / ".git" / "objects").glob("??/*") if len(p.name) == 38)


def reachable(folder):
    return {line.split()[0] for line in git(folder, "rev-list", "--objects", "--all").splitlines()}


def overwrite(path, content):
    path.chmod(0o644)
    path.write_bytes(content)


def test_one_byte_changed_in_any_object_of_history(world):
    """Every commit, tree and blob that a branch leads to, one at a time, with its zlib stream made whole again."""
    survived = []
    objects = [p for p in loose_objects(world.folder) if p.parent.name + p.name in reachable(world.folder)]
    assert len(objects) > 60
    for path in objects:
        before = path.read_bytes()
        content = bytearray(zlib.decompress(before))
        content[-1] ^= 1
        overwrite(path, zlib.compress(bytes(content)))
        report = audit(world.folder, world.root.fingerprint)
        if report.ok or not any(path.parent.name + path.name in str(finding) for finding in report.findings):
            survived.append((path.parent.name + path.name, [str(f) for f in report.findings]))
        overwrite(path, before)

    assert survived == []
    assert audit(world.folder, world.root.fingerprint).ok


def test_one_byte_changed_on_disk_is_found_or_changes_nothing(world):
    """The same without the courtesy of a valid zlib stream: whatever can still be read must be what its name says."""
    for path in loose_objects(world.folder)[::7]:
        before = path.read_bytes()
        for position in (0, 1, len(before) // 2, len(before) - 1):
            spoilt = bytearray(before)
            spoilt[position] ^= 0x10
            overwrite(path, bytes(spoilt))
            report = audit(world.folder, world.root.fingerprint)
            if report.ok and path.parent.name + path.name in reachable(world.folder):
                # Two bytes of a zlib header say nothing about the content; then the content is the one that was signed.
                kind, _, body = zlib.decompressobj().decompress(bytes(spoilt)).partition(b"\0")
                assert object_id(kind.split()[0].decode(), body) == path.parent.name + path.name
        overwrite(path, before)


def test_one_byte_changed_in_a_pack(world, tmp_path):
    bare = tmp_path / "bare"
    git(tmp_path, "clone", "--quiet", "--bare", str(world.folder), str(bare))
    git(bare, "repack", "-adq")
    pack = next((bare / "objects" / "pack").glob("*.pack"))
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 0xFF
    overwrite(pack, bytes(content))

    assert "cannot be read" in refusal(world, bare)


def test_an_object_removed(world):
    victim = git(world.folder, "rev-parse", "successor/a1:scaffold/search.py")
    (world.folder / ".git/objects" / victim[:2] / victim[2:]).unlink()

    assert f"blob {victim} cannot be read: missing" in refusal(world)


def test_replace_ref_shows_another_commit(world):
    """`git verify-commit` answers "Good signature" for a replaced commit; an audit must not."""
    evil = git(world.folder, "commit-tree", "main^{tree}", "-m", "evil")
    git(world.folder, "replace", world.tip("successor/a1"), evil)

    assert "[replace-ref]" in refusal(world)


def test_grafts_give_a_commit_other_parents(world):
    (world.folder / ".git/info/grafts").write_text(world.tip("successor/c3") + "\n")

    assert "[graft]" in refusal(world)


def test_shallow_clone_hides_history(world, tmp_path):
    git(tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{world.folder}", "shallow")

    assert "[shallow]" in refusal(world, tmp_path / "shallow")


def test_objects_borrowed_from_elsewhere(world, tmp_path):
    git(tmp_path, "clone", "--quiet", "--shared", str(world.folder), "shared")

    assert "[alternates]" in refusal(world, tmp_path / "shared")


def test_partial_clone_fetches_later(world):
    pack = world.folder / ".git/objects/pack"
    pack.mkdir(exist_ok=True)
    (pack / "pack-1.promisor").touch()

    assert "[partial]" in refusal(world)


def test_refs_in_a_form_the_auditor_does_not_read(world):
    (world.folder / ".git/reftable").mkdir()

    assert "[reftable]" in refusal(world)


def test_single_branch_clone_proves_nothing(world, tmp_path):
    git(tmp_path, "clone", "--quiet", "--single-branch", "--branch=main", f"file://{world.folder}", "single")

    assert "[no-log]" in refusal(world, tmp_path / "single")


def test_hostile_configuration_and_hooks_of_a_handed_over_repository_run_nothing(world, tmp_path):
    """core.fsmonitor, hooks, filters, textconv, gpg.program: planted, then audited, opened, read and written."""
    trap, marker = tmp_path / "trap", tmp_path / "ran"
    trap.write_text(f"#!/bin/sh\ntouch {marker}\ncat\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "core.editor", "core.pager", "gpg.program", "gpg.ssh.program", "diff.external"):
        git(world.folder, "config", key, str(trap))
    git(world.folder, "config", "core.hooksPath", str(tmp_path))
    for hook in ("pre-commit", "post-commit", "reference-transaction", "post-checkout", "post-rewrite"):
        for place in (tmp_path / hook, world.folder / ".git" / "hooks" / hook):
            place.parent.mkdir(exist_ok=True)
            place.write_text(trap.read_text())
            place.chmod(0o755)

    assert audit(world.folder, world.root.fingerprint).ok
    with world.open() as repository:
        repository.changed()
        repository.tree(repository.head())
    world.approve(world.draft("f6"), "alice")
    assert audit(world.folder, world.root.fingerprint).ok
    assert not marker.exists()


def test_variables_of_a_surrounding_git_do_not_lead_elsewhere(world, tmp_path, monkeypatch):
    """A hook of another repository runs us with GIT_DIR set to its own."""
    git(tmp_path, "init", "--quiet", "other")
    for name, place in (("GIT_DIR", ""), ("GIT_INDEX_FILE", "index"), ("GIT_OBJECT_DIRECTORY", "objects")):
        monkeypatch.setenv(name, str(tmp_path / "other/.git" / place))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    with world.open() as repository:
        assert repository.branch("main") == repository.head()
        assert repository.changed() == ()


def test_replacement_objects_do_not_reach_the_writer(world):
    first = world.tip("main")
    with world.open() as repository:
        honest = repository.tree(first)
    evil = git(world.folder, "commit-tree", "successor/e5^{tree}", "-m", "evil")
    git(world.folder, "replace", first, evil)
    with world.open() as repository:
        assert repository.tree(first) == honest


@pytest.mark.parametrize(
    ("mode", "reason"), [("120000", "symbolic link"), ("160000", "submodule"), ("100664", "not that of a regular file")]
)
def test_a_tree_with_something_else_than_files(world, mode, reason):
    victim = world.tip("main") if mode == "160000" else git(world.folder, "rev-parse", "main:successor.toml")
    kind = "commit" if mode == "160000" else "blob"
    listing = git(world.folder, "ls-tree", "main") + f"\n{mode} {kind} {victim}\tlink\n"
    tree = git(world.folder, "mktree", stdin=listing.encode()) if mode != "100664" else odd_mode_tree(world, victim)
    commit = git(world.folder, "commit-tree", tree, "-m", "evil")
    with world.open() as repository, pytest.raises(UnsafeTree, match=reason):
        repository.tree(commit)


def odd_mode_tree(world, blob):
    body = b"100664 link\0" + bytes.fromhex(blob)
    return git(world.folder, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=body)


def test_a_path_into_gits_own_folder(world):
    blob = git(world.folder, "rev-parse", "main:successor.toml")
    body = b"100644 .GIT\0" + bytes.fromhex(blob)
    tree = git(world.folder, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=body)
    commit = git(world.folder, "commit-tree", tree, "-m", "evil")
    with world.open() as repository, pytest.raises(UnsafeTree, match="git's own folder"):
        repository.tree(commit)


def test_a_doubled_name_in_a_tree(world):
    blob = bytes.fromhex(git(world.folder, "rev-parse", "main:successor.toml"))
    body = b"100644 a\0" + blob + b"100644 a\0" + blob
    tree = git(world.folder, "hash-object", "-t", "tree", "-w", "--literally", "--stdin", stdin=body)
    commit = git(world.folder, "commit-tree", tree, "-m", "evil")
    with world.open() as repository, pytest.raises(UnsafeTree, match="canonical form"):
        repository.tree(commit)


@pytest.mark.parametrize(
    "name", ["--upload-pack=x", "-x", "a b", "a..b", "HEAD~1", "main@{0}", "x\ny", ":/x", "", "a.lock"]
)
def test_option_and_expression_injection_through_a_revision(world, name):
    with world.open() as repository, pytest.raises(Misuse, match="is called"):
        repository.resolve(name)


def test_a_branch_name_that_reads_backwards_is_escaped(world):
    git(world.folder, "update-ref", "refs/heads/successor/\u202eok", world.tip("main"))

    found = refusal(world)

    assert found.isascii()
    assert "successor/\\u202eok is not the successor" in found


def test_the_auditor_loads_no_git_client_and_starts_no_process(world, tmp_path):
    code = (
        "import sys, subprocess, os\n"
        "def refuse(*a, **k): raise SystemExit('started a process')\n"
        "subprocess.Popen.__init__ = refuse; os.system = refuse\n"
        "from pathlib import Path\n"
        "from agent.lineage.audit import audit\n"
        f"report = audit(Path({str(world.folder)!r}), {world.root.fingerprint!r})\n"
        "print(report.ok, sorted({'git', 'docker', 'anthropic', 'scipy', 'numpy'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout == "True []\n"
