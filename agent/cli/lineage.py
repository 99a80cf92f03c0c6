"""`successor lineage` and `show`: what has passed, and on which evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from agent.cli import render
from agent.cli.parts import open_workspace
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, plain, speaking, visible

if TYPE_CHECKING:
    from agent.lineage.gate_log import LogEntry
    from agent.lineage.standing import Standing


def lineage(workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """List every decision of the gate log: what was kept, what was refused, by whom and why.

    Example: `successor lineage`
    """
    from agent.lineage.standing import entries, standings
    from agent.lineage.succession import read_log

    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        log = read_log(opened.repository)
        history = entries(opened.repository, log)
        where = standings(history)
        rows = [
            {**entry.model_dump(mode="json", by_alias=True), "revoked_by": _revoked_by(where, entry)}
            for entry in history
        ]
        document = {"root": log.workspace, "log": log.commit, "parent": opened.parent, "entries": rows}
        voice.answer(document, lambda console: _show_lineage(console, document))


def show(
    candidate: Annotated[str, typer.Argument(metavar="ID", help="A candidate or successor.")],
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show any candidate, whatever became of it.

    Example: `successor show c1f`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        sheet = render.sheet(opened, opened.store.candidate(candidate))
        voice.answer(sheet, lambda console: render.show_sheet(console, sheet, opened.folder))


def _revoked_by(where: Mapping[str, Standing], entry: LogEntry) -> int | None:
    """By which entry a successor, or what it descends from, was revoked."""
    found = where.get(entry.candidate or "") if entry.kind == "successor" else None
    return found.revoked_by if found else None


def _show_lineage(console: Console, document: dict[str, Any]) -> None:
    console.print(f"root {document['root']}")
    for entry in document["entries"]:
        what = entry["candidate"] or ("generation 0" if entry["kind"] == "genesis" else "")
        commit = (entry["commit"] or "")[:12]
        mark = "  [bold]← newest[/bold]" if entry["commit"] == document["parent"] else ""
        mark += f"  [red]revoked by entry {entry['revoked_by']}[/red]" if entry["revoked_by"] is not None else ""
        by = plain(", ".join(entry["by"]))
        reason = escape(visible(entry["reason"])[:120])
        console.print(f"{entry['index']:>4}  {entry['kind']:<10} {what:<14} {commit:<12} {by:<12} {reason}{mark}")
