"""`successor propose`: a person's own diff, or any other agent's branch, through the same gate."""

from __future__ import annotations

import sys
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.model import BudgetOption, ModelOption, open_model, open_monitor
from agent.cli.parts import Workspace, choose_wall, demand_level, load_keys, open_evaluator, open_workspace
from agent.cli.run import ParallelOption, SandboxOption, show_candidate, tell_left_out
from agent.cli.speak import HERE, JsonOption, Voice, WorkspaceOption, speaking
from agent.cli.status import document_of
from agent.errors import Misuse, Refused
from agent.gate.trust import check_name
from agent.loop.stop import Stop
from agent.loop.store import Entry

MAX_PATCH_BYTES = 8 * 1024 * 1024


def propose(
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who proposes. This person cannot review it.")],
    patch: Annotated[
        Path | None, typer.Option(help="A unified diff, as git diff writes it; - reads it from input.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option(metavar="REV", help="A commit or branch whose files are proposed.")
    ] = None,
    sandbox: SandboxOption = None,
    parallel: ParallelOption = 0,
    model: ModelOption = None,
    budget_usd: BudgetOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Bring a change of your own, or of any other agent, through the same gate as every candidate.

    Example: `git diff | successor propose --patch - --by alice`
    """
    from agent.loop.logged import learn

    with speaking(as_json=as_json) as voice:
        if (patch is None) == (branch is None):
            raise Misuse("name what is proposed", mend="Give either --patch FILE or --branch REV")
        check_name(by)
        with open_workspace(workspace, writing=True) as opened:
            learn(opened.repository, opened.store)
            entry = _through_the_gate(opened, by, patch, branch, How(sandbox, parallel, model, budget_usd), voice)
            document = document_of(opened, entry)
            voice.answer(document, lambda console: show_candidate(console, document, opened.folder))
        if entry.state != "awaiting_review":
            raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class How:
    """With what the change is measured."""

    sandbox: str | None
    parallel: int
    model: str | None
    budget_usd: float | None


def _through_the_gate(
    opened: Workspace, by: str, patch: Path | None, branch: str | None, how: How, voice: Voice
) -> Entry:
    import os

    from agent.cli.meter import metered
    from agent.loop.allowance import Allowances
    from agent.loop.lifecycle import Lifecycle, law_of
    from agent.propose.human import from_tree, from_unified

    if patch is not None:
        proposal = from_unified(opened.base, _read_patch(patch))
    else:
        assert branch is not None
        proposal = from_tree(opened.repository.tree(opened.repository.resolve(branch)))
    keys = load_keys(opened.state)
    workers = how.parallel or os.cpu_count() or 1
    backend = choose_wall(opened, how.sandbox, workers, voice.step)
    demand_level(opened, backend)
    with (
        closing(backend),
        metered(voice, opened.settings.budget.trials) as meter,
        open_model(opened, how.model, how.budget_usd, meter.say) as supply,
        open_monitor(opened, meter.say) as monitor,
        open_evaluator(opened, backend, workers, meter.say, supply, monitor=monitor) as (evaluator, _),
    ):
        tell_left_out(evaluator.left_out, meter.say)
        meter.follow(lambda: evaluator.trials_run)
        Allowances(opened.store).demand_looks(evaluator.suites, law_of(opened.base))
        lifecycle = Lifecycle(opened.repository, opened.store, evaluator, keys, meter.say)
        entry = lifecycle.draft(opened.parent, proposal, by, None)
        if entry is None:
            raise Refused("this very change was proposed before", mend="See what became of it: successor status")
        try:
            return lifecycle.resume(entry)
        except Stop as stop:
            raise Refused(
                f"{entry.id} was not measured to the end", why=stop.message, mend="Go on with: successor resume"
            ) from stop


def _read_patch(path: Path) -> bytes:
    try:
        with nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as source:
            content = source.read(MAX_PATCH_BYTES + 1)
    except OSError as error:
        raise Misuse(f"the patch {path} cannot be read", why=error.strerror or str(error)) from error
    if len(content) > MAX_PATCH_BYTES:
        raise Misuse(f"the patch {path} is too large", why=f"more than {MAX_PATCH_BYTES} bytes")
    if not content.strip():
        raise Misuse(f"the patch {path} is empty")
    return content
