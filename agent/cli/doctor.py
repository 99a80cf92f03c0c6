"""`successor doctor`: what works on this machine and what does not, each with the mend."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape

from agent.cli.parts import cache_folder, open_store
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking
from agent.errors import NoWorkspace, SuccessorError
from agent.loop.stop import Halt
from agent.workspace import SETTINGS_FILE, STATE_FOLDER, find_workspace, parse_settings
from sandbox.choose import backends
from sandbox.errors import BackendUnavailable


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report. `need`: must be ok for successor to work at all."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    need: bool = True


def doctor(workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Say what works on this machine and what does not, each with the mend.

    Example: `successor doctor`
    """
    with speaking(as_json=as_json) as voice:
        findings = [*_programs(), *_walls(), *_workspace(workspace)]
        wall = any(f.ok for f in findings if f.name.startswith("sandbox"))
        healthy = wall and all(f.ok for f in findings if f.need)
        voice.answer({"healthy": healthy, "findings": [asdict(f) for f in findings]}, _table(findings, healthy=healthy))
        if not healthy:
            raise typer.Exit(1)


def _programs() -> Iterator[Finding]:
    version = sys.version_info
    mend = "Make the environment anew: make PYTHON=python3.12 install"
    yield Finding("python", (3, 11) <= version[:2] <= (3, 13), platform.python_version(), mend)
    for name, ask, package in (("git", ["--version"], "git"), ("ssh-keygen", [], "openssh-client")):
        path = shutil.which(name)
        detail = _first_line([path, *ask]) if path and ask else path or "not found"
        yield Finding(name, path is not None, detail, f"Install it: apt-get install {package}")


def _walls() -> Iterator[Finding]:
    """Both walls are tried for real. One that works is enough; `container` is what promotion asks for by default."""
    for backend in backends(cache_folder()):
        try:
            yield Finding(
                f"sandbox {backend.name}", True, f"{backend.level}: " + "; ".join(backend.check()), need=False
            )
        except BackendUnavailable as error:
            yield Finding(f"sandbox {backend.name}", False, error.what, error.mend, need=False)


def _workspace(start: Path) -> Iterator[Finding]:
    try:
        folder = find_workspace(start.resolve())
    except NoWorkspace as error:
        yield Finding("workspace", False, error.what, error.mend, need=False)
        return
    yield _checked(SETTINGS_FILE, lambda: parse_settings((folder / SETTINGS_FILE).read_bytes()).name)
    yield _checked("store", lambda: _store_line(folder))
    reason = Halt(folder / STATE_FOLDER).reason
    yield Finding("halt", reason is None, reason or "not halted", "Lift it with: successor resume", need=False)


def _store_line(folder: Path) -> str:
    with open_store(folder) as store:
        return f"{len(store.candidates())} candidates, {len(store.runs())} runs"


def _checked(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except SuccessorError as error:
        return Finding(name, False, f"{error.what}: {error.why}", error.mend)


def _first_line(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603  # constant argv
    return done.stdout.strip().split("\n")[0]


def _table(findings: list[Finding], *, healthy: bool) -> Callable[[Console], None]:
    def show(console: Console) -> None:
        for f in findings:
            mark = "[green]ok[/green]  " if f.ok else ("[red]no[/red]  " if f.need else "[yellow]no[/yellow]  ")
            console.print(f"{mark}{f.name:<20} {escape(f.detail)}")
            if not f.ok and f.mend:
                console.print(f"      {'':<20}[dim]{escape(f.mend)}[/dim]")
        console.print("\nsuccessor can work here." if healthy else "\n[bold]successor cannot work here yet.[/bold]")

    return show
