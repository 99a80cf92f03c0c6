"""`successor audit`: whether a history proves what it claims, for someone who trusts nothing in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from agent import __version__
from agent.cli.speak import HERE, JsonOption, Voice, speaking, visible
from agent.errors import Misuse

if TYPE_CHECKING:
    from agent.gate.note import Note, Verifier
    from agent.lineage.audit import AuditReport, Wish

RootOption = Annotated[
    str, typer.Option("--root", metavar="sha256:HEX", help="Fingerprint of the trust root you were told.")
]
RepositoryArgument = Annotated[
    Path, typer.Argument(metavar="REPO", help="A clone, bare mirror or git bundle file; needs no workspace.")
]
ProcessesOption = Annotated[
    int, typer.Option("--processes", min=0, help="How many to use; 0 for as many as there are processors.")
]
CheckpointOption = Annotated[
    Path | None, typer.Option(help="A checkpoint that you saw before: the log must continue it.")
]
RememberOption = Annotated[
    Path | None, typer.Option(help="The same, kept in this file: read if it is there, written after a good audit.")
]
WitnessOption = Annotated[
    list[str] | None, typer.Option(metavar="VKEY", help="A witness that must have cosigned this log; repeatable.")
]
CosignedOption = Annotated[
    list[Path] | None, typer.Option(help="A cosigned checkpoint that you got elsewhere; repeatable.")
]
PolicyOption = Annotated[
    Path | None, typer.Option("--with-policy", help="Judge all of history by this policies/ folder as well.")
]
CrossCheckOption = Annotated[
    bool, typer.Option("--cross-check", help="Check all signatures again with git and ssh-keygen.")
]
SarifOption = Annotated[Path | None, typer.Option(help="Write the findings to this file as SARIF 2.1.0.")]
PageOption = Annotated[Path | None, typer.Option("--html", help="Write a report of every decision as one page.")]


def audit(
    root: RootOption,
    repository: RepositoryArgument = HERE,
    checkpoint: CheckpointOption = None,
    remember: RememberOption = None,
    witness: WitnessOption = None,
    cosigned: CosignedOption = None,
    with_policy: PolicyOption = None,
    cross_check: CrossCheckOption = False,
    sarif: SarifOption = None,
    page: PageOption = None,
    processes: ProcessesOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Check, offline, that every successor in a clone was measured, judged, reviewed and signed, and is unaltered.

    Trusts nothing in the repository. Example: `successor audit my-clone --root sha256:0d4e... --remember seen.txt`
    """
    from agent.lineage.audit import Wish
    from agent.lineage.audit import audit as look

    with speaking(as_json=as_json) as voice:
        seen = _seen(checkpoint, remember)
        wish = Wish(
            seen, _witnesses(witness or []), tuple(read_note(path) for path in cosigned or []), _law(with_policy),
            every=page is not None, processes=processes,
        )  # fmt: skip
        report = look(repository, root, wish)
        document = _finished(voice, report, repository, wish, again=cross_check)
        _write(report, sarif, page)
        if report.ok and remember is not None:
            remember.write_text(report.checkpoint, "utf-8")
        voice.answer(document, lambda console: _show(console, document))
        if not report.ok:
            raise typer.Exit(1)


def read_note(path: Path) -> Note:
    """Read a checkpoint note from a file. Raises `Misuse` when there is none, `SignatureRefused`."""
    from agent.gate.note import MAX_NOTE_BYTES, parse_note

    if not path.is_file():
        raise Misuse(f"there is no checkpoint at {path}")
    with path.open("rb") as file:
        return parse_note(file.read(MAX_NOTE_BYTES + 1))


def _finished(voice: Voice, report: AuditReport, repository: Path, wish: Wish, *, again: bool) -> dict[str, Any]:
    """Do what comes after the audit itself, and return the answer."""
    from agent.lineage.cross_check import cross_check

    document: dict[str, Any] = {}
    if again and report.ok:
        voice.step("checking every signature again with git and ssh-keygen")
        document["cross_checked"] = cross_check(repository, report)
    if wish.law:
        document["judged_again"] = [
            {
                "index": entry.index, "kind": entry.kind, "candidate": entry.candidate, "commit": entry.commit,
                "denials": [{"rule": rule, "reason": reason} for rule, reason in denials],
            }
            for entry, denials in report.judged
        ]  # fmt: skip
    return {**report.as_dict(), **document}


def _seen(checkpoint: Path | None, remember: Path | None) -> Note | None:
    if checkpoint is not None and remember is not None:
        raise Misuse("--checkpoint and --remember name the same thing twice", mend="Give one of them")
    if remember is not None and not remember.exists():
        return None
    path = checkpoint or remember
    return read_note(path) if path is not None else None


def _witnesses(vkeys: list[str]) -> tuple[Verifier, ...]:
    from agent.gate.note import COSIGNER_KEY, Verifier

    found = tuple(Verifier.parse(vkey) for vkey in vkeys)
    for one in found:
        if one.kind != COSIGNER_KEY:
            raise Misuse(f"{one.name} is not the key of a witness", why="it is of the kind that logs sign with")
    return found


def _law(folder: Path | None) -> tuple[tuple[str, bytes], ...]:
    """Read a policies/ folder, and see that it is a law before all of history is judged by it."""
    from agent.cli.policy import read_folder
    from agent.gate.rules import load_bundle

    if folder is None:
        return ()
    files = read_folder(folder)
    load_bundle(files)
    return tuple(sorted(files.items()))


def _write(report: AuditReport, sarif: Path | None, page: Path | None) -> None:
    from agent.lineage.report_html import as_html
    from agent.lineage.report_sarif import as_sarif

    if sarif is not None:
        sarif.write_text(json.dumps(as_sarif(report, __version__), indent=2) + "\n", "utf-8")
    if page is not None:
        page.write_text(as_html(report, f"Audit of {Path(report.path).resolve().name}"), "utf-8")


def _show(console: Console, document: dict[str, Any]) -> None:
    for finding in document["findings"]:
        line = f"{finding['where']}: {finding['reason']}"
        console.print(f"[red]no[/red]  {escape(finding['slug'])}  {escape(visible(line))}")
    for entry in document.get("judged_again", []):
        for denial in entry["denials"]:
            said = f"{entry['kind']} {entry['candidate']}: {denial['rule']}: {denial['reason']}"
            console.print(f"[yellow]would be denied[/yellow]  {escape(visible(said))}")
    for note in document["notes"]:
        console.print(f"[yellow]note[/yellow]  {escape(visible(note))}")
    counts = f"{document['entries']} decisions, {document['successors']} successors, {document['rejections']} refusals"
    if "cross_checked" in document:
        counts += f", {document['cross_checked']} signatures checked again with git and ssh-keygen"
    if "judged_again" in document:
        counts += f", {len(document['judged_again'])} that the other policy denies"
    word = "[bold green]proven[/bold green]" if document["ok"] else "[bold red]not proven[/bold red]"
    console.print(f"{word}: {counts}")
