"""`successor propose`: a person's own diff, or any other agent's branch, through the same gate."""

from __future__ import annotations

import sys
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.parts import Workspace, choose_wall, demand_level, load_keys, open_evaluator, open_workspace
from agent.cli.run import ParallelOption, SandboxOption, document_of, show_candidate
from agent.cli.speak import HERE, JsonOption, Voice, WorkspaceOption, speaking
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
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Bring a change of your own, or of any other agent, through the same gate as every candidate.

    Example: `git diff | successor propose --patch - --by alice`
    """
    with speaking(as_json=as_json) as voice:
        if (patch is None) == (branch is None):
            raise Misuse("name what is proposed", mend="Give either --patch FILE or --branch REV")
        check_name(by)
        with open_workspace(workspace, writing=True) as opened:
            entry = _through_the_gate(opened, by, patch, branch, (sandbox, parallel), voice)
            document = document_of(opened, entry)
            voice.answer(document, lambda console: show_candidate(console, document, opened.folder))
        if entry.state != "awaiting_review":
            raise typer.Exit(1)


def _through_the_gate(
    opened: Workspace, by: str, patch: Path | None, branch: str | None, how: tuple[str | None, int], voice: Voice
) -> Entry:
    import os

    from agent.cli.meter import metered
    from agent.loop.lifecycle import Lifecycle
    from agent.propose.human import from_tree, from_unified

    if patch is not None:
        proposal = from_unified(opened.base, _read_patch(patch))
    else:
        assert branch is not None
        proposal = from_tree(opened.repository.tree(opened.repository.resolve(branch)))
    keys = load_keys(opened.state)
    workers = how[1] or os.cpu_count() or 1
    backend = choose_wall(opened, how[0], workers, voice.step)
    demand_level(opened, backend)
    with (
        closing(backend),
        metered(voice, opened.settings.budget.trials) as meter,
        open_evaluator(opened, backend, workers, meter.say) as (evaluator, _),
    ):
        meter.follow(lambda: evaluator.trials_run)
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
