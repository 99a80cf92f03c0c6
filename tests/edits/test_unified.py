"""The canonical diff hides nothing and git accepts it; a diff from git is accepted, and nothing looser."""

import os
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings

from agent.edits.tree import File, Tree
from agent.edits.unified import apply_unified, line_counts, unified_diff
from agent.errors import EditConflict, UnsafeTree
from tests.edits.generated import tree_pairs

LINES = b"".join(b"line %d\n" % i for i in range(1, 41))
BASE = Tree(
    {
        "a.py": File(LINES),
        "b/c d.txt": File(b"no newline"),
        "run.sh": File(b"#!/bin/sh\n"),
        "gone": File(b"x\ny\n"),
        "empty": File(b""),
        "bin": File(b"\x00\x01\n\xff\n"),
        'na"ïve': File(b"a\r\nb\rc\x0cd\n"),
        "old/name.py": File(LINES + b"end\n"),
    }
)
TREE = Tree(
    {
        "a.py": File(LINES.replace(b"line 3\n", b"three\n").replace(b"line 30\n", b"line 30\nmore\n"), executable=True),
        "b/c d.txt": File(b"no newline\nhere"),
        "run.sh": File(b"#!/bin/sh\n", executable=True),
        "bin": File(b"\x00\x02\n\xff\n"),
        'na"ïve': File(b"a\nb\rC\x0cd\n"),
        "made": File(b""),
        "new/x.py": File(b"-- \n--- a\n+++ b\n@@ -1 +1 @@\n"),
        "new/name.py": File(LINES + b"END\n"),
    }
)


class Repository:
    """A real repository that holds the files of a tree, with git's own defaults."""

    def __init__(self, folder, tree):
        self.folder = folder
        self.git("init", "-q", "-b", "main")
        self.git("config", "core.autocrlf", "false")
        self.write(tree)
        self.commit("base")

    def git(self, *arguments, stdin=None):
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b.invalid", "GIT_COMMITTER_NAME": "A",
            "GIT_COMMITTER_EMAIL": "a@b.invalid",
        }  # fmt: skip
        command = ["git", "-C", str(self.folder), *arguments]
        return subprocess.run(command, env=environment, input=stdin, capture_output=True, check=True).stdout

    def write(self, tree):
        for path in self.git("ls-files", "-z").decode().split("\0"):
            if path:
                (self.folder / path).unlink()
        for path, file in tree.items():
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.content)
            place.chmod(0o755 if file.executable else 0o644)

    def commit(self, message):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def tree_id(self):
        self.git("add", "-A")
        return self.git("write-tree").decode().strip()


def one(content, path="f"):
    return Tree({path: File(content)})


# Ours


@given(tree_pairs())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_our_diff_gives_the_tree_back(pair):
    base, tree = pair

    assert apply_unified(base, unified_diff(base, tree)) == tree
    assert apply_unified(tree, unified_diff(tree, base)) == base


def test_git_apply_makes_the_same_tree_of_our_diff(tmp_path):
    repository = Repository(tmp_path, BASE)
    repository.git("apply", "--whitespace=nowarn", stdin=unified_diff(BASE, TREE))

    assert repository.tree_id() == TREE.git_id


@given(tree_pairs())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_git_apply_agrees_on_generated_trees(tmp_path_factory, pair):
    base, tree = pair
    folder = tmp_path_factory.mktemp("repository")
    repository = Repository(folder, base)
    repository.git("apply", "--whitespace=nowarn", "--allow-empty", stdin=unified_diff(base, tree))

    assert repository.tree_id() == tree.git_id


def test_the_form_is_the_one_that_is_signed():
    """Change one byte of this and every review ever signed is void."""
    base = Tree({"a b": File(b"1\n2\n3\n4\n5\n6\n7\n8\n9"), "é": File(b"", True), "run": File(b"x\n"), "z": File(b"")})
    tree = Tree(
        {"a b": File(b"1\n2\n3\n4\nfive\n6\n7\n8\n9\n"), "é": File(b"\xff\n"), "new": File(b"n"), "z": File(b"")}
    )

    assert unified_diff(base, tree) == (
        b"diff --git a/a b b/a b\n--- a/a b\t\n+++ b/a b\t\n@@ -2,8 +2,8 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n-9\n"
        b"\\ No newline at end of file\n+9\n"
        b"diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+n\n"
        b"\\ No newline at end of file\n"
        b"diff --git a/run b/run\ndeleted file mode 100644\n--- a/run\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
        b'diff --git "a/\\303\\251" "b/\\303\\251"\nold mode 100755\nnew mode 100644\n--- "a/\\303\\251"\n'
        b'+++ "b/\\303\\251"\n@@ -0,0 +1 @@\n+\xff\n'
    )
    assert unified_diff(tree, tree) == b""


def test_every_changed_byte_is_shown_whatever_the_tree_says():
    attributes = File(b"* -diff\n*.py binary diff=hidden\n")
    base = Tree({".gitattributes": attributes, "a.py": File(b"x\x00\n")})
    tree = base.with_file("a.py", File(b"y\x00\n"))

    assert b"\n-x\x00\n+y\x00\n" in unified_diff(base, tree)


def test_lines_are_counted_as_the_diff_shows_them():
    assert line_counts(BASE, TREE) == {
        "a.py": (2, 1), "b/c d.txt": (2, 1), "bin": (1, 1), "empty": (0, 0), "gone": (0, 2), "made": (0, 0),
        'na"ïve': (2, 2), "new/name.py": (41, 0), "new/x.py": (4, 0), "old/name.py": (0, 41),
        "run.sh": (0, 0),
    }  # fmt: skip


# Git's


def committed(folder):
    repository = Repository(folder, BASE)
    repository.write(TREE)
    repository.commit("Change things\n\nA message with a line\ndiff of nothing\n---\n@@ -1 +1 @@")
    return repository


@pytest.mark.parametrize(
    "command",
    [
        ("diff", "--text", "HEAD~1"),
        ("diff", "--text", "HEAD~1", "--no-renames", "--full-index"),
        ("diff", "--text", "HEAD~1", "-M10%", "-C", "-C", "--find-copies-harder"),
        ("diff", "--text", "HEAD~1", "-U0"),
        ("diff", "--text", "HEAD~1", "-U50", "--patience", "--function-context"),
        ("-c", "core.quotePath=false", "diff", "--text", "HEAD~1"),
        ("-c", "diff.suppressBlankEmpty=true", "diff", "--text", "HEAD~1"),
        ("format-patch", "--text", "--stdout", "-1"),
        ("format-patch", "--text", "--stdout", "-1", "--no-renames", "--signature=1.0"),
        ("show", "--text", "HEAD"),
        ("log", "-p", "--text", "-1", "--stat"),
    ],
)
def test_what_git_prints_is_accepted(tmp_path, command):
    printed = committed(tmp_path).git(*command)

    assert apply_unified(BASE, printed) == TREE


@given(tree_pairs())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_git_prints_for_generated_trees_is_accepted(tmp_path_factory, pair):
    base, tree = pair
    repository = Repository(tmp_path_factory.mktemp("repository"), base)
    repository.write(tree)
    repository.commit("change")

    assert apply_unified(base, repository.git("diff", "--text", "HEAD~1")) == tree


def test_a_rename_and_a_copy_are_understood():
    base = one(LINES, "a")
    moved = b"diff --git a/a b/b\nsimilarity index 100%\nrename from a\nrename to b\n"
    copied = b"diff --git a/a b/b\nsimilarity index 100%\ncopy from a\ncopy to b\n"

    assert apply_unified(base, moved) == one(LINES, "b")
    assert apply_unified(base, copied) == Tree({"a": File(LINES), "b": File(LINES)})


def test_a_real_symbolic_link_and_a_real_submodule_are_refused_by_name(tmp_path):
    repository = Repository(tmp_path, BASE)
    (tmp_path / "run.sh").unlink()
    (tmp_path / "run.sh").symlink_to("/etc/passwd")
    repository.commit("a link")
    with pytest.raises(UnsafeTree, match="symbolic links are never accepted"):
        apply_unified(BASE, repository.git("diff", "HEAD~1"))
    with pytest.raises(UnsafeTree, match="symbolic links are never accepted"):
        apply_unified(BASE, repository.git("diff", "--no-renames", "HEAD", "HEAD~1"))
    repository.git("update-index", "--add", "--cacheinfo", "160000," + "1" * 40 + ",sub")
    with pytest.raises(UnsafeTree, match="submodules are never accepted"):
        apply_unified(BASE, repository.git("diff", "--cached", "HEAD", "--", "sub"))


@pytest.mark.parametrize("command", [("diff", "HEAD~1"), ("diff", "--binary", "HEAD~1")])
def test_a_real_binary_patch_is_refused_by_name(tmp_path, command):
    with pytest.raises(UnsafeTree, match="a change that cannot be read is never accepted"):
        apply_unified(BASE, committed(tmp_path).git(*command))


# Nobody's

HEAD = b"diff --git a/f b/f\n"
NAMES = HEAD + b"--- a/f\n+++ b/f\n"
GOOD = NAMES + b"@@ -2,3 +2,3 @@ context\n 2\n-3\n+three\n 4\n"
FILE = one(b"1\n2\n3\n4\n5\n")


def test_the_diff_that_the_refusals_below_bend_is_accepted():
    assert apply_unified(FILE, GOOD) == one(b"1\n2\nthree\n4\n5\n")
    assert apply_unified(FILE, b"") == FILE


@pytest.mark.parametrize(
    ("diff", "why"),
    [
        (b"hello\n", "no `diff --git` line"),
        (b"--- a/f\n+++ b/f\n@@ -3 +3 @@\n-3\n+x\n", "without a `diff --git` line"),
        (b"--- a/f\n+++ b/f\n@@ -3 +3 @@\n-3\n+x\n" + GOOD, "without a `diff --git` line"),
        (HEAD, "changes nothing"),
        (NAMES, "expected a hunk"),
        (HEAD + b"--- a/f\n", "expected the line"),
        (HEAD + b"--- a/f\n+++ b/g\n", "expected the line"),
        (HEAD + b"--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n", "expected the line"),
        (b"diff --git a/f b/g\n--- a/f\n+++ b/g\n", "do not agree"),
        (b"diff --git f f\n--- f\n+++ f\n", "do not agree"),
        (b"diff --git i/f w/f\n--- i/f\n+++ w/f\n", "do not agree"),
        (b'diff --git "a/f" "b/f"\n', "do not agree"),
        (b'diff --git "a/\\q" "b/\\q"\n', "not a path as git quotes it"),
        (GOOD.replace(b"@@ -2,3", b"@@ -3,3"), "not what the diff expects"),
        (GOOD.replace(b"@@ -2,3", b"@@ -1,3"), "not what the diff expects"),
        (GOOD.replace(b" 4\n", b" 4 \n"), "not what the diff expects"),
        (GOOD.replace(b" 4\n", b" 4\r\n"), "not what the diff expects"),
        (GOOD.replace(b"+2,3", b"+3,3"), "says it starts at new line 3"),
        (GOOD.replace(b"-2,3", b"-2,4"), "expected a line of the hunk"),
        (GOOD.replace(b"+2,3", b"+2,2"), "counts are wrong"),
        (GOOD.replace(b"-2,3", b"-2,2").replace(b"+2,3", b"+2,2"), "belongs to no hunk"),
        (GOOD.replace(b"-2,3 +2,3", b"-0,3 +0,3"), "starts at line 0"),
        (GOOD.replace(b"@@ -2,3", b"@@ -99,3"), "not what the diff expects"),
        (GOOD.replace(b"@@ -2,3", b"@@ -2,99999999999"), "expected a hunk header"),
        (GOOD + b"garbage\n", "belongs to no hunk"),
        (GOOD + b"\n", "belongs to no hunk"),
        (GOOD + b"-- \nnot a version\n", "belongs to no hunk"),
        (GOOD + b"-- \n2.39.5\n\nFrom 0123\n" + GOOD, "belongs to no hunk"),
        (GOOD + GOOD[len(NAMES) :], "overlap or are out of order"),
        (GOOD + GOOD, "changes 'f' twice"),
        (GOOD[:-1], "expected a line of the hunk"),
        (GOOD[:-4], "expected a line of the hunk"),
        (NAMES + b"@@ -1 +1 @@\n 1\n", "changes nothing"),
        (NAMES + b"@@ -1 +1 @@\n-1\n+x\n\\ No newline at end of file\n", "is not the last one"),
        (NAMES + b"@@ -5 +5 @@\n-5\n\\ No newline at end of file\n+x\n", "not what the diff expects"),
        (HEAD + b"new file mode 100644\n--- /dev/null\n+++ b/f\n@@ -0,0 +1 @@\n+x\n", "creates 'f', which exists"),
        (HEAD + b"new file mode 100644\n", "creates 'f', which exists"),
        (HEAD + b"deleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n", "not all of its lines"),
        (HEAD + b"deleted file mode 100644\n", "not all of its lines"),
        (HEAD + b"deleted file mode 100755\n", "expects another"),
        (HEAD + b"old mode 100755\nnew mode 100644\n", "expects another"),
        (HEAD + b"new mode 100755\n", "do not go together"),
        (HEAD + b"old mode 100644\nold mode 100644\nnew mode 100755\n", "twice"),
        (HEAD + b"new file mode 100644\ndeleted file mode 100644\n", "do not go together"),
        (GOOD.replace(b"/f", b"/g"), "'g', which does not exist"),
        (b"diff --git a/f b/g\nrename from f\nrename to g\n" + GOOD, "changes 'f' twice"),
        (b"diff --git a/x b/g\nrename from f\nrename to g\n", "do not agree"),
        (b"diff --git a/f b/g\ncopy from f\nrename to g\n", "do not go together"),
        (b"diff --git a/f b/f/g\ncopy from f\ncopy to f/g\n", "both a file and a folder"),
        (b"diff --cc f\nindex 1,2..3\n", "no `diff --git` line"),
    ],
)
def test_a_malformed_or_misfitting_diff_is_refused(diff, why):
    with pytest.raises(EditConflict) as refused:
        apply_unified(FILE, diff)

    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("diff", "why"),
    [
        (HEAD + b"new file mode 120000\n", "symbolic links"),
        (HEAD + b"deleted file mode 120000\n", "symbolic links"),
        (HEAD + b"old mode 100644\nnew mode 120000\n", "symbolic links"),
        (HEAD + b"index 0123456..89abcde 120000\n" + GOOD[len(HEAD) :], "symbolic links"),
        (HEAD + b"new file mode 160000\n", "submodules"),
        (HEAD + b"index 0123456..89abcde 160000\n" + GOOD[len(HEAD) :], "submodules"),
        (HEAD + b"new file mode 040000\n", "folders"),
        (HEAD + b"new file mode 104755\n", "only 100644 and 100755"),
        (HEAD + b"Binary files a/f and b/f differ\n", "cannot be read"),
        (HEAD + b"GIT binary patch\nliteral 3\n", "cannot be read"),
        (b"diff --git a/../f b/../f\nnew file mode 100644\n", "'..'"),
        (b"diff --git a//etc/x b//etc/x\nnew file mode 100644\n", "empty part"),
        (b"diff --git a/.git/hooks/x b/.git/hooks/x\nnew file mode 100755\n", "git's own"),
        (b'diff --git "a/a\\nb" "b/a\\nb"\nnew file mode 100644\n', "control"),
        (b'diff --git "a/\\377" "b/\\377"\nnew file mode 100644\n', "not UTF-8"),
        (b"diff --git a/f b/../g\nrename from f\nrename to ../g\n", "'..'"),
    ],
)
def test_what_is_never_accepted_is_refused_by_name(diff, why):
    with pytest.raises(UnsafeTree) as refused:
        apply_unified(FILE, diff)

    assert why in str(refused.value)
