"""`successor revoke`, `rollback`, `diff`, `export`: life after approval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from agent.cli.parts import load_keys, now, open_workspace
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking, visible
from agent.errors import Misuse, UnknownId

if TYPE_CHECKING:
    from agent.lineage.repository import Repository
    from agent.lineage.succession import Log


def revoke(
    successor: Annotated[str, typer.Argument(metavar="ID", help="The successor.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, in one sentence; it is signed and kept.")],
    key: Annotated[Path, typer.Option("--key", help="Your SSH key: a file, or the .pub of one in an agent.")],
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Sign that a successor, and all that descends from it, must not be built on any more. Nothing is erased.

    Example: `successor revoke c381 --reason "slow on large trees" --key ~/.ssh/id_ed25519`
    """
    from agent.gate.revocation import Revocation, sign_revocation
    from agent.gate.signer import SshKeygen
    from agent.gate.statement import Subject
    from agent.lineage.afterwards import record_revocation
    from agent.lineage.standing import entries, standings
    from agent.lineage.succession import read_log

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        log = read_log(opened.repository)
        standing = standings(entries(opened.repository, log)).get(successor)
        if standing is None or standing.entry.commit is None or standing.entry.tree is None:
            raise UnknownId(f"no successor is called {successor[:80]!a}", mend="List them with: successor lineage")
        signer = SshKeygen(key)
        owner = log.root.owner(signer.key)
        if owner is None:
            raise Misuse(f"nobody in the trust root has the key {key}", why="a person of the trust root revokes")
        commit = standing.entry.commit
        said = Revocation(
            workspace=log.workspace, candidate=successor, commit=commit, reason=_sentence(reason), by=owner[0].name
        )
        subject = Subject(opened.repository.commit(commit).tree, standing.entry.tree)
        envelope = sign_revocation(said, subject, signer)
        done = record_revocation(opened.repository, envelope, gate=load_keys(opened.state).gate, now=now())
        marked = standings(entries(opened.repository, read_log(opened.repository)))
        names = sorted(name for name, one in marked.items() if one.revoked_by == done.index)
        document = {"revoked": names, "by": owner[0].name, "entry": done.index, "log": done.log_commit}
        voice.answer(document, lambda console: console.print(f"revoked: {', '.join(names)}", markup=False))


def rollback(
    generation: Annotated[str, typer.Argument(metavar="ID", help="A successor, or `genesis`; `newest` ends it.")],
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Restore an approved generation: its files in the work tree, and new candidates start from it. Asks no gate.

    Example: `successor rollback c381`
    """
    from agent.cli.parts import locked_repository
    from agent.lineage.standing import roll_back, roll_forward
    from agent.lineage.succession import read_log

    with speaking(as_json=as_json) as voice, locked_repository(workspace) as repository:
        log = read_log(repository)
        forward = generation == "newest"
        commit = roll_forward(repository, log) if forward else roll_back(repository, log, generation)
        said = "new candidates start from the newest generation" if forward else f"{generation} is restored"
        document = {"generation": generation, "commit": commit, "rolled_back": not forward}
        voice.answer(document, lambda console: console.print(f"{said}: {commit}", markup=False))


def diff(
    old: Annotated[str, typer.Argument(metavar="A", help="A generation: an ID, or `genesis`.")],
    new: Annotated[str, typer.Argument(metavar="B", help="Another, that descends from it or not.")],
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two generations, and which decisions led from one to the other.

    Example: `successor diff genesis c381`
    """
    from agent.edits.unified import line_counts, unified_diff
    from agent.lineage.standing import ancestry, generation
    from agent.lineage.succession import read_log

    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        repository, log = opened.repository, read_log(opened.repository)
        commits = [generation(repository, log, name) for name in (old, new)]
        trees = [repository.tree(commit) for commit in commits]
        lines = [dict(ancestry(repository, log, commit)) for commit in commits]
        steps = [name for commit, name in reversed(lines[1].items()) if name and commit not in lines[0]]
        left = [name for commit, name in reversed(lines[0].items()) if name and commit not in lines[1]]
        counts = line_counts(*trees)
        document = {
            "old": {"generation": old, "commit": commits[0]}, "new": {"generation": new, "commit": commits[1]},
            "files": {path: {"added": added, "removed": removed} for path, (added, removed) in counts.items()},
            "decisions": [_decision(repository, log, name) for name in steps], "not_in_new": left,
            "diff": unified_diff(*trees).decode("utf-8", "backslashreplace"),
        }  # fmt: skip
        voice.answer(document, lambda console: _show_diff(console, document))


def export(
    to: Annotated[Path, typer.Option("--to", help="The file to write: a git bundle of the whole record.")],
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Write the whole record to one file, for an auditor without a network, and a report of what it proves beside it.

    Example: `successor export --to my-agent.bundle`
    """
    from agent.lineage.audit import Wish, audit
    from agent.lineage.report_html import as_html
    from agent.lineage.succession import read_log

    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        page = to.with_name(to.name + ".html")
        for path in (to, page):
            if path.exists():
                raise Misuse(f"{path} is there already", mend="Name a new file")
        opened.repository.export(to)
        root = read_log(opened.repository).workspace
        report = audit(to, root, Wish(every=True))
        page.write_text(as_html(report, f"Audit of {to.name}"), "utf-8")
        document = {"file": str(to), "report": str(page), **report.as_dict()}
        said = f"{to}: {report.entries} decisions, {'proven' if report.ok else 'NOT PROVEN'}; report: {page}"
        said += f"\naudit it with: successor audit {to} --root {root}"
        voice.answer(document, lambda console: console.print(said, markup=False))
        if not report.ok:
            raise typer.Exit(1)


def _sentence(reason: str) -> str:
    if not reason.strip() or len(reason) > 2000:
        raise Misuse("a revocation needs a reason", why="one sentence, of at most 2000 characters")
    return reason


def _decision(repository: Repository, log: Log, name: str) -> dict[str, Any]:
    """Who approved a successor, when, and on which evidence."""
    from agent.candidate import Evidence
    from agent.gate.dossier import EVIDENCE
    from agent.lineage.gate_log import read_entry
    from agent.lineage.trailers import entry_index

    index = entry_index(repository.commit(repository.branch(f"successor/{name}") or "").message)
    entry, bundle = read_entry(repository.read, log.tree, index or 0)
    evidence = Evidence.model_validate_json(bundle[EVIDENCE].content)
    gains = {f"{one.suite}/{one.split}": one.gain_ppm for one in evidence.comparisons}
    return {
        "candidate": name, "entry": entry.index, "time": entry.time, "by": list(entry.by), "evidence": entry.bundle,
        "level": evidence.sandbox.level, "gains_ppm": gains,
    }  # fmt: skip


def _show_diff(console: Console, document: dict[str, Any]) -> None:
    for step in document["decisions"]:
        gains = ", ".join(f"{name} {gain / 1e6:+.4f}" for name, gain in step["gains_ppm"].items())
        line = f"{step['candidate']}  approved by {', '.join(step['by'])} (entry {step['entry']})  {gains}"
        console.print(visible(line), markup=False)
    for path, count in document["files"].items():
        console.print(visible(f"  {path} +{count['added']} -{count['removed']}"), markup=False)
    console.print(visible(document["diff"]), markup=False, end="")
