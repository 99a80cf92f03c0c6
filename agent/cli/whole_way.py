"""The whole way, which a deep review looks at: all that changed since the last one, up to a candidate, as one diff."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from agent.cli import render
from agent.cli.parts import Workspace
from agent.cli.speak import command_line
from agent.loop.store import Entry


def since(opened: Workspace, entry: Entry) -> str:
    """Return the commit at which the whole way to a candidate begins."""
    from agent.lineage.deep import last_deep_review
    from agent.lineage.succession import read_log

    return last_deep_review(opened.repository, read_log(opened.repository), entry.base_commit)


def whole_way(opened: Workspace, entry: Entry) -> dict[str, Any]:
    """Return where the way begins, which successors lie on it, its size, and the diff from its beginning to its end."""
    from agent.edits.unified import line_counts, unified_diff
    from agent.lineage.standing import ancestry
    from agent.lineage.succession import read_log
    from agent.loop.judging import trees_of

    start = since(opened, entry)
    before = opened.repository.tree(start)
    _, after = trees_of(opened.store, opened.repository, entry)
    passed: list[str] = []
    for commit, candidate in ancestry(opened.repository, read_log(opened.repository), entry.base_commit):
        if commit == start:
            break
        passed.append(candidate)
    return {
        "since": start,
        "successors": passed[::-1],
        "lines": sum(map(sum, line_counts(before, after).values())),
        "diff": unified_diff(before, after).decode("utf-8", "backslashreplace"),
    }


def show_whole_way(console: Console, document: dict[str, Any], folder: Path) -> None:
    """Print the way, and the command that signs that it was looked at."""
    way = document["whole_way"]
    steps = ", ".join([*way["successors"], document["id"]])
    console.print(f"\n[bold]The whole way[/bold] since {way['since']}: {steps}; {way['lines']} lines")
    render.show_diff(console, way["diff"])
    if document["state"] == "awaiting_review":
        line = command_line("review", "approve", document["id"], "--deep", "--key", "KEY", workspace=folder)
        console.print(f"\napprove it, and say that you looked at all of it:  {line}", markup=False)
