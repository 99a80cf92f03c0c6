"""`successor policy`: read, check and try the law of a workspace."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.parts import open_workspace
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, plain, speaking
from agent.errors import Misuse, UnknownId

if TYPE_CHECKING:
    from agent.gate.rules import Bundle

app = typer.Typer(help="Read, check and try the law of a workspace.", no_args_is_help=True)

FolderOption = Annotated[
    Path | None, typer.Option("--folder", help="A policies/ folder to use instead of the one in force.")
]


@app.command()
def check(folder: FolderOption = None, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Load the policies as a gate would, and list the rules.

    Example: `successor policy check --folder policies`
    """
    with speaking(as_json=as_json) as voice:
        bundle = _bundle(folder, workspace)
        document = {
            "version": bundle.version,
            "digest": bundle.digest,
            "rules": [
                {"id": rule.id, "title": rule.text.title, "waivable": rule.text.waivable} for rule in bundle.rules
            ],
        }
        lines = [f"{rule.id:<28} {rule.text.title}" for rule in bundle.rules]
        voice.answer(
            document,
            lambda console: console.print(
                "\n".join([f"version {bundle.version}, {bundle.digest}", *lines]), markup=False
            ),
        )


@app.command(name="test")
def run_examples(folder: FolderOption = None, workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Run every example of every rule; exit 1 when one is not answered as it says.

    Example: `successor policy test`
    """
    from agent.gate.examples import check_bundle

    with speaking(as_json=as_json) as voice:
        bundle = _bundle(folder, workspace)
        findings = check_bundle(bundle)
        examples = sum(len(rule.text.examples) for rule in bundle.rules)
        document = {"rules": len(bundle.rules), "examples": examples, "findings": [asdict(f) for f in findings]}
        last = f"{len(bundle.rules)} rules, {examples} examples, {len(findings)} findings"
        voice.answer(document, lambda c: c.print("\n".join([*map(str, findings), last]), markup=False))
        if findings:
            raise typer.Exit(1)


@app.command()
def explain(
    rule: Annotated[str, typer.Argument(metavar="ID", help="The rule.")],
    folder: FolderOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say what a rule demands, why, and what to do when it denies.

    Example: `successor policy explain kept-paths-untouched`
    """
    with speaking(as_json=as_json) as voice:
        found = [r for r in _bundle(folder, workspace).rules if r.id == rule]
        if not found:
            raise UnknownId(f"no rule is called {rule[:80]!a}", mend="List them with: successor policy check")
        text: dict[str, Any] = found[0].text.model_dump(mode="json")
        names = ("id", "title", "why", "rule", "mend", "waivable")
        shown = "\n".join(f"[bold]{name}[/bold]  {plain(str(text[name]))}" for name in names)
        voice.answer(text, lambda console: console.print(shown))


def _bundle(folder: Path | None, workspace: Path) -> Bundle:
    """Load the policies of a folder, or those in force in the workspace: the newest approved generation's."""
    from agent.gate.dossier import policies_of
    from agent.gate.rules import load_bundle

    if folder is None:
        with open_workspace(workspace) as opened:
            return load_bundle(policies_of(opened.base))
    return load_bundle(read_folder(folder))


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a policies/ folder by path within it. Raises `Misuse` when there is none."""
    if not folder.is_dir():
        raise Misuse(f"there is no folder {folder}")
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
