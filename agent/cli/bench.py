"""`successor bench`: what a generation is worth on the workspace's suites."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Annotated, Any

import typer

from agent.cli.meter import metered
from agent.cli.parts import choose_wall, open_evaluator, open_workspace
from agent.cli.run import ParallelOption, SandboxOption
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking
from agent.errors import UnknownId


def bench(
    revision: Annotated[
        str | None, typer.Argument(metavar="REV", help="A commit or branch. Default: the newest generation.")
    ] = None,
    suite: Annotated[str | None, typer.Option("--suite", metavar="NAME", help="One suite only.")] = None,
    sandbox: SandboxOption = None,
    parallel: ParallelOption = 0,
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
        workers = parallel or os.cpu_count() or 1
        backend = choose_wall(opened, sandbox, workers, voice.step)
        results: dict[str, Any] = {}
        with (
            closing(backend),
            metered(voice, opened.settings.budget.trials) as meter,
            open_evaluator(opened, backend, workers, meter.say) as (evaluator, _),
        ):
            meter.follow(lambda: evaluator.trials_run)
            for name in names:
                meter.say(f"{name}: {commit[:12]}")
                (scores,) = evaluator.score([tree], name, "dev", evaluator.dev_tasks(name))
                results[name] = evaluator.summary(name, scores) if scores else None
        lines = [f"{name:<10} {_figures(figures)}" for name, figures in results.items()]
        document = {"commit": commit, "split": "dev", "suites": results}
        voice.answer(document, lambda console: console.print("\n".join(lines), markup=False))


def _figures(figures: dict[str, int] | None) -> str:
    if figures is None:
        return "the scaffold did not answer"
    return "  ".join(f"{name} {value / 1e6:.4f}" for name, value in figures.items())
