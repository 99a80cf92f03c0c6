"""`successor trust`: who may review, and with which keys; changed only by people of the root in force."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from agent.cli.parts import Workspace, load_keys, now, open_workspace
from agent.cli.speak import HERE, JsonOption, Voice, WorkspaceOption, plain, speaking
from agent.errors import Misuse

if TYPE_CHECKING:
    from agent.gate.trust import TrustRoot

app = typer.Typer(help="Who may review, and with which keys.", no_args_is_help=True)

KeyOption = Annotated[Path, typer.Option("--key", help="Your SSH key: you sign the new root with it.")]
ToOption = Annotated[
    Path | None, typer.Option("--to", help="Where to write the change, when it needs more signatures than yours.")
]
MAX_CHANGE_BYTES = 4 * 1024 * 1024


@app.command()
def show(workspace: WorkspaceOption = HERE, as_json: JsonOption = False) -> None:
    """Show the trust root in force: people, keys, thresholds, and the fingerprint that auditors are told.

    Example: `successor trust show`
    """
    from agent.lineage.succession import read_log

    with speaking(as_json=as_json) as voice, open_workspace(workspace) as opened:
        log = read_log(opened.repository)
        plain_root = log.root.model_dump(mode="json", by_alias=True)
        document = {"workspace": log.workspace, "fingerprint": log.root.fingerprint, "root": plain_root}
        voice.answer(document, lambda console: _show(console, document))


@app.command(name="add-reviewer")
def add_reviewer(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The person; one who is there gets another key.")],
    public: Annotated[Path, typer.Option("--public", help="The person's SSH public key (a .pub file).")],
    key: KeyOption,
    pin: Annotated[bool, typer.Option("--pin", help="A hardware key that must have asked for its PIN.")] = False,
    to: ToOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Let a person review, or give one a second key. People are counted, not keys.

    Example: `successor trust add-reviewer bob --public bob.pub --key ~/.ssh/id_ed25519`
    """
    from agent.gate.signer import read_public_key
    from agent.gate.trust import check_name

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        entry = {"key": read_public_key(public).line, "demo": False, "pin": pin}

        def added(root: dict[str, Any]) -> None:
            for person in root["persons"]:
                if person["name"] == name:
                    person["keys"].append(entry)
                    return
            root["persons"].append({"name": check_name(name), "keys": [entry]})

        change_root(voice, opened, added, key, to)


@app.command(name="revoke-key")
def revoke_key(
    public: Annotated[Path, typer.Argument(metavar="FILE", help="The public key that must not count any more.")],
    key: KeyOption,
    to: ToOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Take a key away, and with the last one its person. What it signed before stays signed: the log's order decides.

    Example: `successor trust revoke-key bob.pub --key ~/.ssh/id_ed25519`
    """
    from agent.gate.signer import read_public_key

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        line = read_public_key(public).line

        def removed(root: dict[str, Any]) -> None:
            found = [person for person in root["persons"] if any(one["key"] == line for one in person["keys"])]
            if not found:
                raise Misuse(f"nobody in the trust root has the key {public}", mend="See: successor trust show")
            found[0]["keys"] = [one for one in found[0]["keys"] if one["key"] != line]
            root["persons"] = [person for person in root["persons"] if person["keys"]]

        change_root(voice, opened, removed, key, to)


@app.command()
def rotate(
    role: Annotated[str, typer.Argument(metavar="gate|evaluator", help="Which machine's key.")],
    key: KeyOption,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Make a new key for the gate or the evaluator; the old one counts for nothing from the next entry on.

    Needs a root whose threshold one signature meets. Example: `successor trust rotate gate --key ~/.ssh/id_ed25519`
    """
    from agent.gate.signer import MachineKey
    from agent.lineage.succession import read_log

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        if role not in ("gate", "evaluator"):
            raise Misuse(f"there is no machine {role[:40]!a}", why="gate and evaluator sign")
        if read_log(opened.repository).root.thresholds.root > 1:
            raise Misuse(
                "this root is changed by several people",
                why="the new key must not lie about unused while their signatures are gathered",
                mend="Lower it first: successor trust set-threshold root 1, signed by all of them",
            )
        new, folder = MachineKey.generate(), opened.state / "keys"
        new.save(folder / f"{role}.new", f"successor {role}")
        try:
            change_root(voice, opened, lambda root: root.update({role: [new.key.line]}), key, None)
        except BaseException:
            for path in (folder / f"{role}.new", folder / f"{role}.new.pub"):
                path.unlink(missing_ok=True)
            raise
        for ending in ("", ".pub"):
            (folder / f"{role}.new{ending}").replace(folder / f"{role}{ending}")


@app.command(name="set-threshold")
def set_threshold(
    what: Annotated[str, typer.Argument(metavar="approve|root", help="Of approvals, or of changes of this root.")],
    people: Annotated[int, typer.Argument(min=1, help="How many different people.")],
    key: KeyOption,
    to: ToOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say how many people a decision needs. A workspace's settings may ask for more, never for fewer.

    Example: `successor trust set-threshold approve 2 --key ~/.ssh/id_ed25519`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        if what not in ("approve", "root"):
            raise Misuse(f"there is no threshold {what[:40]!a}", why="there are approve and root")
        change_root(voice, opened, lambda root: root["thresholds"].update({what: people}), key, to)


@app.command()
def sign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A change that waits for more signatures.")],
    key: KeyOption,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Sign a change of the root that somebody else began; with the last signature it is recorded.

    Example: `successor trust sign change.json --key ~/.ssh/id_ed25519`
    """
    from agent.gate.trust import parse_root

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        try:
            with file.open("rb") as stream:
                found = json.loads(stream.read(MAX_CHANGE_BYTES))
            root, signed = parse_root(found["root"].encode()), [text.encode() for text in found["signatures"]]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misuse(f"{file} is no change of a trust root", mend="It is written by: successor trust") from error
        _sign(voice, opened, root, signed, key, file)


def change_root(voice: Voice, opened: Workspace, change: Any, key: Path, to: Path | None) -> None:
    """Make the next root, with one thing changed, and sign it."""
    from agent.digest import canonical_json
    from agent.gate.trust import parse_root
    from agent.lineage.succession import read_log

    before = read_log(opened.repository).root
    following = before.model_dump(mode="json", by_alias=True)
    change(following)
    following.update(version=before.version + 1, previous=before.fingerprint)
    _sign(voice, opened, parse_root(canonical_json(following)), [], key, to)


def _sign(voice: Voice, opened: Workspace, root: TrustRoot, signed: list[bytes], key: Path, to: Path | None) -> None:
    """Add a signature; record the root when there are enough, else write down what there is."""
    from agent.gate.signer import SshKeygen
    from agent.gate.trust_change import check_follows, sign_change
    from agent.lineage.afterwards import record_root
    from agent.lineage.succession import read_log

    log = read_log(opened.repository)
    check_follows(root, log.root)
    signer = SshKeygen(key)
    owner = log.root.owner(signer.key)
    if owner is None:
        raise Misuse(f"nobody in the trust root has the key {key}", why="the root is changed by its own people")
    needed = log.root.thresholds.root
    if len(signed) + 1 < needed and to is None:
        raise Misuse(f"this change needs {needed} signatures", mend="Name a file for the others to sign: --to FILE")
    signed = [*signed, sign_change(root, log.workspace, owner[0].name, signer)]
    document: dict[str, Any] = {"version": root.version, "fingerprint": root.fingerprint, "signatures": len(signed)}
    if len(signed) < needed:
        assert to is not None, "asked for above"
        to.write_text(
            json.dumps({"root": root.content.decode(), "signatures": [one.decode() for one in signed]}), "utf-8"
        )
        said = (
            f"{len(signed)} of {needed} signatures; the next person signs it with: successor trust sign {to} --key KEY"
        )
        voice.answer({**document, "file": str(to)}, lambda console: console.print(said, markup=False))
        return
    done = record_root(opened.repository, root, signed, gate=load_keys(opened.state).gate, now=now())
    said = f"the trust root is version {root.version} from entry {done.index + 1} of the gate log on"
    voice.answer({**document, "entry": done.index}, lambda console: console.print(said, markup=False))


def _show(console: Console, document: dict[str, Any]) -> None:
    root = document["root"]
    console.print(f"for auditors: --root {document['workspace']}", markup=False)
    console.print(f"version {root['version']}, {document['fingerprint']}", markup=False)
    needed = root["thresholds"]
    console.print(f"approvals needed: {needed['approve']}; to change this root: {needed['root']}")
    for person in root["persons"]:
        for key in person["keys"]:
            marks = " demo" * key["demo"] + " pin" * key["pin"]
            console.print(f"[bold]{plain(person['name'])}[/bold]  {key['key']}[yellow]{marks}[/yellow]")
    for role in ("gate", "evaluator"):
        for line in root[role]:
            console.print(f"{role}  {line}", markup=False)
    asked = root["witnesses"]
    for line in asked["keys"]:
        console.print(f"witness  {line}", markup=False)
    if asked["keys"]:
        console.print(f"{asked['needed']} of them must have seen all but the last {asked['most_behind']} entries")
