"""Which definitions each dev task went through, told by the scaffold's own process: a hint where to look, no evidence.

`sandbox/guest/trace.py` does the telling. A scaffold can tell anything in its name, so only names of definitions that
the tree has, as the host reads it, are taken, for tasks that were asked, and no more than there can be.
"""

from __future__ import annotations

import ast
import json
import secrets
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from agent.edits.tree import Tree
from agent.evaluate.executor import Done, Executor, Job
from agent.evaluate.staging import Staging
from agent.evaluate.suite import SkillSuite
from sandbox.attempt import LONGEST_SECONDS
from sandbox.contract import CANDIDATE_ROOT, GUEST, Command, Mount, Outcome

Ran = Mapping[str, frozenset[str]]
"""Definitions, as `path::qualified name`, by task."""

LINE_CAP = 256 * 1024
NAMES_CAP = 20_000
SLOWER = 3
"""How much longer than without a trace a command may take; measured, it takes 1.1 to 1.6 times as long."""


def traced(command: Command, nonce: str) -> Command:
    """Return a command of the form `python -m MODULE ...` so that it also tells what ran."""
    if command.argv[:2] != ("python", "-m"):
        raise ValueError(f"only a module can be traced, not {command.argv[:2]}")
    argv = ("python", f"{GUEST}/trace.py", nonce, CANDIDATE_ROOT, *command.argv[2:])
    deadline = max(command.deadline, min(command.deadline * SLOWER, LONGEST_SECONDS))
    return replace(command, argv=argv, deadline=deadline)


def listen(
    executor: Executor, staging: Staging, tree: Tree, suite: SkillSuite, tasks: Collection[str]
) -> tuple[bytes, str]:
    """Run dev tasks once more and hear what they went through: what was told, and the nonce that marks it.

    Nothing is scored, and silence is no failure.
    """
    nonce = secrets.token_hex(8)
    job = suite.job("dev", list(tasks))
    mounts = (Mount(staging.folder(tree), CANDIDATE_ROOT), *job.mounts)
    told: list[bytes] = []

    def take(_: int, done: Done[Outcome]) -> None:
        told.append(done.outcome.stderr)

    executor.run([Job(mounts, traced(job.command, nonce))], take)
    return told[0], nonce


def read_trace(told: bytes, nonce: str, known: Collection[str], tasks: Collection[str]) -> dict[str, frozenset[str]]:
    """Return what is credible of what was told on standard error; never raises."""
    return {task: ran for task, ran, _ in _heard(told, nonce, known, tasks)}


def read_coverage(told: bytes, nonce: str, known: Collection[str], tasks: Collection[str]) -> dict[str, frozenset[str]]:
    """Return all that an answer can come from: what ran for its task, and for every task that was answered before.

    What a scaffold remembers of one task it need not run for the next. From where something happened that calls do not
    show, nothing is known of any answer.
    """
    so_far: frozenset[str] = frozenset()
    found: dict[str, frozenset[str]] = {}
    for task, ran, elsewhere in _heard(told, nonce, known, tasks):
        if elsewhere:
            break
        so_far |= ran
        found[task] = so_far
    return found


def _heard(
    told: bytes, nonce: str, known: Collection[str], tasks: Collection[str]
) -> Iterator[tuple[str, frozenset[str], bool]]:
    """Yield each task once, with what ran for it or before all of them, and whether calls do not tell everything."""
    names: list[str] = []
    before: frozenset[str] | None = None
    heard: set[str] = set()
    for record in _records(told, nonce):
        new, ran, task = record.get("new"), record.get("ran"), record.get("id")
        if not isinstance(new, list) or not isinstance(ran, list) or len(names) + len(new) > NAMES_CAP:
            break
        names += [name if isinstance(name, str) else "" for name in new]
        here = frozenset(names[n] for n in ran if type(n) is int and 0 <= n < len(names)) & frozenset(known)
        if task is None and not heard:
            before = here
        elif isinstance(task, str) and task in tasks and task not in heard:
            heard.add(task)
            yield task, (before or frozenset()) | here, record.get("elsewhere") is not None or before is None


def definitions(tree: Tree) -> frozenset[str]:
    """Return every function and method of a tree's Python files, those within functions left out."""
    return frozenset(
        f"{path}::{name}" for path, file in tree.items() if path.endswith(".py") for name in _names(file.content)
    )


def _records(told: bytes, nonce: str) -> Iterator[dict[str, Any]]:
    prefix = nonce.encode() + b" "
    for line in told.split(b"\n"):
        if not line.startswith(prefix) or len(line) > LINE_CAP:
            continue
        try:
            record = json.loads(line[len(prefix) :])
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            yield record


def _names(content: bytes) -> Iterator[str]:
    try:
        module = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last is what nesting too deep is called
        return
    waiting: list[tuple[ast.AST, str]] = [(module, "")]
    while waiting:
        node, scope = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield scope + child.name
            else:
                waiting.append((child, f"{scope}{child.name}." if isinstance(child, ast.ClassDef) else scope))
