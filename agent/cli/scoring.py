"""What every command that only scores generations opens: a wall, progress, a model where there is one, the suites."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from agent.cli.meter import metered
from agent.cli.model import open_model
from agent.cli.parts import Workspace, choose_wall, open_evaluator
from agent.cli.run import tell_left_out
from agent.cli.speak import Voice

if TYPE_CHECKING:
    from agent.evaluate.evaluator import Evaluator


@contextmanager
def scoring(
    opened: Workspace,
    voice: Voice,
    *,
    sandbox: str | None,
    parallel: int,
    model: str | None,
    budget_usd: float | None,
) -> Iterator[tuple[Evaluator, Callable[[str], None]]]:
    """Open them as the options ask for, name what is left out, and yield the evaluator and who is told each step."""
    workers = parallel or os.cpu_count() or 1
    backend = choose_wall(opened, sandbox, workers, voice.step)
    with (
        closing(backend),
        metered(voice, opened.settings.budget.trials) as meter,
        open_model(opened, model, budget_usd, meter.say) as supply,
        open_evaluator(opened, backend, workers, meter.say, supply) as (evaluator, _),
    ):
        meter.follow(lambda: evaluator.trials_run)
        tell_left_out(evaluator.left_out, meter.say)
        yield evaluator, meter.say
