"""Ways to hide a change from whoever reads it: the diff that is shown and signed has every byte of it, and acts on nothing."""

import subprocess

import pytest
from typer.testing import CliRunner

from agent.cli.app import app
from agent.edits.tree import File, Tree
from agent.edits.unified import apply_unified, line_counts, unified_diff
from agent.lineage.audit import audit
from tests.lineage.world import git

EVIL = b"import os\nos.system('x')\n"


def hidden(tree: Tree) -> Tree:
    """What makes git itself say no more than that binary files differ."""
    return tree.with_file("scaffold/.gitattributes", File(b"*.py -diff\n")).with_file("scaffold/evil.py", File(EVIL))


@pytest.fixture
def told(world, tmp_path):
    """The same history with a successor that hides from git, in a repository that is set to run programs on a diff."""
    world.approve(world.draft("x9", "successor/e5", hidden), "alice")
    ran = tmp_path / "ran"
    for name, value in {
        "diff.x.textconv": f"touch {ran}; echo nothing", "diff.external": f"touch {ran}", "core.pager": f"touch {ran}",
        "core.attributesFile": str(tmp_path / "attributes"), "color.ui": "always",
    }.items():  # fmt: skip
        git(world.folder, "config", name, value)
    (tmp_path / "attributes").write_text("*.py diff=x\n")
    return world, ran


def test_git_itself_is_deceived_by_attributes_of_the_patch(world, tmp_path):
    world.approve(world.draft("x9", "successor/e5", hidden), "alice")
    git(world.folder, "checkout", "-q", "successor/x9")
    said = git(world.folder, "diff", "successor/e5", "successor/x9")

    assert "Binary files" in said
    assert "os.system" not in said


def test_attributes_and_programs_of_the_repository_hide_nothing_of_what_is_shown(told):
    world, ran = told
    done = CliRunner().invoke(app, ["diff", "e5", "x9", "--workspace", str(world.folder)])

    assert done.exit_code == 0, done.output
    assert "+os.system('x')" in done.output
    assert "+*.py -diff" in done.output
    assert audit(world.folder, world.root.fingerprint).ok
    assert not ran.exists()


@pytest.mark.parametrize(
    "line",
    [b"a\x0cb", b"a\x0bb", b"a\x1cb", b"a\xc2\x85b", b"a\xe2\x80\xa8b", b"a\rb", b"a\r", b"\x1b[2K\x1b[1Gb", b"a\0b"],
)
def test_what_other_tools_take_for_the_end_of_a_line_is_none(line):
    base, tree = Tree({"a.py": File(b"x\n")}), Tree({"a.py": File(b"x\n" + line + b"\n")})

    assert line_counts(base, tree) == {"a.py": (1, 0)}
    assert b"+" + line + b"\n" in unified_diff(base, tree)
    assert apply_unified(base, unified_diff(base, tree)) == tree


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("x = 1  # \u202e evil\n", "\\u202e"),
        ("x = 1\x1b[2K\x1b[1Gy = 2\n", "\\x1b[2K"),
        ("x = '\U000e0041'\n", "\\U000e0041"),
        ("x = '\ufe0f'\n", "\\ufe0f"),
        ("ok = 1\rx = 2\n", "\\r"),
    ],
)
def test_characters_that_hide_or_act_are_shown_as_escapes(world, content, shown):
    world.approve(
        world.draft("x9", "successor/e5", lambda t: t.with_file("scaffold/a.py", File(content.encode()))), "bob"
    )
    done = CliRunner().invoke(app, ["diff", "e5", "x9", "--workspace", str(world.folder)])

    assert shown in done.output
    assert not {"\u202e", "\x1b", "\U000e0041", "\ufe0f", "\r"} & set(done.output)


@pytest.mark.parametrize("name", ["--output=x", "-O", "--upload-pack=touch x", "@{-1}", "a..b", ":/evil", "e5^{/x}"])
@pytest.mark.parametrize("command", ["diff", "replay", "bisect", "rollback", "revoke"])
def test_a_name_that_is_an_option_or_an_expression_is_no_generation(world, tmp_path, command, name):
    more = {
        "diff": [name, "genesis"], "replay": [name], "bisect": [name, "--probe", "x.py"], "rollback": [name],
        "revoke": [name, "--reason", "x", "--key", "k"],
    }[command]  # fmt: skip
    before = subprocess.run(["git", "for-each-ref"], cwd=world.folder, capture_output=True, check=True).stdout
    done = CliRunner().invoke(app, [command, "--workspace", str(world.folder), "--", *more])

    assert done.exit_code in (1, 2), done.output
    assert subprocess.run(["git", "for-each-ref"], cwd=world.folder, capture_output=True, check=True).stdout == before
    assert not (world.folder / "x").exists()
