"""`successor run` and `resume`: the unattended loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape

from agent.candidate import LeftOut
from agent.cli.model import LOCAL, BudgetOption, ModelOption, Supply, open_model, open_monitor
from agent.cli.parts import (
    Workspace,
    choose_wall,
    demand_clean,
    demand_level,
    load_canaries,
    load_keys,
    open_evaluator,
    open_workspace,
)
from agent.cli.speak import HERE, JsonOption, Voice, WorkspaceOption, command_line, plain, speaking, visible
from agent.errors import Refused
from agent.loop.stop import Halt
from agent.loop.store import Entry
from agent.workspace import MOST_SEED, STATE_FOLDER, Budget, find_workspace

if TYPE_CHECKING:
    from agent.evaluate.evaluator import Evaluator
    from agent.propose.proposer import Proposer
    from sandbox.contract import Backend

SandboxOption = Annotated[
    Literal["auto", "docker", "bubblewrap"] | None,
    typer.Option("--sandbox", help="Which wall; default: what successor.toml says."),
]
ParallelOption = Annotated[
    int, typer.Option("--parallel", min=0, max=64, help="Sandboxes at once; 0: one for each core.")
]

MOST_CANDIDATES = 1_000_000
"""Of one run. Long before, they share its error so finely that none can be promoted."""


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
    proposer: Literal["auto", "claude", "codemod"] = "auto"
    model: str | None = None
    budget_usd: float | None = None
    offline: bool = False
    """Whether to do without a model, even where there is one."""


def run(
    candidates: Annotated[
        int, typer.Option("--candidates", "-n", min=1, max=MOST_CANDIDATES, help="How many to make at most.")
    ] = 1,
    proposer: Annotated[
        Literal["auto", "claude", "codemod"],
        typer.Option(
            help="Who drafts them: the scaffold itself with a model, or an offline search; auto: as there is."
        ),
    ] = "auto",
    model: ModelOption = None,
    budget_usd: BudgetOption = None,
    sandbox: SandboxOption = None,
    parallel: ParallelOption = 0,
    trials: Annotated[int | None, typer.Option(min=1, help="Budget of trials; default: successor.toml.")] = None,
    seconds: Annotated[int | None, typer.Option(min=1, help="Budget of seconds; default: successor.toml.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=MOST_SEED, help="Seed of the search; default: successor.toml.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Pay for each candidate without asking.")] = False,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Propose, evaluate and judge candidates, until one waits for review, a budget is spent, or `successor halt`.

    With ANTHROPIC_API_KEY set, or `--model local:FILE`, the newest generation works on its own code; without, an
    offline search does. Nothing is committed. Example: `successor run -n 2 --budget-usd 3`
    """
    with speaking(as_json=as_json) as voice:
        wish = Wish(candidates, sandbox, parallel, trials, seconds, seed, yes, proposer, model, budget_usd)
        report(voice, *go(workspace, wish, voice))


def resume(
    sandbox: SandboxOption = None,
    parallel: ParallelOption = 0,
    model: ModelOption = None,
    budget_usd: BudgetOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Lift a halt, and take up what an interrupted or killed run left open. Nothing that was paid is paid again.

    Example: `successor resume`
    """
    with speaking(as_json=as_json) as voice:
        Halt(find_workspace(workspace.resolve()) / STATE_FOLDER).clear()
        report(voice, *go(workspace, Wish(0, sandbox, parallel, yes=True, model=model, budget_usd=budget_usd), voice))


def go(start: Path, wish: Wish, voice: Voice) -> tuple[Workspace, Any]:
    """Run the loop as wished; returns the workspace (closed again, for its names) and the summary."""
    from agent.cli.meter import metered
    from agent.loop.lifecycle import Lifecycle
    from agent.loop.logged import learn
    from agent.loop.run import Run

    with open_workspace(start, writing=True) as found:
        workspace = replace(found, settings=_with_budget(found, wish))
        demand_clean(workspace)
        learn(workspace.repository, workspace.store)
        _demand_machines(workspace, wish)
        keys = load_keys(workspace.state)
        workers = wish.parallel or os.cpu_count() or 1
        backend = choose_wall(workspace, wish.sandbox, workers, voice.step)
        demand_level(workspace, backend)
        with (
            closing(backend),
            metered(voice, workspace.settings.budget.trials) as meter,
            _model(workspace, wish, meter.say) as supply,
            open_monitor(workspace, meter.say) as monitor,
            open_evaluator(workspace, backend, workers, meter.say, supply, monitor=monitor) as (evaluator, checkpoint),
        ):
            meter.follow(lambda: evaluator.trials_run)
            _tell_beforehand(workspace, evaluator, wish, meter.say)
            lifecycle = Lifecycle(workspace.repository, workspace.store, evaluator, keys, meter.say)
            name, proposer = _proposer(wish, supply, workspace, backend, evaluator, meter.say)
            loop = Run(
                lifecycle,
                workspace.settings,
                proposer,
                name,
                checkpoint,
                seed=workspace.settings.seed if wish.seed is None else wish.seed,
                max_changed_lines=changed_lines_allowed(workspace),
                confirm=_confirm(workspace, wish, voice),
                diagnoses=name == "claude",
                spent=supply.spent,
            )
            return workspace, loop.go(wish.candidates)


def _model(workspace: Workspace, wish: Wish, say: Callable[[str], None]) -> AbstractContextManager[Supply]:
    """The model that was wished for. An offline run has none, whatever there is."""
    if wish.offline:
        return nullcontext(Supply(None, "this run is offline"))
    return open_model(workspace, wish.model, wish.budget_usd, say)


def _tell_beforehand(workspace: Workspace, evaluator: Evaluator, wish: Wish, say: Callable[[str], None]) -> None:
    """Say what cannot be measured here, and whether the run is hardly worth starting, before anything is paid."""
    from agent.cli.plan import warn

    tell_left_out(evaluator.left_out, say)
    if wish.candidates:
        warn(workspace, evaluator, wish.candidates, wish.model, wish.budget_usd, say)


def tell_left_out(left_out: Sequence[LeftOut], say: Callable[[str], None]) -> None:
    """Name what cannot be measured here, before anything is paid."""
    for one in left_out:
        say(f"left out: suite {one.suite}{one.task and f', task {one.task}'}: {one.why}")


def _demand_machines(workspace: Workspace, wish: Wish) -> None:
    """Raise `Refused` where candidates are wanted of a machine and the workspace takes none of a machine's."""
    if workspace.settings.autonomy == "manual" and wish.candidates:
        raise Refused(
            "this workspace takes patches from people only",
            why='its autonomy is "manual"',
            mend="Bring one with: successor propose --patch FILE --by NAME",
        )


def _proposer(
    wish: Wish, supply: Supply, workspace: Workspace, backend: Backend, evaluator: Evaluator, say: Callable[[str], None]
) -> tuple[str, Proposer]:
    """Who drafts candidates, and under which name."""
    if wish.proposer == "codemod" or (wish.proposer == "auto" and supply.desk is None):
        from agent.propose.codemod import Codemod

        if wish.proposer == "auto" and wish.candidates and not wish.offline:
            say(f"no model ({supply.why}): an offline search proposes")
        return "codemod", Codemod()
    from agent.evaluate.limits import limits_of
    from agent.propose.claude import SMALL, Claude, Effort

    desk, limits = supply.demanded("the claude proposer"), limits_of(workspace.settings.sandbox)
    say(f"{desk.identity} proposes, through the parent's own scaffold")
    effort = SMALL if (wish.model or "").startswith(LOCAL) else Effort()
    bait = load_canaries(workspace.state)
    return "claude", Claude(
        backend, limits, desk, shown=evaluator.shown, stage=evaluator.stage, effort=effort, bait=bait
    )


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
        "spent": {
            "calls": summary.spent.calls,
            "tokens": asdict(summary.spent.usage),
            "micro_usd": summary.spent.micro_usd,
        },
        "candidates": [
            {"id": e.id, "state": e.state, "note": summary.notes.get(e.id, ""), "trials": e.trials}
            for e in summary.candidates
        ],
    }
    voice.answer(document, lambda console: _show_run(console, document, workspace.folder))
    codes = {"failed": 3, "interrupted": 130, "halted": 1}
    if summary.ending in codes:
        raise typer.Exit(codes[summary.ending])


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
