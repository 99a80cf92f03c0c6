"""`successor review`: look at what waits, and decide. Nothing else commits."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from agent.cli import render
from agent.cli.parts import Workspace, open_workspace
from agent.cli.speak import HERE, JsonOption, Voice, WorkspaceOption, speaking, visible
from agent.errors import Misuse
from agent.gate.review import Decision

if TYPE_CHECKING:
    from agent.loop.decide import Outcome

app = typer.Typer(help="Look at what waits for review, and decide.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The candidate, or the beginning of its ID.")]
KeyOption = Annotated[Path, typer.Option("--key", help="Your SSH key: a file, or the .pub of one in an agent.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, in one sentence; it is signed and kept.")]


@app.command(name="list")
def list_(workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """List the candidates that wait for a person.

    Example: `successor review list`
    """
    from agent.candidate import State

    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        waiting = opened.store.candidates([State.AWAITING_REVIEW], drills=True)
        rows = [render.card(opened, entry) for entry in waiting]
        voice.answer({"candidates": rows}, lambda console: render.show_cards(console, rows))


@app.command()
def show(
    candidate: IdArgument,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also everything since the last deep review, as one diff.")
    ] = False,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show one candidate: what changed, the evidence, the verdict, the exact diff.

    Example: `successor review show c1f`
    """
    from agent.cli.whole_way import show_whole_way, whole_way

    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        entry = opened.store.candidate(candidate)
        sheet = render.sheet(opened, entry)
        if deep:
            sheet["whole_way"] = whole_way(opened, entry)

        def print_it(console: Console) -> None:
            render.show_sheet(console, sheet, opened.folder)
            if deep:
                show_whole_way(console, sheet, opened.folder)

        voice.answer(sheet, print_it)


@app.command()
def approve(
    candidate: IdArgument,
    key: KeyOption,
    reason: Annotated[str, typer.Option("--reason", help="Why, in one sentence; it is signed and kept.")] = "",
    deep: Annotated[
        bool, typer.Option("--deep", help="You looked at everything since the last deep review: review show --deep.")
    ] = False,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Sign an approval of exactly what `review show` shows, and commit the successor when enough people have.

    Example: `successor review approve c1f --key ~/.ssh/id_ed25519`
    """
    _decide(candidate, key, Decision.APPROVE, reason, workspace, as_json=as_json, deep=deep)


@app.command()
def reject(
    candidate: IdArgument, reason: ReasonOption, key: KeyOption, workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Sign a rejection; it is kept in the gate log.

    Example: `successor review reject c1f --reason "..." --key KEY`
    """
    _decide(candidate, key, Decision.REJECT, reason, workspace, as_json=as_json)


@app.command(name="request-changes")
def request_changes(
    candidate: IdArgument,
    comment: Annotated[str, typer.Option("--comment", help="What should change.")],
    key: KeyOption,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Close a candidate with a signed comment.

    Example: `successor review request-changes c1f --comment "..." --key KEY`
    """
    _decide(candidate, key, Decision.REQUEST_CHANGES, comment, workspace, as_json=as_json)


@app.command()
def export(
    candidate: IdArgument,
    to: Annotated[Path, typer.Option("--to", help="The file to write.")],
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write what is to be signed to a file, for a reviewer elsewhere.

    Example: `successor review export c1f --to c1f.json`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        from agent.loop.decide import check_open

        entry = check_open(opened.store.candidate(candidate))
        request = opened.decisions().dossier(entry).request
        to.write_text(request.model_dump_json(indent=2) + "\n", "utf-8")
        voice.answer(
            {"file": str(to)}, lambda c: c.print(f"sign it with: successor review sign {to} --key KEY", markup=False)
        )


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `review export` wrote.")],
    key: KeyOption,
    reviewer: Annotated[
        str | None, typer.Option("--reviewer", help="Your name in the trust root. Default: you.")
    ] = None,
    decision: Annotated[Decision, typer.Option(help="What you decide.")] = Decision.APPROVE,
    reason: Annotated[str, typer.Option("--reason", help="Why, in one sentence.")] = "",
    since: Annotated[
        str | None, typer.Option("--since", help="The commit since which you looked at everything: review show --deep.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="The file to write. Default: FILE.signed")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sign an exported request; needs no workspace.

    Example: `successor review sign c1f.json --key ~/.ssh/id_ed25519`
    """
    from agent.gate.review import ReviewRequest, sign_review
    from agent.gate.signer import SshKeygen

    with speaking(as_json=as_json) as voice:
        try:
            request = ReviewRequest.model_validate_json(file.read_bytes())
        except ValueError as error:
            raise Misuse(f"{file} is not what review export writes", why=str(error).split("\n", 1)[0]) from error
        envelope = sign_review(request, decision, reason, reviewer or getpass.getuser(), SshKeygen(key), since=since)
        target = to or file.with_name(file.name + ".signed")
        target.write_bytes(envelope)
        voice.answer(
            {"file": str(target)}, lambda c: c.print(f"hand it in with: successor review import {target}", markup=False)
        )


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `review sign` wrote.")],
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Hand in a signed review made elsewhere.

    Example: `successor review import c1f.json.signed`
    """
    from agent.gate.review import Review
    from agent.gate.statement import StatementKind, decode, parse_envelope

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        envelope = file.read_bytes()
        # Which candidate it claims to be about; whether that is true is checked where it is handed in.
        _, claimed = decode(StatementKind.REVIEW, parse_envelope(envelope).payload, Review)
        _hand_in(voice, opened, claimed.request.candidate, envelope)


def _decide(
    candidate: str, key: Path, decision: Decision, reason: str, workspace: Path, *, as_json: bool, deep: bool = False
) -> None:
    from agent.cli.whole_way import since
    from agent.gate.review import sign_review
    from agent.gate.signer import SshKeygen
    from agent.lineage.succession import read_log
    from agent.loop.decide import check_open

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        entry = check_open(opened.store.candidate(candidate))
        request = opened.decisions().dossier(entry).request
        signer = SshKeygen(key)
        owner = read_log(opened.repository).root.owner(signer.key)
        # A key that nobody owns signs in its holder's login name; handing it in then says that it is unknown.
        name = owner[0].name if owner else getpass.getuser()
        start = since(opened, entry) if deep else None
        _hand_in(voice, opened, entry.id, sign_review(request, decision, reason, name, signer, since=start))


def _hand_in(voice: Voice, opened: Workspace, candidate: str, envelope: bytes) -> None:
    from agent.loop.decide import check_open

    entry = check_open(opened.store.candidate(candidate))
    outcome = opened.decisions().hand_in(entry, envelope)
    document: dict[str, Any] = {
        "candidate": outcome.entry.id,
        "state": outcome.entry.state,
        "reviewer": outcome.reviewer,
        "approvals": {"given": outcome.given, "needed": outcome.needed},
        "commit": outcome.recorded.commit if outcome.recorded else None,
        "branch": outcome.recorded.branch if outcome.recorded else None,
        "drill": _drill(outcome),
    }
    voice.answer(document, lambda console: console.print(escape(visible(_sentence(document)))))


def _drill(outcome: Outcome) -> dict[str, Any] | None:
    """What it is said of a drill once it is decided; None of a candidate."""
    if outcome.drill is None:
        return None
    from agent.loop.drills import NOTICED

    return {"flaw": outcome.drill.flaw, "told": outcome.drill.told, "noticed": outcome.entry.state in NOTICED}


def _sentence(document: dict[str, Any]) -> str:
    if drill := document["drill"]:
        noticed = "You did not let it pass." if drill["noticed"] else "It was approved; nothing is committed."
        return f"{document['candidate']} was a drill: {drill['told']}. {noticed}"
    if document["branch"]:
        return f"{document['branch']} is committed: {document['commit']}"
    if document["state"] == "awaiting_review":
        given, needed = document["approvals"].values()
        return f"{document['candidate']} has {given} of {needed} approvals"
    return f"{document['candidate']} is {document['state']}; the decision by {document['reviewer']} is kept"
