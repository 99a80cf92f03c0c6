"""`successor suite`: the benchmark suites of a workspace, whether they hold, and how foreign ones become one of them.

These commands read the files as they lie in the workspace, committed or not: they are for people who make suites.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agent.cli import freeze
from agent.cli.parts import cache_folder
from agent.cli.run import ParallelOption, SandboxOption
from agent.cli.speak import HERE, JsonOption, Voice, WorkspaceOption, plain, speaking
from agent.errors import BadSettings, Misuse, UnknownId
from agent.workspace import SETTINGS_FILE, Settings, SuiteSettings, find_workspace, parse_settings

if TYPE_CHECKING:  # the parts are heavy: each command loads what it uses
    from agent.edits.tree import Tree
    from agent.evaluate.harbor.check import Checked, Mark
    from agent.evaluate.harbor.importing import Imported
    from agent.evaluate.harbor.settings import HarborSettings

app = typer.Typer(name="suite", help="Benchmark suites: list, check, import, freeze.", no_args_is_help=True)
imports = typer.Typer(name="import", help="Make a suite from a copy of a benchmark.", no_args_is_help=True)
app.add_typer(imports, name="import")
app.command()(freeze.freeze)

MOST_BYTES = 512 * 1024 * 1024
"""Of all suites of a workspace."""

IntoOption = Annotated[str | None, typer.Option("--into", metavar="NAME", help="What the suite is called.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Decides which tasks are held out.")]


@app.command(name="list")
def list_suites(workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """List the suites of the workspace: what kind each is, and whether successor.toml names it.

    Example: `successor suite list`
    """
    with speaking(as_json=as_json) as voice:
        folder, settings = _workspace(workspace)
        base = _suites_of(folder)
        named = {suite.name: suite for suite in settings.suites}
        found = {path.removeprefix("suites/").removesuffix(".toml") for path in base if path.count("/") == 1} - {
            "frozen"
        }
        rows = [_row(base, name, named.get(name)) for name in sorted(found | named.keys())]
        voice.answer({"suites": rows}, lambda console: _show_list(console, rows))


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The suite.")],
    sandbox: SandboxOption = None,
    parallel: ParallelOption = 0,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Put each task's own answers to its verifier: the oracle must earn a full mark, an empty or tampering one nothing.

    Needs no model. Exit code 1 when a task does not hold.

    Example: `successor suite check coding`
    """
    with speaking(as_json=as_json) as voice:
        folder, settings = _workspace(workspace)
        base = _suites_of(folder)
        harbor = _harbor(base, name)
        checked, left_out = _checked(name, harbor, base, settings, sandbox, parallel or os.cpu_count() or 1, voice)
        wrong = [task.task for task in checked if not task.holds]
        document = {
            "suite": name,
            "holds": not wrong,
            "tasks": {task.task: _figures(task) for task in checked},
            "left_out": dict(left_out),
        }
        voice.answer(document, lambda console: _show_checked(console, checked, left_out))
        if wrong:
            raise typer.Exit(1)


@imports.command()
def polyglot(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="A copy of the benchmark.")],
    into: IntoOption = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make a suite from Aider's polyglot benchmark, its Python part.

    Example: `successor suite import polyglot ../polyglot-benchmark`
    """
    from agent.evaluate.harbor.polyglot import read_polyglot

    _import(into or "polyglot", lambda: read_polyglot(source), "together", source, seed, workspace, as_json)


@imports.command()
def humaneval(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Its JSON lines, plain or gzipped.")],
    into: IntoOption = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make a suite from HumanEval.

    Example: `successor suite import humaneval HumanEval.jsonl.gz`
    """
    from agent.evaluate.harbor.humaneval import read_humaneval

    _import(into or "humaneval", lambda: read_humaneval(source), "apart", source, seed, workspace, as_json)


def _import(
    name: str,
    read: Callable[[], list[Imported]],
    graded: str,
    source: Path,
    seed: int,
    workspace: Path,
    as_json: bool,
) -> None:
    from agent.evaluate.harbor.importing import suite_files, write_suite

    with speaking(as_json=as_json) as voice:
        folder, _ = _workspace(workspace)
        try:
            SuiteSettings(name=name)
        except ValueError as error:
            raise Misuse(f"{name[:60]!a} is no name for a suite", why="use small letters, digits, - and _") from error
        tasks = read()
        files = suite_files(name, tasks, graded=graded, source=source.name, seed=seed)
        write_suite(folder / "suites", name, files)
        entry = f'[[suites]]\nname = "{name}"\noptional = true'
        said = (
            f"{len(tasks)} tasks were written to suites/{name}/. No run uses them yet. To have them used, add to"
            f" {SETTINGS_FILE}\n\n{entry}\n\nand commit both: a new suite is a person's decision. Before that:"
            f" successor suite check {name}"
        )
        document = {"suite": name, "tasks": len(tasks), "add": entry}
        voice.answer(document, lambda console: console.print(plain(said)))


def _workspace(start: Path) -> tuple[Path, Settings]:
    folder = find_workspace(start.resolve())
    return folder, parse_settings((folder / SETTINGS_FILE).read_bytes())


def _suites_of(folder: Path) -> Tree:
    """Return the files below `suites/` as they lie there. Raises `UnsafeTree` or `BadSettings`."""
    from agent.edits.tree import File, Tree

    files, size = {}, 0
    for path in sorted((folder / "suites").rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            raise BadSettings(f"{name[:200]!a} is a link", why="a suite is made of plain files")
        if path.is_file() and "__pycache__" not in path.parts:
            size += path.stat().st_size
            if size > MOST_BYTES:
                raise BadSettings("suites/ is too large", why=f"its files hold more than {MOST_BYTES} bytes")
            files[name] = File(path.read_bytes(), bool(path.stat().st_mode & 0o100))
    return Tree(files)


def _harbor(base: Tree, name: str) -> HarborSettings:
    """Return the settings of a suite of Harbor tasks."""
    from agent.evaluate.catalogue import parse_suite
    from agent.evaluate.harbor.settings import HarborSettings

    if f"suites/{name}.toml" not in base:
        raise UnknownId(f"no suite is called {name!a}", mend="See: successor suite list")
    found = parse_suite(base, name)
    if not isinstance(found, HarborSettings):
        raise Misuse(f"the suite {name} has nothing to check", why=f"it is of the kind {found.kind}")
    return found


def _checked(
    name: str, harbor: HarborSettings, base: Tree, settings: Settings, sandbox: str | None, workers: int, voice: Voice
) -> tuple[list[Checked], tuple[tuple[str, str], ...]]:
    from agent.evaluate.harbor.check import check_task
    from agent.evaluate.harbor.suite import open_harbor_suite
    from agent.evaluate.limits import limits_of
    from agent.evaluate.suite import SPLITS
    from sandbox.choose import choose

    wanted, limits = settings.sandbox, limits_of(settings.sandbox)
    kind: Any = sandbox or wanted.backend
    backend = choose(kind, cache_folder(), warm=workers, runtime=wanted.runtime, progress=voice.step)
    with closing(backend):
        runtime = backend.prepare(voice.step)
        suite = open_harbor_suite(name, harbor, base, runtime, backend, objective=False, progress=voice.step)
        tasks = [task.id for split in SPLITS for task in suite.tasks(split)]
        with closing(suite), ThreadPoolExecutor(workers, thread_name_prefix="check") as pool:
            try:
                checked = list(pool.map(lambda task: check_task(suite, task, backend, limits), tasks))
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            return checked, suite.left_out


def _row(base: Tree, name: str, entry: SuiteSettings | None) -> dict[str, Any]:
    from agent.evaluate.catalogue import parse_suite
    from agent.evaluate.harbor.settings import HarborSettings
    from agent.evaluate.harbor.suite import folders

    row: dict[str, Any] = {"name": name, "used": entry is not None, "objective": bool(entry and entry.objective)}
    try:
        found = parse_suite(base, name)
    except BadSettings as error:
        return {**row, "kind": None, "tasks": None, "problem": str(error)}
    if isinstance(found, HarborSettings):
        return {**row, "kind": found.kind, "tasks": len(folders(base, found.tasks)), "problem": ""}
    return {**row, "kind": found.kind, "tasks": found.dev_tasks + found.heldout_tasks, "problem": ""}


def _show_list(console: Console, rows: list[dict[str, Any]]) -> None:
    table = Table("suite", "kind", "tasks", "used", "")
    for row in rows:
        used = ("objective" if row["objective"] else "yes") if row["used"] else "no"
        table.add_row(plain(row["name"]), row["kind"] or "?", str(row["tasks"] or "?"), used, plain(row["problem"]))
    console.print(table)


def _show_checked(console: Console, checked: list[Checked], left_out: tuple[tuple[str, str], ...]) -> None:
    table = Table("task", "split", "oracle", "empty", "tampering", "")
    for task in checked:
        marks = [_mark(mark) for mark in (task.oracle, task.empty, task.tampering)]
        why = next((m.why for m in (task.oracle, task.empty, task.tampering) if not m.holds and m.why), "")
        table.add_row(plain(task.task), task.split, *marks, "" if task.holds else f"[bold red]wrong[/] {plain(why)}")
    console.print(table)
    for name, why in left_out:
        console.print(f"left out: {plain(name)}: {plain(why)}")
    held = sum(task.holds for task in checked)
    console.print(f"{held} of {len(checked)} tasks hold")


def _mark(mark: Mark) -> str:
    if mark.score is None:
        return "-" if mark.absent else "none"
    return f"{mark.score / 1e6:g}"


def _figures(task: Checked) -> Mapping[str, Any]:
    marks = {"oracle": task.oracle, "empty": task.empty, "tampering": task.tampering}
    return {"split": task.split, "holds": task.holds} | {
        name: {"score_ppm": mark.score, "why": mark.why} for name, mark in marks.items()
    }
