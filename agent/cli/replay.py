"""`successor replay`: run recorded trials again, and say whether the same comes of them."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from agent.cli.meter import metered
from agent.cli.model import TRANSCRIPTS, Supply
from agent.cli.parts import Workspace, choose_wall, open_evaluator, open_workspace
from agent.cli.run import ParallelOption, SandboxOption
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking, visible
from agent.errors import Misuse, Refused, UnknownId

if TYPE_CHECKING:
    from agent.edits.tree import Tree
    from agent.evaluate.replay import Replayed


def replay(
    subject: Annotated[str, typer.Argument(metavar="ID", help="A candidate, or a commit or branch.")],
    transcripts: Annotated[
        bool, typer.Option("--transcripts", help="Run trials with a model again, on the answers that it gave.")
    ] = False,
    sandbox: SandboxOption = None,
    parallel: ParallelOption = 0,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Run the recorded trials of a generation or candidate again, and say whether the same comes of them.

    No model is asked and nothing is paid. Example: `successor replay c381 --transcripts`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        if not transcripts:
            raise Misuse("say what is replayed", mend=f"Trials with a model: successor replay {subject} --transcripts")
        from sandbox.broker.transcript import FolderTranscripts

        tree = _tree(opened, subject)
        stored = FolderTranscripts(opened.state / TRANSCRIPTS)
        workers = parallel or os.cpu_count() or 1
        backend = choose_wall(opened, sandbox, workers, voice.step)
        with (
            closing(backend),
            metered(voice, opened.settings.budget.trials) as meter,
            open_evaluator(opened, backend, workers, meter.say, Supply(None), every=True) as (evaluator, _),
        ):
            found = evaluator.replay(tree, stored.get)
        if not found:
            raise Refused(
                f"{subject} has no trial with a model", mend="Measure it with one: successor bench --model NAME"
            )
        rows = [_row(one) for one in found]
        reproduced = all(one.reproduced for one in found)
        voice.answer({"subject": subject, "reproduced": reproduced, "trials": rows}, lambda c: _show(c, rows))
        if not reproduced:
            raise typer.Exit(1)


def _tree(opened: Workspace, subject: str) -> Tree:
    from agent.loop.judging import trees_of

    try:
        return trees_of(opened.store, opened.repository, opened.store.candidate(subject))[1]
    except UnknownId:
        return opened.repository.tree(opened.repository.resolve(subject))


def _row(one: Replayed) -> dict[str, Any]:
    return {
        "split": one.key.split, "task": one.key.task, "repeat": one.key.repeat, "model": one.key.model,
        "recorded_ppm": one.recorded, "again_ppm": one.again, "calls": one.calls, "strangers": one.strangers,
        "unasked": one.unasked, "reproduced": one.reproduced, "why": one.why,
    }  # fmt: skip


def _show(console: Console, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        name = f"{row['split']:<8} {row['task']} #{row['repeat']}"
        if row["reproduced"]:
            said = f"reproduced: {row['calls']} calls, score {row['again_ppm'] / 1e6:.4f}"
        elif row["why"]:
            said = f"not replayed: {row['why']}"
        else:
            then, now = (_score(row[f"{when}_ppm"]) for when in ("recorded", "again"))
            asked = f"{row['strangers']} requests are new, {row['unasked']} were not made again"
            said = f"DIVERGED: {asked}; score {then} then, {now} now"
        console.print(visible(f"{name}  {said}"), markup=False)
    console.print(f"{sum(row['reproduced'] for row in rows)} of {len(rows)} trials reproduced")


def _score(ppm: int | None) -> str:
    return "none" if ppm is None else f"{ppm / 1e6:.4f}"
