"""The repository: what is written is what was meant, what cannot be is refused by name, and git is told nothing else."""

import stat
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.edits.tree import File, Tree
from agent.errors import GitFailed, Misuse, UnknownId
from agent.gate.signer import MachineKey
from agent.lineage.objects import NewObjects, format_tree, gate_commit, object_id, parse_commit, parse_tree
from agent.lineage.repository import Move, Repository, successor_ref
from tests.lineage.world import START, git

KEY = MachineKey.generate()
NAMES = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="/\\"), min_size=1, max_size=12)
PATHS = st.lists(NAMES.filter(lambda n: n.strip(". ").casefold() not in ("git", "git~1", "")), min_size=1, max_size=4)
TREES = st.dictionaries(PATHS.map("/".join), st.builds(File, st.binary(max_size=60), st.booleans()), max_size=8)


def commit_of(objects, tree, parent=None):
    return objects.add("commit", gate_commit(objects.add_tree(tree), parent, START, "a commit\n", KEY))


@pytest.fixture
def empty(tmp_path):
    with Repository.init(tmp_path / "new") as repository:
        yield repository


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES)
def test_a_tree_written_is_the_tree_read_and_git_agrees(empty, files):
    try:
        tree = Tree(files)
    except Exception:  # noqa: BLE001  # a file and a folder of one name: not a tree
        return
    objects = NewObjects()
    commit = commit_of(objects, tree)
    empty.write(objects)

    assert empty.tree(commit) == tree
    assert empty.commit(commit).tree == tree.git_id
    assert git(empty.work_tree, "rev-parse", f"{commit}^{{tree}}") == tree.git_id


def test_git_verifies_our_commits(world, tmp_path):
    """`git verify-commit` with an allowed_signers file, for successors and for the gate log."""
    signers = tmp_path / "signers"
    signers.write_text(f'gate@successor.invalid namespaces="git" {world.gate.key.line}\n')
    for branch in ("main", "successor/a1", "successor/c3", "gate-log", "gate-log~2"):
        command = ["git", "-C", world.folder, "-c", f"gpg.ssh.allowedSignersFile={signers}", "verify-commit", branch]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert 'Good "git" signature for gate@successor.invalid' in done.stderr


def test_git_finds_nothing_wrong_with_what_we_write(world):
    assert git(world.folder, "fsck", "--strict", "--no-dangling") == ""


def test_a_commit_is_parsed_as_it_was_made():
    body = gate_commit("a" * 40, "b" * 40, START, "title\n\nbody\n", KEY)
    commit = parse_commit(body)

    assert (commit.tree, commit.parents, commit.message) == ("a" * 40, ("b" * 40,), "title\n\nbody\n")
    assert b"gpgsig" not in commit.payload
    assert len(commit.signatures) == 1


@given(st.dictionaries(NAMES, st.booleans(), max_size=6))
def test_a_tree_object_is_parsed_as_it_was_made(names):
    from agent.lineage.objects import Entry

    entries = [
        Entry("40000" if folder else "100644", name, object_id("blob", name.encode())) for name, folder in names.items()
    ]
    assert sorted(parse_tree(format_tree(entries))) == sorted(entries)


def test_several_refs_move_together_or_not_at_all(empty):
    objects = NewObjects()
    first, second = commit_of(objects, Tree({"a": File(b"1")})), commit_of(objects, Tree({"a": File(b"2")}))
    empty.write(objects)
    empty.move([Move("refs/heads/main", first, None)])
    with pytest.raises(GitFailed, match="cannot lock ref"):
        empty.move([Move("refs/heads/gate-log", second, None), Move("refs/heads/main", second, second)])
    with pytest.raises(GitFailed, match="reference already exists"):
        empty.move([Move("refs/heads/gate-log", second, None), Move("refs/heads/main", second, None)])

    assert empty.branch("gate-log") is None
    assert empty.branch("main") == first


@pytest.mark.parametrize(
    "ref", ["refs/heads/x", "HEAD", "refs/heads/successor/A", "refs/heads/successor/a\nb", "--stdin"]
)
def test_only_refs_of_a_workspace_are_moved(empty, ref):
    with pytest.raises(Misuse, match="no branch of a workspace"):
        empty.move([Move(ref, "a" * 40, None)])


def test_a_candidate_id_of_another_form_names_no_branch():
    assert successor_ref("a1-b2") == "refs/heads/successor/a1-b2"
    for odd in ("", "A", "a/b", "../x", "a b", "-a", "a" * 64, "é"):
        with pytest.raises(Misuse):
            successor_ref(odd)


def test_revisions_that_people_type(world):
    with world.open() as repository:
        tip = world.tip("successor/a1")
        assert repository.resolve("successor/a1") == repository.resolve(tip) == repository.resolve(tip[:10]) == tip
        with pytest.raises(UnknownId, match="'nowhere'"):
            repository.resolve("nowhere")
        with pytest.raises(UnknownId):
            repository.resolve("e" * 40)


def test_changed_files_of_the_work_tree_are_named(world):
    with world.open() as repository:
        assert repository.changed() == ()
        (world.folder / "successor.toml").write_text("x")
        (world.folder / "new file\n").write_text("x")
        (world.folder / ".successor").mkdir()
        (world.folder / ".successor" / "state.db").write_text("x")
        assert set(repository.changed()) == {"successor.toml", "new file\n"}


def test_the_work_tree_of_a_new_workspace_holds_the_files_with_their_modes(world):
    script = world.folder / "scaffold" / "run.sh"
    assert script.read_bytes().startswith(b"#!/bin/sh")
    assert script.stat().st_mode & stat.S_IXUSR


def test_what_is_no_repository_is_one_clear_sentence(tmp_path):
    with pytest.raises(Misuse, match=f"{tmp_path} is not a git repository. Make a workspace with: successor init"):
        Repository.open(tmp_path)
    with pytest.raises(Misuse, match="is not a git repository"):
        Repository.open(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(Misuse, match="is not a git repository"):
        Repository.open(tmp_path / "file")


def test_a_folder_inside_a_repository_is_not_taken_for_one(world):
    with pytest.raises(Misuse, match="is not a git repository"):
        Repository.open(world.folder / "scaffold")


def test_a_bare_repository_is_no_workspace(tmp_path):
    git(tmp_path, "init", "--quiet", "--bare", "bare")
    with pytest.raises(Misuse, match="bare repository"):
        Repository.open(tmp_path / "bare")


def test_a_repository_without_commits_says_so(empty):
    with pytest.raises(Misuse, match="has no commits yet"):
        empty.head()
    assert empty.branch("main") is None


def test_a_workspace_is_not_made_over_another(world):
    with pytest.raises(Misuse, match="already holds a git repository"):
        Repository.init(world.folder)


def test_a_missing_object_is_named(empty):
    with pytest.raises(GitFailed, match=f"blob {'a' * 40} cannot be read"):
        empty.read("a" * 40, "blob")
    with pytest.raises(GitFailed, match="cannot be read"):
        empty.read("HEAD", "blob")


def test_only_full_ids_name_an_object_to_be_read(world):
    with world.open() as repository, pytest.raises(GitFailed, match="is not an object ID"):
        repository.read("HEAD", "commit")


def test_an_object_beyond_the_limit_is_not_read(world, monkeypatch):
    blob = git(world.folder, "rev-parse", "main:successor.toml")
    monkeypatch.setattr("agent.lineage.repository.MAX_FILE_BYTES", 10)
    with world.open() as repository, pytest.raises(GitFailed, match="more than 10"):
        repository.read(blob, "blob")


def test_a_place_where_nothing_can_be_made_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GitFailed, match="no repository can be made at"):
        Repository.init(tmp_path / "file" / "below")


def test_a_repository_that_may_not_be_read_is_one_clear_sentence(world, monkeypatch):
    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("git.Repo", forbidden)
    with pytest.raises(GitFailed, match=r"cannot be opened.*Permission denied"):
        world.open()


def test_a_broken_configuration_is_not_taken_for_a_repository_without_commits(world):
    (world.folder / ".git" / "config").write_text("[core\n")
    with pytest.raises(GitFailed, match="bad config line 1"), world.open() as repository:
        repository.head()


def test_a_ref_that_moves_to_no_commit_is_a_mistake_of_ours(empty):
    for new, old in (("main", None), ("a" * 40, "HEAD")):
        with pytest.raises(ValueError, match="full commit IDs"):
            empty.move([Move("refs/heads/main", new, old)])


def test_an_object_of_another_kind_is_named(world):
    with world.open() as repository, pytest.raises(GitFailed, match="it is a commit"):
        repository.read(world.tip("main"), "tree")
