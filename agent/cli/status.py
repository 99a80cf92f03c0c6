"""`successor status` and `halt`: where everything stands, and the hand on the loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from agent.cli.parts import Workspace, open_workspace
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, plain, speaking, visible
from agent.loop.stop import Halt
from agent.loop.store import Entry
from agent.workspace import STATE_FOLDER, find_workspace


def halt(
    reason: Annotated[str, typer.Option(help="Shown to whoever asks why nothing runs.")] = "asked by a person",
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Stop the run of this workspace, from any shell, and let none start until `successor resume`.

    Example: `successor halt --reason "looking at a strange candidate"`
    """
    with speaking(as_json=as_json) as voice:
        Halt(find_workspace(workspace.resolve()) / STATE_FOLDER).set(reason)
        voice.answer({"halted": True, "reason": reason}, lambda c: c.print("halted; go on with: successor resume"))


def status(workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Say where every candidate stands, what the last run did and why it stopped.

    Example: `successor status`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        last = opened.store.runs()[-1:]
        reason = Halt(opened.state).reason
        entries = opened.store.candidates(drills=True)  # who reviews must not learn from here which is one
        document = {
            "workspace": opened.settings.name,
            "parent": opened.parent,
            "halted": reason,
            "last_run": asdict(last[0]) if last else None,
            "error": _error(opened, last[0].id if last else None),
            "candidates": [document_of(opened, entry) for entry in entries],
        }
        voice.answer(document, lambda console: _show_status(console, document))


def _error(opened: Workspace, run: int | None) -> dict[str, Any]:
    """What tests may still err: the budget of the last run, and the looks at held-out tasks that are left."""
    from agent.loop.allowance import Allowances

    accounts, allowed = Allowances(opened.store), opened.settings.heldout.looks
    budget = accounts.budget(run) if run is not None else None
    return {
        "run": {**budget.document(), "left_ppb": budget.left_ppb} if budget else None,
        "heldout_looks": [
            {"suite": suite, "exam": exam, "used": used, "allowed": allowed} for exam, suite, used in accounts.looked()
        ],
    }


def document_of(opened: Workspace, entry: Entry) -> dict[str, Any]:
    """What `status` says about one candidate."""
    last = opened.store.transitions(entry.id)[-1]
    return {
        "id": entry.id, "state": entry.state, "proposer": entry.proposer, "base_commit": entry.base_commit,
        "created": entry.created, "trials": entry.trials, "since": last.at, "note": last.note,
    }  # fmt: skip


def _show_status(console: Console, document: dict[str, Any]) -> None:
    console.print(f"[bold]{escape(document['workspace'])}[/bold]  parent {document['parent'][:12]}")
    if document["halted"] is not None:
        console.print(f"[bold red]halted[/bold red]: {escape(visible(document['halted']))}")
    last = document["last_run"]
    if last:
        ending = last["ending"] or "killed, or still running"
        console.print(
            f"run {last['id']}: {ending}; {last['made']} made, {last['trials']} trials. {plain(last['message'])}"
        )
    for line in _error_lines(document["error"]):
        console.print(line, markup=False)
    for candidate in document["candidates"]:
        note = escape(visible(candidate["note"])[:100])
        console.print(f"  {plain(candidate['id'])}  {candidate['state']:<16} {plain(candidate['proposer']):<10} {note}")
    if not document["candidates"]:
        console.print("  no candidates yet; make one with: successor run")


def _error_lines(error: dict[str, Any]) -> Iterator[str]:
    from agent.gate.wording import chance

    run = error["run"]
    if run:
        yield (
            f"error of that run: {chance(run['left_ppb'])} of {chance(run['alpha_ppb'])} left; {run['tested']} tested, "
            f"{run['promoted']} promoted, {run['screened_out']} ended before a test, of {run['candidates']}"
        )
    for one in error["heldout_looks"]:
        spent = "; no more until it has new tasks" if one["used"] >= one["allowed"] else ""
        yield f"held-out looks at {one['suite']}: {one['used']} of {one['allowed']} used{spent}"
