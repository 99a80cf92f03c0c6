"""The command line: every command of every group under one name, and each is loaded when it is called for.

To load them all takes longer than most of them run, and only the list of commands needs that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Final

import typer
import typer.main
from typer.core import TyperGroup

from agent import __version__

COMMANDS: Final = {
    "demo": "demo:demo",
    "init": "init:init",
    "plan": "plan:plan",
    "run": "run:run",
    "resume": "run:resume",
    "status": "status:status",
    "halt": "status:halt",
    "propose": "propose:propose",
    "lineage": "lineage:lineage",
    "show": "lineage:show",
    "revoke": "after:revoke",
    "rollback": "after:rollback",
    "diff": "after:diff",
    "export": "after:export",
    "bisect": "bisect:bisect",
    "audit": "audit:audit",
    "bench": "bench:bench",
    "weaknesses": "weaknesses:weaknesses",
    "replay": "replay:replay",
    "doctor": "doctor:doctor",
    "review": "drill:app",
    "witness": "witness:app",
    "trust": "trust_witness:app",
    "policy": "policy:app",
    "waive": "waive:app",
    "suite": "suite:app",
}
"""Where each command stands in this package: a module, and a function or a group of commands in it; of a group whose
commands stand in two modules, the one that adds to the other."""

_MARKUP: Final = "markdown"


class _Loaded(Mapping[str, Any]):
    """The commands by name, as Typer makes them; one is made when it is asked for, and all when all are."""

    def __getitem__(self, name: str) -> Any:
        return _load(name, COMMANDS[name])

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Program(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Loaded()  # type: ignore[assignment]  # nothing is added to it


@cache
def _load(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found: typer.Typer | Callable[..., None] = getattr(import_module(f"agent.cli.{module}"), attribute)
    if isinstance(found, typer.Typer):
        group = typer.Typer(rich_markup_mode=_MARKUP, add_completion=False)
        group.add_typer(found, name=name)
        return typer.main.get_group(group).commands[name]
    single = typer.Typer(rich_markup_mode=_MARKUP, add_completion=False)
    single.command(name=name)(found)
    return typer.main.get_command(single)


app = typer.Typer(
    name="successor",
    cls=_Program,
    help="A coding agent improves its own scaffold; people stay in charge of what is kept.",
    no_args_is_help=True,
    rich_markup_mode=_MARKUP,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # the shape of a typer callback
    if wanted:
        typer.echo(f"successor {__version__}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """A coding agent improves its own scaffold; people stay in charge of what is kept."""
