"""`successor run`, `resume`, `status` and `halt`: the unattended loop, and the hand on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape

from agent.cli.parts import (
    Workspace,
    choose_wall,
    demand_clean,
    demand_level,
    load_keys,
    open_evaluator,
    open_workspace,
)
from agent.cli.speak import HERE, JsonOption, Voice, WorkspaceOption, command_line, plain, speaking, visible
from agent.errors import Refused
from agent.loop.stop import Halt
from agent.loop.store import Entry
from agent.workspace import STATE_FOLDER, Budget, find_workspace

SandboxOption = Annotated[
    Literal["auto", "docker", "bubblewrap"] | None,
    typer.Option("--sandbox", help="Which wall; default: what successor.toml says."),
]
ParallelOption = Annotated[
    int, typer.Option("--parallel", min=0, max=64, help="Sandboxes at once; 0: one for each core.")
]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run was asked for on the command line."""

    candidates: int
    sandbox: Literal["auto", "docker", "bubblewrap"] | None = None
    parallel: int = 0
    trials: int | None = None
    seconds: int | None = None
    seed: int | None = None
    yes: bool = False


def run(
    candidates: Annotated[int, typer.Option("--candidates", "-n", min=1, help="How many to make at most.")] = 1,
    proposer: Annotated[Literal["codemod"], typer.Option(help="Who drafts them: an offline search.")] = "codemod",
    sandbox: SandboxOption = None,
    parallel: ParallelOption = 0,
    trials: Annotated[int | None, typer.Option(min=1, help="Budget of trials; default: successor.toml.")] = None,
    seconds: Annotated[int | None, typer.Option(min=1, help="Budget of seconds; default: successor.toml.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the search; default: successor.toml.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Pay for each candidate without asking.")] = False,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Propose, evaluate and judge candidates, until one waits for review, a budget is spent, or `successor halt`.

    Nothing is committed. Example: `successor run -n 2 --seconds 600`
    """
    del proposer  # one proposer so far; named so that scripts are explicit
    with speaking(as_json=as_json) as voice:
        wish = Wish(candidates, sandbox, parallel, trials, seconds, seed, yes)
        report(voice, *go(workspace, wish, voice))


def resume(
    sandbox: SandboxOption = None,
    parallel: ParallelOption = 0,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Lift a halt, and take up what an interrupted or killed run left open. Nothing that was paid is paid again.

    Example: `successor resume`
    """
    with speaking(as_json=as_json) as voice:
        Halt(find_workspace(workspace.resolve()) / STATE_FOLDER).clear()
        report(voice, *go(workspace, Wish(0, sandbox, parallel, yes=True), voice))


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
        entries = opened.store.candidates()
        document = {
            "workspace": opened.settings.name,
            "parent": opened.parent,
            "halted": reason,
            "last_run": asdict(last[0]) if last else None,
            "candidates": [document_of(opened, entry) for entry in entries],
        }
        voice.answer(document, lambda console: _show_status(console, document))


def go(start: Path, wish: Wish, voice: Voice) -> tuple[Workspace, Any]:
    """Run the loop as wished; returns the workspace (closed again, for its names) and the summary."""
    from agent.cli.meter import metered
    from agent.loop.lifecycle import Lifecycle
    from agent.loop.run import Run
    from agent.propose.codemod import Codemod

    with open_workspace(start, writing=True) as found:
        workspace = replace(found, settings=_with_budget(found, wish))
        demand_clean(workspace)
        if workspace.settings.autonomy == "manual" and wish.candidates:
            raise Refused(
                "this workspace takes patches from people only", why='its autonomy is "manual"',
                mend="Bring one with: successor propose --patch FILE --by NAME",
            )  # fmt: skip
        keys = load_keys(workspace.state)
        workers = wish.parallel or os.cpu_count() or 1
        backend = choose_wall(workspace, wish.sandbox, workers, voice.step)
        demand_level(workspace, backend)
        with (
            closing(backend),
            metered(voice, workspace.settings.budget.trials) as meter,
            open_evaluator(workspace, backend, workers, meter.say) as (evaluator, checkpoint),
        ):
            meter.follow(lambda: evaluator.trials_run)
            lifecycle = Lifecycle(workspace.repository, workspace.store, evaluator, keys, meter.say)
            loop = Run(
                lifecycle,
                workspace.settings,
                Codemod(),
                "codemod",
                checkpoint,
                seed=workspace.settings.seed if wish.seed is None else wish.seed,
                max_changed_lines=changed_lines_allowed(workspace),
                confirm=_confirm(workspace, wish, voice),
            )
            return workspace, loop.go(wish.candidates)


def changed_lines_allowed(workspace: Workspace) -> int:
    """The policy's limit, told to the proposer so that it does not waste its budget on what cannot pass."""
    from agent.gate.dossier import policies_of
    from agent.gate.rules import load_bundle

    limit = load_bundle(policies_of(workspace.base)).parameters.get("max_changed_lines", 400)
    return limit if isinstance(limit, int) else 400


def report(voice: Voice, workspace: Workspace, summary: Any) -> None:
    """Give the run's answer; exit 1 when it ended for a reason that a person must look at."""
    from agent.loop.run import Summary

    assert isinstance(summary, Summary)
    document = {
        "run": summary.run,
        "ending": summary.ending,
        "message": summary.message,
        "trials": summary.trials,
        "host_cpu_ms": summary.host_cpu_ms,
        "candidates": [
            {"id": e.id, "state": e.state, "note": summary.notes.get(e.id, ""), "trials": e.trials}
            for e in summary.candidates
        ],
    }
    voice.answer(document, lambda console: _show_run(console, document, workspace.folder))
    codes = {"failed": 3, "interrupted": 130, "halted": 1}
    if summary.ending in codes:
        raise typer.Exit(codes[summary.ending])


def document_of(opened: Workspace, entry: Entry) -> dict[str, Any]:
    """What `status` says about one candidate."""
    last = opened.store.transitions(entry.id)[-1]
    return {
        "id": entry.id, "state": entry.state, "proposer": entry.proposer, "base_commit": entry.base_commit,
        "created": entry.created, "trials": entry.trials, "since": last.at, "note": last.note,
    }  # fmt: skip


def _with_budget(workspace: Workspace, wish: Wish) -> Any:
    budget = workspace.settings.budget
    changed = Budget(
        trials=wish.trials or budget.trials,
        seconds=wish.seconds or budget.seconds,
        # Half of a small budget is left for the evidence; a candidate that cannot be measured is worth nothing.
        search_trials=min(budget.search_trials, (wish.trials or budget.trials) // 2 or 1),
    )
    return workspace.settings.model_copy(update={"budget": changed})


def _confirm(workspace: Workspace, wish: Wish, voice: Voice) -> Callable[[Entry], bool]:
    """How a candidate is announced before it is paid for: `assisted` asks, `unattended` does not."""
    if wish.yes or workspace.settings.autonomy == "unattended":
        return lambda _: True
    if not voice.interactive:
        raise Refused(
            "nobody is here to say yes to a candidate", why='the autonomy of this workspace is "assisted"',
            mend="Run at a terminal, or say yes to all with --yes",
        )  # fmt: skip
    return lambda entry: typer.confirm(f"Evaluate candidate {entry.id} ({entry.trials} search trials so far)?")


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
    for candidate in document["candidates"]:
        note = escape(visible(candidate["note"])[:100])
        console.print(f"  {plain(candidate['id'])}  {candidate['state']:<16} {plain(candidate['proposer']):<10} {note}")
    if not document["candidates"]:
        console.print("  no candidates yet; make one with: successor run")


def _show_run(console: Console, document: dict[str, Any], folder: Path) -> None:
    console.print(f"run {document['run']} ended: [bold]{document['ending']}[/bold]. {plain(document['message'])}")
    console.print(f"{document['trials']} trials paid")
    for candidate in document["candidates"]:
        show_candidate(console, candidate, folder)


def show_candidate(console: Console, candidate: dict[str, Any], folder: Path) -> None:
    """Print where a candidate has come to, and what to do next."""
    console.print(
        f"  {plain(candidate['id'])}  [bold]{candidate['state']}[/bold]  {escape(visible(candidate['note']))}"
    )
    if candidate["state"] == "awaiting_review":
        look = command_line("review", "show", candidate["id"], workspace=folder)
        console.print(f"    look at it with: {look}", markup=False)
