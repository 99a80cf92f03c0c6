"""The witnesses of the trust root: who must have seen the log, how many of them, and how far behind they may be."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from agent.cli.parts import open_workspace
from agent.cli.speak import HERE, JsonOption, WorkspaceOption, speaking
from agent.cli.trust import KeyOption, ToOption, app, change_root
from agent.errors import Misuse

NeededOption = Annotated[
    int | None,
    typer.Option("--needed", min=1, help="How many must have seen the log. Default: as before, or 1."),
]
BehindOption = Annotated[
    int | None,
    typer.Option("--most-behind", min=1, help="Last entries that they need not have seen. Default: as before, or 20."),
]
DEFAULT_BEHIND = 20


@app.command(name="add-witness")
def add_witness(
    vkey: Annotated[str, typer.Argument(metavar="VKEY", help="What `witness keygen` printed.")],
    key: KeyOption,
    needed: NeededOption = None,
    most_behind: BehindOption = None,
    to: ToOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Let every audit demand that a witness has cosigned the log.

    Example: `successor trust add-witness VKEY --most-behind 20 --key ~/.ssh/id_ed25519`
    """
    from agent.gate.note import Verifier

    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        line = Verifier.parse(vkey).line

        def added(root: dict[str, Any]) -> None:
            asked = root["witnesses"]
            asked["keys"].append(line)
            asked["needed"] = needed or asked["needed"] or 1
            asked["most_behind"] = most_behind or asked["most_behind"] or DEFAULT_BEHIND

        change_root(voice, opened, added, key, to)


@app.command(name="remove-witness")
def remove_witness(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The witness, such as witness.example/w1.")],
    key: KeyOption,
    needed: NeededOption = None,
    to: ToOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Take a witness away; what it cosigned counts no more. With the last one, audits demand none.

    Example: `successor trust remove-witness witness.example/w1 --key ~/.ssh/id_ed25519`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:

        def removed(root: dict[str, Any]) -> None:
            asked = root["witnesses"]
            left = [line for line in asked["keys"] if line.partition("+")[0] != name]
            if len(left) == len(asked["keys"]):
                raise Misuse(f"no witness is called {name[:80]!a}", mend="See: successor trust show")
            asked.update(keys=left, needed=(needed or asked["needed"]) if left else 0)
            asked["most_behind"] *= bool(left)

        change_root(voice, opened, removed, key, to)


@app.command(name="set-witnessing")
def set_witnessing(
    key: KeyOption,
    needed: NeededOption = None,
    most_behind: BehindOption = None,
    to: ToOption = None,
    workspace: WorkspaceOption = HERE,
    as_json: JsonOption = False,
) -> None:
    """Say how many witnesses must have seen the log, and how many entries at its end they need not have seen.

    Example: `successor trust set-witnessing --needed 2 --most-behind 10 --key ~/.ssh/id_ed25519`
    """
    with speaking(as_json=as_json) as voice, open_workspace(workspace, writing=True) as opened:
        if needed is None and most_behind is None:
            raise Misuse("say what is to change", mend="--needed, --most-behind, or both")

        def changed(root: dict[str, Any]) -> None:
            asked = root["witnesses"]
            asked.update(needed=needed or asked["needed"], most_behind=most_behind or asked["most_behind"])

        change_root(voice, opened, changed, key, to)
