"""Commands in documents: each one that is shown can be typed, and the cheap ones of the README are."""

import json
import os
import re
import subprocess
import sys

import pytest
import typer.main

from agent.cli.app import app
from tests.docs.pages import PAGES, ROOT, Shown, arguments, fenced, inline

PROGRAM = typer.main.get_command(app)
BLOCKS = [Shown(page, line) for page in PAGES for line in fenced(page) if arguments(line)]
MENTIONS = [shown for page in PAGES for shown in inline(page) if arguments(shown.text)]
README_STEPS = [line.strip() for line in fenced(ROOT / "README.md", "sh") if line.strip()]
# These measure something, or sit in front of a candidate that somebody measured.
DEAR = (
    *(
        "demo",
        "plan",
        "run",
        "bench",
        "propose",
        "doctor",
        "review show",
        "review approve",
        "weaknesses",
        "replay",
        "suite",
        "bisect",
    ),
)


def find(words: list[str]):
    """Return the command that the words name, and the words after its name."""
    command = PROGRAM
    while hasattr(command, "commands"):
        if not words or words[0].startswith("-"):
            return command, words
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


def options_of(command) -> set[str]:
    return {"--help", "-h"} | {name for parameter in command.params for name in parameter.opts}


@pytest.mark.parametrize("shown", BLOCKS + MENTIONS, ids=str)
def test_a_command_that_is_shown_exists_with_its_options(shown):
    for words in arguments(shown.text):
        command, rest = find(words)
        used = {word.partition("=")[0] for word in rest if word.startswith("-") and len(word) > 1}
        assert used <= options_of(command)


@pytest.mark.parametrize("shown", BLOCKS, ids=str)
def test_a_whole_line_parses_as_it_stands(shown):
    """With its required arguments, and values of the right type; placeholders may stand for text only."""
    for words in arguments(shown.text):
        command, rest = find(words)
        if not hasattr(command, "commands"):
            command.make_context("successor", list(rest)).close()


def test_the_parser_of_this_test_refuses_what_is_wrong():
    """Or else everything above would pass."""
    with pytest.raises(AssertionError, match="no command 'approve'"):
        find(["approve", "c1"])
    command, rest = find(["review", "approve", "c1"])
    with pytest.raises(Exception, match="Missing parameter: key"):
        command.make_context("successor", list(rest))
    command, rest = find(["init", "x", "--sandbox-level", "none"])
    with pytest.raises(Exception, match="is not one of"):
        command.make_context("successor", list(rest))
    assert "--candidate" not in options_of(find(["run"])[0])
    assert arguments("git diff | successor propose --patch - --by bob  # mine") == [
        ["propose", "--patch", "-", "--by", "bob"]
    ]


def test_every_command_is_told_of_somewhere():
    told = {tuple(words[:2]) for shown in BLOCKS + MENTIONS for words in arguments(shown.text)}
    names = {words[0] for words in told if words}

    # `demo` is reached by `make demo`.
    assert set(PROGRAM.commands) - {"demo"} <= names


def test_the_make_targets_that_are_shown_exist():
    made = (ROOT / "Makefile").read_text("utf-8")
    shown = [text for page in PAGES for text in (*fenced(page, "sh"), *(s.text for s in inline(page)))]
    targets = [text.split()[1] for text in shown if re.match(r"make [a-z-]+( |$)", text)]

    assert {"demo", "test", "install", "lint", "lock", "help"} <= set(targets)
    assert [target for target in targets if f"\n{target}:" not in made] == []


def test_the_cheap_commands_of_the_readme_run_one_after_the_other(tmp_path):
    """As a reader types them, from `init` on, in one shell; commands that measure are left out."""
    (tmp_path / ".ssh").mkdir()
    key = tmp_path / ".ssh" / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    folder, root, ran = tmp_path, "", []
    for step in README_STEPS:
        line = step.replace("~", str(tmp_path)).replace("sha256:HEX", root)
        if line.startswith("cd "):
            folder /= line.split()[1]
            continue
        for words in arguments(line):
            if " ".join(words[:2]).startswith(DEAR):
                continue
            argv = [sys.executable, "-m", "agent", *words, "--json"]
            environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
            done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            root = json.loads(done.stdout).get("root", root)
            ran.append(words[0])

    assert ran == ["init", "status", "review", "audit"]
