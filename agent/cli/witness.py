"""`successor witness`: a second pair of eyes on the log, which signs that what it sees continues what it saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent.cli.audit import ProcessesOption, RepositoryArgument, RootOption, read_note
from agent.cli.parts import load_keys, now, open_workspace
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking
from agent.errors import AuditFailed, Misuse

app = typer.Typer(help="See the log, sign that it only grew, and record that somebody has.", no_args_is_help=True)

NameOption = Annotated[str, typer.Option("--name", help="The witness's name, such as witness.example/w1.")]
KeyOption = Annotated[
    Path, typer.Option("--key", help="The witness's own key: an OpenSSH Ed25519 file, no passphrase.")
]


@app.command()
def keygen(
    key: Annotated[Path, typer.Argument(metavar="FILE", help="The new key.")],
    name: NameOption,
    as_json: JsonOption = False,
) -> None:
    """Make a key for a witness, and print the verifier key that auditors are told.

    Example: `successor witness keygen witness-key --name witness.example/w1`
    """
    from agent.gate.note import COSIGNER_KEY, Verifier, checked_name
    from agent.gate.signer import MachineKey

    with speaking(as_json=as_json) as voice:
        made = MachineKey.generate()
        vkey = Verifier(checked_name(name), made.key, COSIGNER_KEY).line
        made.save(key, f"successor witness {name}")
        voice.answer({"file": str(key), "vkey": vkey}, lambda console: console.print(vkey, markup=False))


@app.command()
def sign(
    root: RootOption,
    key: KeyOption,
    name: NameOption,
    state: Annotated[Path, typer.Option(help="Where this witness keeps the last checkpoint that it signed.")],
    to: Annotated[Path, typer.Option("--to", help="The file to write: the checkpoint with the cosignature.")],
    repository: RepositoryArgument = HERE,
    processes: ProcessesOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Audit a clone, see that its log continues the one signed last, and cosign its checkpoint.

    Example: `successor witness sign my-clone --root sha256:0d4e... --key w1 --name witness.example/w1 --state w1.seen
    --to cosigned`
    """
    from agent.gate.note import cosign, parse_note
    from agent.gate.signer import MachineKey
    from agent.lineage.audit import Wish, audit

    with speaking(as_json=as_json) as voice:
        signer = MachineKey.load(key)
        seen = read_note(state) if state.exists() else None
        report = audit(repository, root, Wish(seen, processes=processes, demands=False))
        report.demand()
        note = cosign(parse_note(report.checkpoint.encode()), name, now(), signer)
        state.write_bytes(note.content)  # before anybody has the signature: a witness never signs two histories
        to.write_bytes(note.content)
        document = {"file": str(to), "size": note.checkpoint.size, "checkpoint": note.content.decode()}
        voice.answer(document, lambda console: console.print(document["checkpoint"], markup=False, end=""))


@app.command()
def record(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `witness sign` wrote.")],
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Record a cosigned checkpoint in the gate log, so that it comes with every clone.

    Example: `successor witness record cosigned`
    """
    from agent.lineage.afterwards import record_witnessed

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        note = read_note(file)
        try:
            done = record_witnessed(opened.repository, note, gate=load_keys(opened.state).gate, now=now())
        except AuditFailed as error:
            raise Misuse(f"{file} is not a checkpoint of this log", why=str(error)) from error
        document = {"entry": done.index, "log": done.log_commit, "size": note.checkpoint.size}
        said = f"entry {done.index}: the first {note.checkpoint.size} entries were seen by a witness"
        voice.answer(document, lambda console: console.print(said, markup=False))
