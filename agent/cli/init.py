"""`successor init`: a workspace from the template, or an existing repository adopted."""

from __future__ import annotations

import getpass
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

import typer

from agent.cli.parts import now
from agent.cli.speak import JsonOption, speaking
from agent.edits.tree import File, Tree
from agent.errors import Misuse
from agent.gate.signature import PublicKey
from agent.workspace import SETTINGS_FILE, STATE_FOLDER, parse_settings

LEVEL_NUMBERS = {"reduced": 1, "container": 2, "hardened": 3}
# What tools leave in the template of an editable installation. It is no part of generation 0.
SKIPPED = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", STATE_FOLDER}
Level = Literal["reduced", "container", "hardened"]


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or a git repository to adopt.")],
    reviewer: Annotated[str | None, typer.Option(help="Name of the person who reviews. Default: you.")] = None,
    key: Annotated[
        Path | None, typer.Option(help="That person's SSH public key. Default: ~/.ssh/id_ed25519.pub.")
    ] = None,
    sandbox_level: Annotated[Level, typer.Option(help="The least isolation that the policy accepts.")] = "container",
    as_json: JsonOption = False,
) -> None:
    """Make a workspace in DIR, or adopt the git repository DIR that holds a successor.toml.

    Example: `successor init my-agent --reviewer alice --key ~/.ssh/id_ed25519.pub`
    """
    from agent.gate.signer import read_public_key
    from agent.gate.trust import check_name

    with speaking(as_json=as_json) as voice:
        path = key or Path.home() / ".ssh" / "id_ed25519.pub"
        if not path.is_file():
            raise Misuse(
                f"there is no SSH key at {path}", why="reviews are signed with a person's key",
                mend="Make one with: ssh-keygen -t ed25519; or name another with --key",
            )  # fmt: skip
        name = check_name(getpass.getuser() if reviewer is None else reviewer)
        fingerprint = create(folder, name, read_public_key(path), sandbox_level, demo=False)
        document = {"workspace": str(folder), "root": fingerprint, "reviewer": name}
        lines = f"workspace {folder}\nroot fingerprint, for auditors: {fingerprint}\nnext: cd {folder} && successor run"
        voice.answer(document, lambda console: console.print(lines, markup=False))


def create(folder: Path, reviewer: str, key: PublicKey, level: Level, *, demo: bool) -> str:
    """Make or adopt the workspace at `folder`; returns the fingerprint of its trust root."""
    from agent.gate.signer import MachineKey
    from agent.gate.trust import Person, PersonKey, new_root
    from agent.lineage.repository import Repository
    from agent.lineage.succession import begin_log, create_workspace

    folder = folder.resolve()
    adopting = (folder / ".git").exists()
    if not adopting and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Misuse(f"{folder} is there already and is not empty", mend="Name a new folder")
    if adopting and not (folder / SETTINGS_FILE).is_file():
        raise Misuse(
            f"{folder} is a git repository without a {SETTINGS_FILE}",
            why="its zones, suites and limits must be written down before it can be judged",
            mend="Commit one, with policies/ and suites/; a template is made by: successor init NEW-DIR",
        )
    gate, evaluator = MachineKey.generate(), MachineKey.generate()
    person = Person(name=reviewer, keys=(PersonKey(key=key.line, demo=demo),))
    root = new_root((person,), gate=gate.key, evaluator=evaluator.key)
    keys = folder / STATE_FOLDER / "keys"
    if adopting:
        with Repository.open(folder) as repository:
            parse_settings(repository.tree(repository.head())[SETTINGS_FILE].content)
            begin_log(repository, root, gate, now())
    else:
        folder.mkdir(parents=True, exist_ok=True)
        create_workspace(folder, template(level, name=folder.name), root, gate, now()).close()
    keys.mkdir(parents=True, mode=0o700)
    gate.save(keys / "gate", "successor gate")
    evaluator.save(keys / "evaluator", "successor evaluator")
    return root.fingerprint


def template(level: Level, name: str) -> Tree:
    """Return the files of a new workspace: the template, and the shipped policies with the level asked for."""
    from agent.gate.rules import load_bundle, with_parameter

    data = files("agent") / "_data"
    law = {path: file.content for path, file in _read(data / "policies").items()}
    law = with_parameter(law, "sandbox_level", LEVEL_NUMBERS[level])
    load_bundle(law)
    found = {
        **_read(data / "workspace_template"),
        **{f"policies/{path}": File(content) for path, content in law.items()},
    }
    settings = found[SETTINGS_FILE].content.decode("utf-8")
    named = re.sub(r'^name = ".*"', f'name = "{_plain(name)}"', settings, count=1, flags=re.MULTILINE)
    parse_settings(named.encode())
    return Tree({**found, SETTINGS_FILE: File(named.encode())})


def _plain(name: str) -> str:
    """Return a workspace name of the form that settings accept."""
    return re.sub(r"[^a-z0-9._-]", "-", name.casefold()).strip("-._")[:64] or "workspace"


def _read(folder: Traversable, prefix: str = "") -> dict[str, File]:
    found: dict[str, File] = {}
    for item in folder.iterdir():
        if item.name in SKIPPED:
            continue
        if item.is_dir():
            found.update(_read(item, f"{prefix}{item.name}/"))
        elif not item.name.endswith(".pyc"):
            found[prefix + item.name] = File(item.read_bytes())
    return found
