"""`successor demo`: a whole generation, offline, up to the question that only a person answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from agent.cli import render
from agent.cli.init import Level, create
from agent.cli.parts import cache_folder, open_workspace
from agent.cli.run import Wish, go
from agent.cli.speak import JsonOption, Voice, command_line, speaking
from agent.errors import Misuse
from agent.workspace import STATE_FOLDER
from sandbox.choose import choose

REVIEWER = "demo-reviewer"


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to make the workspace.")] = Path(
        "demo-workspace"
    ),
    as_json: JsonOption = False,
) -> None:
    """Create a workspace, search for a better scaffold, measure and judge it, and ask for review. No key, no network.

    Called again on the same folder, it goes on from where it stands. Example: `successor demo /tmp/my-demo`
    """
    with speaking(as_json=as_json) as voice:
        _make(folder, voice)
        if not _waiting(folder):
            _, summary = go(folder, Wish(candidates=1, yes=True, offline=True), voice)
            voice.step(f"the run ended: {summary.message}")
        _ask(folder, voice)


def _make(folder: Path, voice: Voice) -> None:
    """Make the demo workspace unless it is there. Its reviewer's key is one that nobody guards, and is marked so."""
    from agent.gate.signer import MachineKey

    if (folder / STATE_FOLDER / "keys" / REVIEWER).is_file():
        voice.step(f"{folder} is a demo workspace already; going on from where it stands")
        return
    if folder.exists() and any(folder.iterdir()):
        raise Misuse(f"{folder} is there already and is not a demo workspace", mend="Name a new folder")
    backend = choose("auto", cache_folder())
    level: Level = backend.level
    voice.step(f"sandbox: {backend.name}, isolation level {level}")
    person = MachineKey.generate()
    root = create(folder, REVIEWER, person.key, level, demo=True)
    person.save(folder / STATE_FOLDER / "keys" / REVIEWER, "demo reviewer, guarded by nobody")
    voice.step(f"workspace {folder} from the template, trust root {root}")
    if level == "reduced":
        voice.step("no Docker engine answers, so this demo's own policy (policies/bundle.yaml) accepts level reduced")


def _waiting(folder: Path) -> str | None:
    from agent.candidate import State

    with open_workspace(folder) as opened:
        waiting = opened.store.candidates([State.AWAITING_REVIEW])
        return waiting[-1].id if waiting else None


def _ask(folder: Path, voice: Voice) -> None:
    """Show what waits and how it is approved; at a terminal, ask."""
    from agent.lineage.succession import read_log

    candidate = _waiting(folder)
    if candidate is None:
        _report_nothing(folder, voice)
        return
    key = folder / STATE_FOLDER / "keys" / REVIEWER
    with open_workspace(folder) as opened:
        sheet = render.sheet(opened, opened.store.candidate(candidate))
        approve_it = render.approve_command(candidate, opened.folder, key)
        audit_it = command_line("audit", opened.folder, "--root", read_log(opened.repository).workspace)
        document = {**sheet, "approve": approve_it, "audit": audit_it}
        voice.answer(document, lambda console: _show(console, document, opened.folder, key))
    if voice.interactive and typer.confirm(f"Approve {candidate} as {REVIEWER}?", default=False):
        from agent.cli.review import approve

        approve(candidate, key, "approved in the demo", workspace=folder, as_json=False)


def _show(console: Console, document: dict[str, Any], folder: Path, key: Path) -> None:
    render.show_sheet(console, document, folder, key)
    console.print(f"audit it afterwards:   {document['audit']}", markup=False)


def _report_nothing(folder: Path, voice: Voice) -> None:
    with open_workspace(folder) as opened:
        rows = [
            {"id": e.id, "state": e.state, "note": opened.store.transitions(e.id)[-1].note}
            for e in opened.store.candidates()
        ]
    lines = [f"{row['id']}  {row['state']}  {row['note']}" for row in rows] or ["no candidate was found"]
    voice.answer({"candidates": rows}, lambda c: c.print("\n".join(["nothing waits for review", *lines]), markup=False))
    raise typer.Exit(1)
