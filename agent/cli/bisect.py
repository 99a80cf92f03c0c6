"""`successor bisect`: the generation in which a new probe began to fail."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from agent.cli.parts import choose_wall, open_workspace
from agent.cli.run import SandboxOption
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking, visible
from agent.errors import Misuse

if TYPE_CHECKING:
    from agent.cli.parts import Workspace
    from agent.edits.tree import Tree


def bisect(
    probe: Annotated[Path, typer.Option("--probe", help="A Python file that ends with status 0 if all is well.")],
    newest: Annotated[
        str | None, typer.Option("--newest", metavar="ID", help="Where the line ends. Default: the newest generation.")
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", min=1, help="How long one run of the probe may take.")] = 60,
    sandbox: SandboxOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Find the generation in which a probe began to fail. It runs in the sandbox and may `import scaffold`.

    A hint, no evidence: a generation can lie to a probe beside it. Example: `successor bisect --probe slow.py`
    """
    from agent.evaluate.bisect import bisect as search
    from agent.evaluate.bisect import prober
    from agent.evaluate.limits import limits_of
    from agent.evaluate.staging import Staging
    from agent.lineage.standing import ancestry, generation
    from agent.lineage.succession import read_log

    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        content = _read(probe)
        log = read_log(opened.repository)
        end = generation(opened.repository, log, newest) if newest else opened.parent
        line = list(ancestry(opened.repository, log, end))[::-1]
        if len(line) < 2:
            raise Misuse("there is only one generation", why="a probe begins to fail between two")
        trees = [partial(_shown, opened, commit) for commit, _ in line]
        with closing(choose_wall(opened, sandbox, 1, voice.step)) as backend, closing(Staging()) as staging:
            backend.prepare(voice.step)
            limits = limits_of(opened.settings.sandbox)
            first, asked = search(len(line), prober(backend, staging, limits, trees, content, seconds))
        names = [name or "genesis" for _, name in line]
        document = {
            "first_failing": {"generation": names[first], "commit": line[first][0]},
            "last_well": {"generation": names[first - 1], "commit": line[first - 1][0]},
            "asked": [{"generation": names[one.place], "well": one.well, "said": one.said} for one in asked],
        }
        voice.answer(document, lambda console: _show(console, document))


def _read(probe: Path) -> bytes:
    from agent.evaluate.bisect import MAX_PROBE_BYTES

    if not probe.is_file():
        raise Misuse(f"there is no file {probe}")
    with probe.open("rb") as file:
        content = file.read(MAX_PROBE_BYTES + 1)
    if len(content) > MAX_PROBE_BYTES:
        raise Misuse(f"{probe} is too large for a probe", why=f"more than {MAX_PROBE_BYTES} bytes")
    return content


def _shown(opened: Workspace, commit: str) -> Tree:
    """What of a generation its own scaffold may see."""
    from agent.evaluate.visible import visible as seen
    from agent.loop.judging import settings_of

    tree = opened.repository.tree(commit)
    return seen(tree, settings_of(tree))


def _show(console: Console, document: dict[str, Any]) -> None:
    for one in document["asked"]:
        console.print(
            visible(f"{'well ' if one['well'] else 'fails'}  {one['generation']}  {one['said']}"), markup=False
        )
    bad, well = document["first_failing"], document["last_well"]
    console.print(f"it began with {bad['generation']} ({bad['commit']}); {well['generation']} was well", markup=False)
    console.print(f"what changed: successor diff {well['generation']} {bad['generation']}", markup=False)
