"""`successor suite freeze`: the tasks that this generation does in full, to which every later one is held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.model import BudgetOption, ModelOption
from agent.cli.parts import open_workspace
from agent.cli.run import ParallelOption, SandboxOption
from agent.cli.scoring import scoring
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking
from agent.errors import Refused, UnknownId

if TYPE_CHECKING:
    from agent.edits.tree import Tree
    from agent.evaluate.evaluator import Evaluator
    from agent.evaluate.suite import Suite


def freeze(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Suites. Default: all but the objective.")
    ] = None,
    sandbox: SandboxOption = None,
    parallel: ParallelOption = 0,
    model: ModelOption = None,
    budget_usd: BudgetOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write suites/frozen.toml: the development tasks that the newest generation does in full. None may be lost later.

    What it holds of other suites, or of other states of these, stays. It is a kept file, and counts once it is
    committed. Example: `successor suite freeze edit`
    """
    from agent.evaluate.frozen import FROZEN_FILE, read_frozen, written
    from agent.evaluate.frozen import freeze as chosen

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        opening = scoring(opened, voice, sandbox=sandbox, parallel=parallel, model=model, budget_usd=budget_usd)
        with opening as (evaluator, _):
            suites = _chosen(evaluator, names or [])
            scores = [(suite, _scores(evaluator, opened.base, suite)) for suite in suites]
            frozen = chosen(scores, read_frozen(opened.base))
        (opened.folder / FROZEN_FILE).write_bytes(written(frozen, f"generation {opened.parent[:12]}"))
        here = {suite.digest for suite in suites}
        counts = {one.name: len(one.tasks) for one in frozen.suites if one.suite_digest in here}
        document = {"file": FROZEN_FILE, "generation": opened.parent, "digest": frozen.digest, "tasks": counts}
        said = ", ".join(f"{count} of {name}" for name, count in counts.items()) or "no task"
        line = f"{FROZEN_FILE} holds {said}. It counts once it is committed: a kept file is a person's decision"
        voice.answer(document, lambda console: console.print(line, markup=False))


def _chosen(evaluator: Evaluator, names: list[str]) -> list[Suite]:
    known = {suite.name: suite for suite in evaluator.suites}
    for name in names:
        if name not in known:
            raise UnknownId(f"no suite {name!a} can be measured here", why=f"there are: {', '.join(known)}")
    return [known[name] for name in names] or [suite for suite in known.values() if not suite.objective]


def _scores(evaluator: Evaluator, tree: Tree, suite: Suite) -> list[dict[str, int]]:
    """Score a generation on the development tasks of a suite, as often as a decision would."""
    from agent.evaluate.suite import ModelSuite

    found = []
    for turn in range(suite.repeats if isinstance(suite, ModelSuite) else 1):
        (scores,) = evaluator.score([tree], suite.name, "dev", evaluator.dev_tasks(suite.name), turn)
        if scores is None:
            raise Refused(f"the scaffold did not answer suite {suite.name}", why="nothing of it can be frozen")
        found.append(scores)
    return found
