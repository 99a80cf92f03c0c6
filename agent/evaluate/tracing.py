"""Which definitions each dev task went through, told by the scaffold's own process: a hint where to look, no evidence.

`sandbox/guest/trace.py` does the telling. A scaffold can tell anything in its name, so only names of definitions that
the tree has, as the host reads it, are taken, for tasks that were asked, and no more than there can be.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from agent.edits.tree import Tree
from sandbox.attempt import LONGEST_SECONDS
from sandbox.contract import CANDIDATE_ROOT, GUEST, Command

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


def read_trace(told: bytes, nonce: str, known: Collection[str], tasks: Collection[str]) -> dict[str, frozenset[str]]:
    """Return what is credible of what was told on standard error; never raises."""
    names: list[str] = []
    before: frozenset[str] = frozenset()
    found: dict[str, frozenset[str]] = {}
    for record in _records(told, nonce):
        new, ran, task = record.get("new"), record.get("ran"), record.get("id")
        if not isinstance(new, list) or not isinstance(ran, list) or len(names) + len(new) > NAMES_CAP:
            break
        names += [name if isinstance(name, str) else "" for name in new]
        here = frozenset(names[n] for n in ran if type(n) is int and 0 <= n < len(names)) & frozenset(known)
        if task is None and not found:
            before = here
        elif isinstance(task, str) and task in tasks and task not in found:
            found[task] = before | here
    return found


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
