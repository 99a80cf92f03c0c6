"""`successor doctor`: what works on this machine and what does not, each with the mend."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from agent.cli.parts import cache_folder, open_store
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking
from agent.errors import NoWorkspace, SuccessorError
from agent.loop.stop import Halt
from agent.workspace import SETTINGS_FILE, STATE_FOLDER, find_workspace, parse_settings
from sandbox.choose import backends, choose
from sandbox.errors import BackendUnavailable

if TYPE_CHECKING:
    from sandbox.clean import Cleaned

STAGES = ("successor-stage-", "successor-tasks-", "successor-left-", "successor-door-", "successor-local-")
"""What the folders are called in which trees and tasks are staged, and sockets of models lie (`sandbox.scratch`)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report. `need`: must be ok for successor to work at all."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    need: bool = True


def doctor(
    clean: Annotated[bool, typer.Option("--clean", help="Remove what is ours and nobody wants any more.")] = False,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say what works on this machine and what does not, each with the mend; or clean up after killed runs.

    Example: `successor doctor --clean`
    """
    with speaking(as_json=as_json) as voice:
        if clean:
            from sandbox.clean import clean as tidy

            cleaned = tidy(cache_folder(), Path(tempfile.gettempdir()), STAGES)
            voice.answer(asdict(cleaned), lambda console: console.print(_told(cleaned), markup=False))
            return
        findings = [*_programs(), *_walls(), *_engine(), *_models(), *_workspace(workspace)]
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


def _engine() -> Iterator[Finding]:
    from sandbox.docker_engine import Engine

    try:
        yield from offers(Engine().describe())
    except BackendUnavailable:
        return  # said where the walls are


def offers(info: Mapping[str, Any]) -> Iterator[Finding]:
    """Say what an engine, by its own account, has that makes its wall thicker. Nothing of it is needed."""
    from sandbox.docker_runtime import INSTALL

    security = {str(option).split(",")[0].removeprefix("name="): option for option in info.get("SecurityOptions") or []}
    mapped = "rootless" if "rootless" in security else "userns-remap" if "userns" in security else ""
    yield Finding(
        "engine users", bool(mapped), mapped or "root inside is root outside (nothing of ours runs as root inside)",
        'Run the engine rootless, or with {"userns-remap": "default"} in its daemon.json', need=False,
    )  # fmt: skip
    yield Finding(
        "engine seccomp", "seccomp" in security, str(security.get("seccomp", "no filter of the engine's own")),
        "Use an engine that was built with seccomp", need=False,
    )  # fmt: skip
    version = str(info.get("CgroupVersion", 1))
    mend = "Boot with systemd.unified_cgroup_hierarchy=1"
    yield Finding("engine cgroups", version == "2", f"version {version}", mend, need=False)
    offered = sorted(info.get("Runtimes") or {})
    for name, mend in INSTALL.items():
        found = [runtime for runtime in offered if name in runtime]
        detail = f"{', '.join(found)}: level hardened, if a trial run shows it" if found else "not among its runtimes"
        yield Finding(f"engine {name}", bool(found), detail, mend, need=False)
    highest = "hardened" if any(name in runtime for name in INSTALL for runtime in offered) else "container"
    yield Finding("engine level", True, f"up to {highest}; runtimes: {', '.join(offered)}", need=False)


def _models() -> Iterator[Finding]:
    """Where a model can be had from. None is needed."""
    from importlib.util import find_spec

    from agent.cli.key import KEY_VARIABLE, take_key

    known = bool(take_key(KEY_VARIABLE))
    mend = f"Set {KEY_VARIABLE}; without it an offline search proposes"
    yield Finding("model key", known, f"{KEY_VARIABLE} is {'set' if known else 'not set'}", mend, need=False)
    local = find_spec("xllamacpp") is not None
    detail = "xllamacpp is " + ("installed: --model local:FILE serves a GGUF file" if local else "not installed")
    yield Finding("model local", local, detail, "Install it: pip install 'successor[local]'", need=False)


def _workspace(start: Path) -> Iterator[Finding]:
    try:
        folder = find_workspace(start.resolve())
    except NoWorkspace as error:
        yield Finding("workspace", False, error.what, error.mend, need=False)
        return
    yield _checked(SETTINGS_FILE, lambda: parse_settings((folder / SETTINGS_FILE).read_bytes()).name)
    yield from _runtime(folder)
    yield _checked("store", lambda: _store_line(folder))
    reason = Halt(folder / STATE_FOLDER).reason
    yield Finding("halt", reason is None, reason or "not halted", "Lift it with: successor resume", need=False)


def _runtime(folder: Path) -> Iterator[Finding]:
    """Try the runtime that the workspace names: only what runs inside shows whether it has a kernel of its own."""
    try:
        runtime = parse_settings((folder / SETTINGS_FILE).read_bytes()).sandbox.runtime
    except SuccessorError:
        return  # said already
    if not runtime:
        return
    try:
        backend = choose("docker", cache_folder(), runtime=runtime)
        yield Finding(f"runtime {runtime}", True, f"level {backend.level}")
        backend.close()
    except BackendUnavailable as error:
        yield Finding(f"runtime {runtime}", False, error.what, error.mend)


def _store_line(folder: Path) -> str:
    with open_store(folder) as store:
        return f"{len(store.candidates(drills=True))} candidates, {len(store.runs())} runs"


def _checked(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except SuccessorError as error:
        return Finding(name, False, f"{error.what}: {error.why}", error.mend)


def _first_line(argv: list[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603  # constant argv
    return done.stdout.strip().split("\n")[0]


def _told(cleaned: Cleaned) -> str:
    lines = [f"removed {one.kind:<10} {one.name}  {one.size / 1e6:.1f} MB" for one in cleaned.removed]
    total = sum(one.size for one in cleaned.removed) / 1e6
    last = f"{len(lines)} removed, {total:.1f} MB" if lines else "nothing to remove"
    return "\n".join([*lines, *(f"left: {why}" for why in cleaned.left), last])


def _table(findings: list[Finding], *, healthy: bool) -> Callable[[Console], None]:
    def show(console: Console) -> None:
        for f in findings:
            mark = "[green]ok[/green]  " if f.ok else ("[red]no[/red]  " if f.need else "[yellow]no[/yellow]  ")
            console.print(f"{mark}{f.name:<20} {escape(f.detail)}")
            if not f.ok and f.mend:
                console.print(f"      {'':<20}[dim]{escape(f.mend)}[/dim]")
        console.print("\nsuccessor can work here." if healthy else "\n[bold]successor cannot work here yet.[/bold]")

    return show
