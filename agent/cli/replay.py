"""`successor replay`: make the whole evidence of a successor again, and say of each part whether it is the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from agent.cli.meter import metered
from agent.cli.model import TRANSCRIPTS, Supply
from agent.cli.parts import Workspace, choose_wall, open_evaluator, open_workspace
from agent.cli.run import ParallelOption, SandboxOption
from agent.cli.speak import HERE, JsonOption, Voice, WorkspaceOption, speaking, visible
from agent.errors import Misuse, Refused

if TYPE_CHECKING:
    from agent.edits.tree import Tree
    from agent.evaluate.replay import Replayed
    from agent.evaluate.reproduced import Part
    from agent.loop.recorded import Record
    from sandbox.contract import Backend


def replay(
    subject: Annotated[str, typer.Argument(metavar="ID", help="A successor or candidate, or a commit or branch.")],
    transcripts: Annotated[
        bool, typer.Option("--transcripts", help="Run trials with a model again, on the answers that it gave.")
    ] = False,
    judgement: Annotated[
        bool, typer.Option("--judgement", help="Only what needs no sandbox: diff, facts and verdict.")
    ] = False,
    sandbox: SandboxOption = None,
    parallel: ParallelOption = 0,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make the evidence of a successor again: diff, facts, verdict, tests, trials, decisions, probes, each compared.

    No model is asked, nothing is paid, and no known score is used. Exit code 1 when a part differs, or none could be
    made again. Example: `successor replay c381 --transcripts`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        from agent.loop.recorded import find_record, judged_again

        if judgement and transcripts:
            raise Misuse("--judgement and --transcripts ask for different things", mend="Give one of them")
        record = find_record(opened.repository, opened.store, subject)
        if record is None and not transcripts:
            raise Misuse(
                f"{subject} has no evidence",
                why="no decision of the gate log made it",
                mend=f"Its trials with a model: successor replay {subject} --transcripts",
            )
        parts = list(judged_again(record)) if record else []
        rows: list[dict[str, Any]] = []
        if not judgement:
            with closing(choose_wall(opened, sandbox, _workers(parallel), voice.step)) as backend:
                parts += _measured_again(voice, opened, record, backend, parallel) if record else []
                found = _trials_again(voice, opened, subject, record, backend, parallel) if transcripts else []
            rows = [{"side": side, **_row(one)} for side, one in found]
            parts += _with_model(record, [row for row in rows if row["side"] == "candidate"], asked=transcripts)
        _answer(voice, subject, record, parts, rows)


def _answer(voice: Voice, subject: str, record: Record | None, parts: list[Part], rows: list[dict[str, Any]]) -> None:
    if not rows and not parts:
        raise Refused(f"{subject} has no trial with a model", mend="Measure it with one: successor bench --model NAME")
    outcomes = [part.outcome for part in parts]
    reproduced = "differs" not in outcomes and "same" in outcomes if parts else True
    reproduced = reproduced and all(row["reproduced"] for row in rows)
    document = {
        "subject": subject, "source": record.source if record else "", "reproduced": reproduced,
        "complete": "not_run" not in outcomes, "parts": [asdict(part) for part in parts], "trials": rows,
    }  # fmt: skip
    voice.answer(document, lambda console: _show(console, document))
    if not reproduced:
        raise typer.Exit(1)


def _workers(parallel: int) -> int:
    return parallel or os.cpu_count() or 1


def _at(opened: Workspace, record: Record) -> Workspace:
    """The workspace as it stood when the candidate was measured: settings, suites and tests are those of its base."""
    from agent.loop.judging import settings_of

    return replace(opened, parent=record.base_commit, base=record.base, settings=settings_of(record.base))


def _measured_again(voice: Voice, opened: Workspace, record: Record, backend: Backend, parallel: int) -> Iterator[Part]:
    """Measure without a model, from nothing: no score that is known is used."""
    from agent.evaluate.reproduced import compare_measured, never_repeated, not_measured, same_or_not
    from agent.evaluate.trial import MemoryTrials
    from agent.loop.worth import worth

    then, then_at = record.evidence, _at(opened, record)
    no_model = Supply(None, "a replay asks none")
    try:
        with (
            metered(voice, then_at.settings.budget.trials) as meter,
            open_evaluator(
                then_at, backend, _workers(parallel), meter.say, no_model, trials=MemoryTrials()
            ) as (evaluator, _),
        ):  # fmt: skip
            now = evaluator.evaluate(
                record.base_commit, record.base, record.tree, record.patch, record.files["diff"], then.search_trials,
                then.candidates_tried, grant=record.grant,
            )  # fmt: skip
            yield from compare_measured(then, now)
            if then.worth:
                again = worth(evaluator, record.base, record.tree, record.patch, then_at.settings)
                yield same_or_not("worth of each edit", then.worth, again)
    except Refused as error:
        yield from not_measured(then, str(error))
    yield from never_repeated(then)


def _trials_again(
    voice: Voice, opened: Workspace, subject: str, record: Record | None, backend: Backend, parallel: int
) -> list[tuple[str, Replayed]]:
    """Run the trials with a model of a tree, and of what it was compared with, on the answers that they had."""
    from sandbox.broker.transcript import FolderTranscripts

    stored = FolderTranscripts(opened.state / TRANSCRIPTS)
    at = _at(opened, record) if record else opened
    trees: dict[str, Tree] = {"candidate": record.tree if record else _tree(opened, subject)}
    if record:
        trees["parent"] = record.base
    with (
        metered(voice, at.settings.budget.trials) as meter,
        open_evaluator(at, backend, _workers(parallel), meter.say, Supply(None), every=True) as (evaluator, _),
    ):
        return [(side, one) for side, tree in trees.items() for one in evaluator.replay(tree, stored.get)]


def _tree(opened: Workspace, subject: str) -> Tree:
    return opened.repository.tree(opened.repository.resolve(subject))


def _with_model(record: Record | None, rows: list[dict[str, Any]], *, asked: bool) -> Iterator[Part]:
    """What became of the comparisons that took a model: the trials of the candidate, on the answers that it had."""
    from agent.evaluate.reproduced import Part

    for one in (one for one in (record.evidence.comparisons if record else ()) if one.model):
        name = f"comparison {one.suite} {one.split}"
        mine = [row for row in rows if (row["suite"], row["split"]) == (one.suite_digest, one.split)]
        if not asked:
            yield Part(name, "not_run", f"it takes {one.model}: --transcripts repeats it on the answers that it gave")
        elif not mine:
            yield Part(name, "not_run", "what was said is not in this workspace")
        elif all(row["reproduced"] for row in mine):
            yield Part(name, "same")
        else:
            missing = [row["why"] for row in mine if row["why"]]
            yield Part(name, "differs", missing[0] if missing else "its trials went another way")


def _row(one: Replayed) -> dict[str, Any]:
    return {
        "suite": one.key.suite_digest, "split": one.key.split, "task": one.key.task, "repeat": one.key.repeat,
        "model": one.key.model, "recorded_ppm": one.recorded, "again_ppm": one.again, "calls": one.calls,
        "strangers": one.strangers, "unasked": one.unasked, "reproduced": one.reproduced, "why": one.why,
    }  # fmt: skip


def _show(console: Console, document: dict[str, Any]) -> None:
    for row in document["trials"]:
        name = f"{row['side']:<9} {row['split']:<8} {row['task']} #{row['repeat']}"
        console.print(visible(f"{name}  {_said(row)}"), markup=False)
    words = {"same": "same", "differs": "DIFFERS", "not_run": "not repeated"}
    for part in document["parts"]:
        tail = f": {part['why']}" if part["why"] else ""
        console.print(visible(f"{words[part['outcome']]:<12}  {part['name']}{tail}"), markup=False)
    outcomes = [part["outcome"] for part in document["parts"]]
    counts = ", ".join(f"{outcomes.count(one)} {word}" for one, word in words.items() if one in outcomes)
    if document["trials"]:
        good = sum(row["reproduced"] for row in document["trials"])
        counts += f"{'; ' * bool(counts)}{good} of {len(document['trials'])} trials with a model reproduced"
    word = "[bold green]reproduced[/bold green]" if document["reproduced"] else "[bold red]not reproduced[/bold red]"
    console.print(f"{word}: {counts}")


def _said(row: dict[str, Any]) -> str:
    if row["reproduced"]:
        return f"reproduced: {row['calls']} calls, score {row['again_ppm'] / 1e6:.4f}"
    if row["why"]:
        return f"not replayed: {row['why']}"
    then, now = (_score(row[f"{when}_ppm"]) for when in ("recorded", "again"))
    asked = f"{row['strangers']} requests are new, {row['unasked']} were not made again"
    return f"DIVERGED: {asked}; score {then} then, {now} now"


def _score(ppm: int | None) -> str:
    return "none" if ppm is None else f"{ppm / 1e6:.4f}"
