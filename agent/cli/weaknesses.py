"""`successor weaknesses`: what the newest generation does badly, grouped and ranked, as a proposer is told it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from agent.cli.model import BudgetOption, ModelOption
from agent.cli.parts import open_workspace
from agent.cli.run import ParallelOption, SandboxOption
from agent.cli.scoring import scoring
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking, visible
from agent.errors import UnknownId

if TYPE_CHECKING:
    from agent.diagnosis import Diagnosis, Weakness

SHOWN = 3
"""Definitions of a weakness that are shown to people; the JSON document holds all."""


def weaknesses(
    revision: Annotated[
        str | None, typer.Argument(metavar="REV", help="A commit or branch. Default: the newest generation.")
    ] = None,
    suite: Annotated[str | None, typer.Option("--suite", metavar="NAME", help="One suite only.")] = None,
    sandbox: SandboxOption = None,
    parallel: ParallelOption = 0,
    model: ModelOption = None,
    budget_usd: BudgetOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """List what fails on the development tasks: alike in its symptom and in the code it ran through, the dearest first.

    Trials that are known are not paid again; those that are not, are. Example: `successor weaknesses --suite edit`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        commit = opened.repository.resolve(revision) if revision else opened.parent
        if suite is not None and suite not in [known.name for known in opened.settings.suites]:
            raise UnknownId(f"no suite is called {suite!a}", mend="See successor.toml")
        opening = scoring(opened, voice, sandbox=sandbox, parallel=parallel, model=model, budget_usd=budget_usd)
        with opening as (evaluator, _):
            measured = [each.name for each in evaluator.suites if suite in (None, each.name)]
            found = evaluator.diagnose(opened.repository.tree(commit), measured)
            left_out = [one.model_dump() for one in evaluator.left_out if suite in (None, one.suite)]
        document = {
            "commit": commit,
            "split": "dev",
            "suites": {result.suite: result.mean_ppm for result in found.results},
            "weaknesses": [one.model_dump(mode="json") for one in found.weaknesses],
            "left_out": left_out,
        }
        voice.answer(document, lambda console: _show(console, found))


def _show(console: Console, found: Diagnosis) -> None:
    for result in found.results:
        failed = sum(score < 1_000_000 for _, score in result.outcomes)
        line = f"{result.suite}: mean {result.mean_ppm / 1e4:.1f} %, {failed} of {len(result.outcomes)} tasks not whole"
        console.print(visible(line), markup=False)
    for one in found.weaknesses:
        console.print(visible(_row(one)), markup=False, soft_wrap=True)
    if not found.results:
        console.print("nothing could be measured here")
    elif not found.weaknesses:
        console.print("nothing fails")


def _row(one: Weakness) -> str:
    head = f"{one.cost_ppm / 1e4:5.1f} %  {one.suite:<10} {one.tasks:>4} tasks  {one.symptom}"
    suspects = [f"{s.definition} (failed {s.failed}, passed {s.passed})" for s in one.suspects[:SHOWN]]
    lines = [head, *(f"{'':21}through {suspect}" for suspect in suspects), f"{'':21}such as {', '.join(one.examples)}"]
    return "\n".join(lines)
