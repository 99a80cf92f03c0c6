"""`successor review drill` and `drills`: whether who reviews reads what is approved."""

from __future__ import annotations

import secrets
from collections import Counter
from typing import Any

from rich.console import Console

from agent.cli.parts import Workspace, open_workspace
from agent.cli.review import app
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, plain, speaking

__all__ = ["app"]


@app.command()
def drill(workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Put a change with a plain flaw among those that wait, to see whether it is noticed. It can never be committed.

    Example: `successor review drill`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        from agent.candidate import State
        from agent.loop.drilling import Drilling

        Drilling(opened.repository, opened.store, opened.parent, secrets.randbits(63)).make()
        waiting = len(opened.store.candidates([State.AWAITING_REVIEW], drills=True))
        among = f"among {waiting} that wait" if waiting > 1 else "and nothing else, by which it can be told"
        line = f"a drill waits for review, {among}; how it ends is told by: successor review drills"
        voice.answer({"waiting": waiting}, lambda c: c.print(line, markup=False))


@app.command()
def drills(workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Say how drills ended: what was wrong, who decided, and whether it was noticed. Not which one waits.

    Example: `successor review drills`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        document = _document(opened)
        voice.answer(document, lambda console: _show(console, document))


def _document(opened: Workspace) -> dict[str, Any]:
    from agent.candidate import State
    from agent.loop.drills import NOTICED, Drills

    account = Drills(opened.store)
    known = [(entry, one, account.decided_by(entry)) for entry, one in account.entries()]
    ended = [
        {
            "candidate": entry.id, "flaw": one.flaw, "told": one.told, "state": entry.state, "by": by,
            "noticed": entry.state in NOTICED if by else None, "at": opened.store.transitions(entry.id)[-1].at,
        }
        for entry, one, by in known
        if entry.state is not State.AWAITING_REVIEW
    ]  # fmt: skip
    looked = Counter(one["by"] for one in ended if one["by"])
    noticed = Counter(one["by"] for one in ended if one["noticed"])
    return {
        "ended": ended,
        "reviewers": [{"name": name, "noticed": noticed[name], "of": count} for name, count in sorted(looked.items())],
    }


def _show(console: Console, document: dict[str, Any]) -> None:
    for one in document["ended"]:
        word = f"{'noticed' if one['noticed'] else 'approved'} by {one['by']}" if one["by"] else "not looked at"
        console.print(f"{plain(one['candidate'])}  {plain(word)}: {plain(one['told'])}")
    for one in document["reviewers"]:
        console.print(f"{plain(one['name'])} noticed {one['noticed']} of {one['of']}")
    if not document["ended"]:
        console.print("no drill was decided so far")
