"""`successor bench`: what a generation is worth on the workspace's suites."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from agent.candidate import Spending
from agent.cli.model import BudgetOption, ModelOption
from agent.cli.parts import open_workspace
from agent.cli.run import ParallelOption, SandboxOption
from agent.cli.scoring import scoring
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking
from agent.errors import UnknownId
from agent.evaluate.suite import FULL

if TYPE_CHECKING:
    from agent.edits.tree import Tree
    from agent.evaluate.evaluator import Evaluator


def bench(
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
    """Score a generation on the development tasks. Held-out tasks are looked at only to decide.

    Example: `successor bench successor/c1f --suite search`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        commit = opened.repository.resolve(revision) if revision else opened.parent
        tree = opened.repository.tree(commit)
        names = [s.name for s in opened.settings.suites if suite in (None, s.name)]
        if not names:
            raise UnknownId(f"no suite is called {suite!a}", mend="See successor.toml")
        opening = scoring(opened, voice, sandbox=sandbox, parallel=parallel, model=model, budget_usd=budget_usd)
        with opening as (evaluator, say):
            measured = {each.name for each in evaluator.suites}
            rows = [_row(evaluator, tree, name, say) for name in names if name in measured]
            left_out = [one.model_dump() for one in evaluator.left_out]
        document = {
            "commit": commit,
            "split": "dev",
            "suites": {row.name: row.figures for row in rows},
            "spent": {row.name: {**row.spent.model_dump(), "solved": row.solved} for row in rows},
            "left_out": left_out,
        }
        voice.answer(document, lambda console: console.print("\n".join(map(_line, rows)), markup=False))


@dataclass(frozen=True, slots=True)
class Row:
    """What a generation is worth on one suite: figures in ppm, None when it did not answer; tasks solved in full."""

    name: str
    figures: dict[str, int] | None
    solved: int
    spent: Spending


def _row(evaluator: Evaluator, tree: Tree, name: str, say: Callable[[str], None]) -> Row:
    say(f"measuring {name}")
    tasks = evaluator.dev_tasks(name)
    (scores,) = evaluator.score([tree], name, "dev", tasks)
    figures = evaluator.summary(name, scores) if scores else None
    solved = sum(score == FULL for score in (scores or {}).values())
    return Row(name, figures, solved, evaluator.spending(tree, name, tasks))


def _line(row: Row) -> str:
    return f"{row.name:<10} {_figures(row.figures)}{_price(row.spent, row.solved)}"


def _figures(figures: dict[str, int] | None) -> str:
    if figures is None:
        return "the scaffold did not answer"
    return "  ".join(f"{name} {value / 1e6:.4f}" for name, value in figures.items())


def _price(spent: Spending, solved: int) -> str:
    """What it cost, for a suite that needs a model."""
    if not spent.calls:
        return ""
    tokens = spent.input_tokens + spent.output_tokens + spent.cache_read_tokens + spent.cache_write_tokens
    each = f"{tokens // solved:,}" if solved else "-"
    return f"  calls {spent.calls}  tokens {tokens:,}  tokens per solved task {each}  ${spent.micro_usd / 1e6:.4f}"
