"""From somebody else's benchmark to a suite of a workspace: the files of it, split by a seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.edits.tree import File, check_path
from agent.errors import BadSettings, Misuse, UnsafeTree
from agent.evaluate.suite import Split
from sandbox.errors import TransferRefused
from sandbox.transfer import stage

DOCKERFILE = b"FROM python:3.11-slim\nRUN pip install pytest\nWORKDIR /app\nCOPY app/ /app/\n"


@dataclass(frozen=True, slots=True)
class Imported:
    """One task: its name, and the files of its folder but for `task.toml`."""

    name: str
    files: Mapping[str, File]
    verifier_seconds: int


def suite_files(
    name: str, tasks: Iterable[Imported], *, graded: str, source: str, seed: int
) -> dict[str, tuple[bytes, bool]]:
    """Return the files of a suite, below `suites/`: half of the tasks for development, half held out."""
    found = {task.name: task for task in tasks}
    if len(found) < 2:
        raise BadSettings(f"{source} holds fewer than two tasks", why="one is for development, one is held out")
    order = sorted(found, key=lambda task: hashlib.sha256(f"{seed} {task}".encode()).digest())
    splits: dict[str, Split] = {task: "dev" if at % 2 == 0 else "heldout" for at, task in enumerate(order)}
    files: dict[str, tuple[bytes, bool]] = {f"{name}.toml": (_suite_toml(name, graded, source, seed), False)}
    for task in found.values():
        files[f"{name}/{task.name}/task.toml"] = (_task_toml(name, task, splits[task.name]), False)
        files |= {f"{name}/{task.name}/{path}": (file.content, file.executable) for path, file in task.files.items()}
    return files


def write_suite(folder: Path, name: str, files: Mapping[str, tuple[bytes, bool]]) -> None:
    """Write a suite to the folder `suites/` of a workspace. Raises `Misuse` when there is one of that name."""
    for taken in (folder / name, folder / f"{name}.toml"):
        if taken.exists() or taken.is_symlink():
            raise Misuse(f"there is a suite {name} already", why=f"{taken} is there", mend="Give another name: --into")
    try:
        for path in files:
            check_path(f"suites/{path}")
        below = {path.removeprefix(f"{name}/"): file for path, file in files.items() if path != f"{name}.toml"}
        stage(below, folder / name)
    except (UnsafeTree, TransferRefused) as error:
        raise BadSettings("a task has a file that no tree may hold", why=str(error)) from error
    (folder / f"{name}.toml").write_bytes(files[f"{name}.toml"][0])


def read_plain(path: Path, most: int, what: str) -> bytes:
    """Return a regular file's content, no link and no longer than `most`. Raises `BadSettings`."""
    try:
        if path.is_symlink() or not path.is_file():
            raise BadSettings(f"{what} is no plain file", why=f"{path.name!a} is missing, a link or a folder")
        if path.stat().st_size > most:
            raise BadSettings(f"{what} is too large", why=f"more than {most} bytes")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise BadSettings(f"{what} cannot be read", why=str(error)) from error


def _suite_toml(name: str, graded: str, source: str, seed: int) -> bytes:
    return (
        f"# Made from {source[:100]!a} with seed {seed}.\n\n"  # a name that ends the line would be settings
        f'schema = 1\nkind = "harbor"\ntasks = "suites/{name}"\nenvironment = "inside"\ngraded = "{graded}"\n'
        "repeats = 1\ncalls = 60\ndeadline_seconds = 900\n"
    ).encode()


def _task_toml(suite: str, task: Imported, split: Split) -> bytes:
    quoted = json.dumps(f"{suite}/{task.name}")  # a plain name: the same in JSON and in TOML
    return (
        f'schema_version = "1.4"\n\n[task]\nname = {quoted}\n\n[metadata]\nsplit = "{split}"\n'
        f"family = {json.dumps(task.name)}\n\n[agent]\ntimeout_sec = 900\n\n[verifier]\n"
        f'timeout_sec = {task.verifier_seconds}\n\n[environment]\nnetwork_mode = "no-network"\n'
    ).encode()
