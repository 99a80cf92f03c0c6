"""`successor plan`: what a run could find and would cost, before anything is spent on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from agent.cli.model import BudgetOption, ModelOption, foreseeable, priced
from agent.cli.parts import Workspace, choose_wall, open_evaluator, open_workspace
from agent.cli.run import MOST_CANDIDATES, SandboxOption
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking
from agent.errors import StoreBroken

if TYPE_CHECKING:  # the parts are heavy: each command loads what it uses
    from agent.evaluate.evaluator import Evaluator
    from agent.evaluate.foresight import Known
    from agent.evaluate.suite import Suite
    from agent.loop.allowance import Looks

HOPED_POINTS = 5.0

_LAST = 20
"""Candidates of earlier runs that say what the next one takes to be found."""


def plan(
    candidates: Annotated[
        int, typer.Option("--candidates", "-n", min=1, max=MOST_CANDIDATES, help="How many the run may draft.")
    ] = 1,
    hope: Annotated[
        float, typer.Option("--hope", min=0.1, max=100.0, help="The gain hoped for, in points of the score.")
    ] = HOPED_POINTS,
    model: ModelOption = None,
    budget_usd: BudgetOption = None,
    sandbox: SandboxOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say the smallest gain that a run could find, what +5 points would cost, and whether it is worth starting.

    Runs no trial. Exit code 1 when the run is not worth starting. Example: `successor plan -n 10 --hope 3`
    """
    from agent.loop.logged import learn

    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        learn(opened.repository, opened.store)
        backend = choose_wall(opened, sandbox, 0, voice.step)
        with closing(backend), open_evaluator(opened, backend, 1, voice.step, every=True) as (evaluator, _):
            document = foreseen(opened, evaluator, candidates, hope, model, budget_usd)
        voice.answer(document, lambda console: _show(console, document))
        if not document["worth_starting"]:
            raise typer.Exit(1)


def warn(
    opened: Workspace, evaluator: Evaluator, candidates: int, model: str | None, budget_usd: float | None,
    say: Callable[[str], None],
) -> None:  # fmt: skip
    """Say in one line that a run is not worth starting, where it is not; it goes on all the same."""
    document = foreseen(opened, evaluator, candidates, HOPED_POINTS, model, budget_usd)
    for name, one in document["suites"].items():
        if not one["worth_starting"]:
            say(f"hardly worth starting, by suite {name}: {one['why'][0]}. More: successor plan -n {candidates}")


def foreseen(
    opened: Workspace, evaluator: Evaluator, candidates: int, hope: float, model: str | None, budget_usd: float | None
) -> dict[str, Any]:
    """Return what is foreseen of a run, for each objective, as plain data."""
    from agent.evaluate.foresight import known_of
    from agent.loop.allowance import Allowances
    from agent.loop.lifecycle import law_of
    from agent.loop.trials import StoredTrials

    law = law_of(opened.base)
    attempts = StoredTrials(opened.store).attempts_of(evaluator.shown(opened.base).digest)
    price, limit = priced(opened, model, budget_usd)
    measured, found = _measured(opened, evaluator, model), _finding(opened)
    document: dict[str, Any] = {"candidates": candidates, "hoped_ppm": round(hope * 10_000), "suites": {}}
    for suite in (each for each in evaluator.suites if each.objective):
        others = [each for each in measured if each is not suite]
        known = known_of(suite, attempts, price, _milliseconds(opened), others)
        (looks,) = Allowances(opened.store).looks({suite.exam: suite.name}, law)
        known = known.with_finding(*found)
        document["suites"][suite.name] = _foreseen(opened, suite, known, looks, law.run_error_ppb, document, limit)
    document["worth_starting"] = all(one["worth_starting"] for one in document["suites"].values())
    return document


def _foreseen(
    opened: Workspace,
    suite: Suite,
    known: Known,
    looks: Looks,
    run_error: int,
    asked: dict[str, Any],
    money: int | None,
) -> dict[str, Any]:
    from agent.evaluate.alpha import MOST_LEVEL_PPB, ErrorBudget
    from agent.evaluate.foresight import foresee
    from agent.evaluate.power import worth

    share = ErrorBudget(run_error, asked["candidates"]).next_ppb
    level = min(share, MOST_LEVEL_PPB, looks.held.next_ppb)
    known_document = {
        "noise": {**asdict(known.noise), "from": known.noise_from},
        "price": {**asdict(known.price), "from": known.price_from},
        "finding": {**asdict(known.finding), "from": known.finding_from},
        "heldout_looks": {"used": looks.used, "allowed": looks.held.allowed},
        "level_ppb": level,
    }
    if level < 1:
        why = [_levelless(looks, asked["candidates"])]
        return {**known_document, "worth_starting": False, "why": why}
    found = foresee(suite, level, opened.settings.seed, known)
    seconds = opened.settings.budget.seconds if known.price.milliseconds else None
    judged = worth(
        found,
        candidates=asked["candidates"],
        hoped_ppm=asked["hoped_ppm"],
        micro_usd=money,
        seconds=seconds,
        finding=known.finding,
    )
    left = looks.held.allowed - looks.used
    why = [*judged.why]
    if left < asked["candidates"]:
        why.append(f"only {left} held-out looks are left for {asked['candidates']} candidates")
    return {**known_document, **asdict(found), "worth_starting": not why, "why": why}


def _levelless(looks: Looks, candidates: int) -> str:
    """Why there is no level for a test: which of the three is spent, or shared by too many."""
    if looks.used >= looks.held.allowed:
        spent = f"all {looks.held.allowed} held-out looks are used"
    elif looks.held.next_ppb < 1:
        spent = f"the error of {looks.held.allowed} held-out looks leaves none for the next"
    else:
        spent = f"the error of a run leaves none for a test when {candidates:,} candidates share it"
    return f"{spent}: nothing could be decided"


def _measured(opened: Workspace, evaluator: Evaluator, model: str | None) -> list[Suite]:
    """The suites that a run would measure: those beside the objective that need a model only where there is one."""
    from agent.evaluate.suite import ModelSuite

    needs = any(each.objective and isinstance(each, ModelSuite) for each in evaluator.suites)
    if needs or foreseeable(opened, model):
        return list(evaluator.suites)
    return [each for each in evaluator.suites if each.objective or not isinstance(each, ModelSuite)]


def _finding(opened: Workspace) -> tuple[int, str]:
    """Development trials that finding a candidate took on average; before the first, the most that it may take."""
    store, taken = opened.store, []
    for entry in [each for each in store.candidates() if each.run is not None and "search" in each.parts][-_LAST:]:
        with suppress(StoreBroken):  # of one that is damaged, nothing is known
            taken.append(int(json.loads(store.blobs.get(entry.parts["search"]))["trials"]))
    if not taken:
        return opened.settings.budget.search_trials, "the most that successor.toml allows"
    return -(-sum(taken) // len(taken)), f"measured on {len(taken)} candidates"


def _milliseconds(opened: Workspace) -> int | None:
    """What a trial took on average in the runs of this workspace; None before the first."""
    done = [(run.ended - run.started, run.trials) for run in opened.store.runs() if run.ended and run.trials]
    trials = sum(each for _, each in done)
    return 1_000 * sum(seconds for seconds, _ in done) // trials if trials else None


def _show(console: Console, document: dict[str, Any]) -> None:
    for name, one in document["suites"].items():
        for line in _lines(name, one):
            console.print(line, markup=False, soft_wrap=True)
    if not document["suites"]:
        console.print("no suite is the objective, so nothing could be decided")
    else:
        said = "worth starting" if document["worth_starting"] else "not worth starting"
        console.print(f"a run of {document['candidates']} candidates is {said}", markup=False)


def _lines(name: str, one: dict[str, Any]) -> Iterator[str]:
    from agent.evaluate.foresight import points
    from agent.gate.wording import chance

    looks = one["heldout_looks"]
    yield (
        f"{name}: the next candidate is tested at the level {chance(one['level_ppb'])}; "
        f"{looks['used']} of {looks['allowed']} held-out looks are used"
    )
    yield f"  noise of one trial {points(one['noise']['trial_ppm'])}: {one['noise']['from']}"
    yield f"  price of one trial {_needed(one['price'], 1)}: {one['price']['from']}"
    if "smallest_gain_ppm" in one:
        yield f"  smallest gain found in 80 of 100 cases: {points(one['smallest_gain_ppm'])}"
        yield f"  a gain of 5 points is found with a chance of {one['chance_of_five_ppm'] / 1e6:.2f}"
        for words, needed in (("no better", one["idle"]), ("that much better", one["better"])):
            yield f"  a candidate that is {words} takes {_needed(needed)}"
        yield f"  the parent's own side, paid once, takes {_needed(one['parent'])} at most"
        yield f"  to find a candidate takes {_needed(one['finding'])} more: {one['finding']['from']}"
        five = one["five_points"]
        if five:
            yield (
                f"  to find 5 points in 80 of 100 cases: {five['tasks']} held-out tasks; {_needed(five)} a candidate"
            )
    for why in one["why"]:
        yield f"  but {why}"


def _needed(needed: dict[str, Any], trials: int | None = None) -> str:
    """Trials and what they take; what is nothing, or not known, is left out."""
    count = needed["trials"] if trials is None else trials
    milliseconds = needed.get("milliseconds", needed.get("seconds", 0) * 1_000)
    parts = [
        f"{count:,} trials" if trials is None else "",
        f"{needed['tokens']:,} tokens" if needed["tokens"] else "",
        f"${needed['micro_usd'] / 1e6:.4f}" if needed["micro_usd"] else "",
        f"{milliseconds / 1_000:.2f} s" if milliseconds else "",
    ]
    return ", ".join(part for part in parts if part) or "nothing that is known"
