"""`successor waive`: let a rule of the law go for one candidate or a few decisions, signed and with an end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.parts import Workspace, load_keys, now, open_workspace
from agent.cli.speak import HERE, JsonOption, Voice, WorkspaceOption, command_line, plain, speaking
from agent.errors import Misuse

if TYPE_CHECKING:
    from agent.gate.statement import Subject
    from agent.gate.waiver import Waiver

app = typer.Typer(help="Let a rule of the law go: signed, with a reason, an end and a scope.", no_args_is_help=True)

DAY = 24 * 3600
MAX_BYTES = 4 * 1024 * 1024
RulesOption = Annotated[list[str], typer.Option("--rule", help="The rule to let go; repeatable.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; it is signed and kept.")]
KeyOption = Annotated[Path, typer.Option("--key", help="Your SSH key: you sign the waiver with it.")]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=90, help="After how many days it ends.")]
EntriesOption = Annotated[
    int, typer.Option("--entries", min=1, max=500, help="After how many more entries of the gate log it ends.")
]
ToOption = Annotated[
    Path | None, typer.Option("--to", help="Where to write the waiver, when it needs more signatures than yours.")
]


@app.command()
def candidate(
    candidate: Annotated[str, typer.Argument(metavar="ID", help="The denied candidate, or the beginning of its ID.")],
    rule: RulesOption,
    reason: ReasonOption,
    key: KeyOption,
    days: DaysOption = 7,
    entries: EntriesOption = 50,
    to: ToOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Waive the rules that denied one candidate, and let it be judged again; it still waits for its review.

    Who proposed it cannot waive. Example: `successor waive candidate c1f --rule size-cap --reason "..." --key KEY`
    """
    from agent.lineage.succession import read_log
    from agent.loop.waive import for_candidate

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        entry = opened.store.candidate(candidate)
        waiver, subject = for_candidate(
            opened.repository, opened.store, read_log(opened.repository), entry, rules=rule, reason=reason,
            entries=entries, seconds=days * DAY,
        )  # fmt: skip
        # A waiver that was recorded just before a process died is not signed twice.
        if not _judged_again(voice, opened, entry.id, {"entry": None, "rules": waiver.rules}):
            _sign(voice, opened, waiver, subject, [], key, to)


@app.command()
def rules(
    rule: Annotated[list[str], typer.Argument(metavar="RULE...", help="The rules to let go.")],
    reason: ReasonOption,
    key: KeyOption,
    decisions: Annotated[int, typer.Option(min=1, max=10, help="How many successors may rest on it.")] = 1,
    days: DaysOption = 7,
    entries: EntriesOption = 50,
    to: ToOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Waive rules for whatever is decided next. It changes the law for a while, so two people sign it.

    Example: `successor waive rules size-cap --decisions 2 --reason "..." --key KEY --to waiver.json`
    """
    from agent.lineage.succession import read_log
    from agent.loop.waive import for_rules

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        waiver, subject = for_rules(
            opened.repository, opened.store, read_log(opened.repository), opened.parent, rules=rule, reason=reason,
            entries=entries, seconds=days * DAY, decisions=decisions,
        )  # fmt: skip
        _sign(voice, opened, waiver, subject, [], key, to)


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A waiver that waits for more signatures.")],
    key: KeyOption,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Sign a waiver that somebody else began; with the last signature it is recorded.

    Example: `successor waive sign waiver.json --key ~/.ssh/id_ed25519`
    """
    from agent.gate.waiver import terms, waiver_files

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        try:
            with file.open("rb") as stream:
                signed = [text.encode() for text in json.loads(stream.read(MAX_BYTES))["signatures"]]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misuse(f"{file} is no waiver", mend="It is written by: successor waive") from error
        waiver, subject = terms(waiver_files(signed))
        _sign(voice, opened, waiver, subject, signed, key, file)


@app.command(name="list")
def list_(workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """List the waivers in the gate log that are not over yet by their place in it.

    Example: `successor waive list`
    """
    from agent.gate.waiver import terms
    from agent.lineage.succession import read_log
    from agent.lineage.waivers import lasting

    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        found = lasting(opened.repository, read_log(opened.repository))
        rows = [
            {"entry": index, **terms(one.files)[0].model_dump(mode="json", exclude={"by", "nonce"})}
            for index, one in sorted(found.items())
        ]
        lines = [
            f"entry {row['entry']}: {', '.join(row['rules'])} for {row['candidate'] or 'what is decided next'}, "
            f"to entry {row['last_entry']}: {plain(row['reason'])}"
            for row in rows
        ]
        voice.answer({"waivers": rows}, lambda console: console.print("\n".join(lines) or "there are none"))


def _sign(
    voice: Voice, opened: Workspace, waiver: Waiver, subject: Subject, signed: list[bytes], key: Path, to: Path | None
) -> None:  # fmt: skip
    """Add a signature; record the waiver when there are enough, else write down what there is."""
    from agent.gate.signer import SshKeygen
    from agent.gate.waiver import sign_waiver
    from agent.lineage.succession import read_log

    signer, root = SshKeygen(key), read_log(opened.repository).root
    owner = root.owner(signer.key)
    if owner is None:
        raise Misuse(f"nobody in the trust root has the key {key}", why="rules are waived by its people")
    needed = _needed(opened, waiver)
    if len(signed) + 1 < needed and to is None:
        raise Misuse(f"this waiver needs {needed} signatures", mend="Name a file for the others to sign: --to FILE")
    mine = waiver.model_copy(update={"by": owner[0].name})
    _demand_no_proposer(opened, waiver, owner[0].name)
    signed = [*signed, sign_waiver(mine, subject, signer)]
    if len(signed) < needed:
        assert to is not None, "asked for above"
        to.write_text(json.dumps({"signatures": [one.decode() for one in signed]}), "utf-8")
        then = command_line("waive", "sign", to, "--key", "KEY")
        said = f"{len(signed)} of {needed} signatures; the next person signs it with: {then}"
        document = {"rules": waiver.rules, "signatures": len(signed), "file": str(to)}
        voice.answer(document, lambda console: console.print(said, markup=False))
        return
    _record(voice, opened, waiver, signed)


def _needed(opened: Workspace, waiver: Waiver) -> int:
    """How many people this waiver takes: those whom the candidate will need, and two for a rule."""
    from agent.gate.quorum import approvals_of
    from agent.gate.waiver import people_needed
    from agent.lineage.succession import read_log
    from agent.loop.judging import trees_of

    base = tree = opened.repository.tree(waiver.base_commit)
    if waiver.candidate is not None:
        base, tree = trees_of(opened.store, opened.repository, opened.store.candidate(waiver.candidate))
    return people_needed(waiver, read_log(opened.repository).root, approvals_of(base, tree))


def _demand_no_proposer(opened: Workspace, waiver: Waiver, name: str) -> None:
    proposer = opened.store.candidate(waiver.candidate).proposer if waiver.candidate else ""
    if proposer.casefold() == name.casefold():
        raise Misuse(f"{name} may not waive this", why="who proposes a candidate waives no rule")


def _record(voice: Voice, opened: Workspace, waiver: Waiver, signed: list[bytes]) -> None:
    from agent.lineage.afterwards import record_waiver

    done = record_waiver(opened.repository, signed, gate=load_keys(opened.state).gate, now=now())
    document: dict[str, Any] = {
        "entry": done.index, "rules": waiver.rules, "candidate": waiver.candidate, "last_entry": waiver.last_entry,
        "expires": waiver.expires, "decisions": waiver.decisions, "state": None,
    }  # fmt: skip
    if waiver.candidate is None or not _judged_again(voice, opened, waiver.candidate, document):
        said = f"entry {done.index} of the gate log waives {', '.join(waiver.rules)}"
        voice.answer(document, lambda console: console.print(said, markup=False))


def _judged_again(voice: Voice, opened: Workspace, candidate: str, document: dict[str, Any]) -> bool:
    """Open a denied candidate again where recorded waivers allow it, and say so; else say nothing."""
    from agent.candidate import State
    from agent.loop.judging import Judging

    desk = Judging(opened.repository, opened.store, load_keys(opened.state))
    entry = desk.again(opened.store.candidate(candidate))
    if entry.state is State.DENIED:
        return False
    then = command_line("review", "show", entry.id, workspace=opened.folder)
    said = f"{', '.join(document['rules'])} waived; {entry.id} is {entry.state}: {then}"
    document = {**document, "candidate": entry.id, "state": entry.state}
    voice.answer(document, lambda console: console.print(said, markup=False))
    return True
