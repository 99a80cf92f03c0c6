"""The command line: every command of every group under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from agent import __version__
from agent.cli import (
    after,
    audit,
    bench,
    bisect,
    demo,
    doctor,
    init,
    lineage,
    plan,
    policy,
    propose,
    replay,
    review,
    run,
    status,
    suite,
    trust,
    trust_witness,
    waive,
    weaknesses,
    witness,
)

app = typer.Typer(
    name="successor",
    help="A coding agent improves its own scaffold; people stay in charge of what is kept.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
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


app.command()(demo.demo)
app.command()(init.init)
app.command(name="plan")(plan.plan)
app.command()(run.run)
app.command()(run.resume)
app.command()(status.status)
app.command()(status.halt)
app.command()(propose.propose)
app.add_typer(review.app, name="review")
app.command(name="lineage")(lineage.lineage)
app.command()(lineage.show)
app.command()(after.revoke)
app.command()(after.rollback)
app.command()(after.diff)
app.command()(after.export)
app.command()(bisect.bisect)
app.command()(audit.audit)
app.add_typer(witness.app, name="witness")
app.add_typer(trust.app, name="trust")
trust.app.command(name="add-witness")(trust_witness.add_witness)
trust.app.command(name="remove-witness")(trust_witness.remove_witness)
trust.app.command(name="set-witnessing")(trust_witness.set_witnessing)
app.command(name="bench")(bench.bench)
app.command()(weaknesses.weaknesses)
app.command()(replay.replay)
app.add_typer(policy.app, name="policy")
app.add_typer(waive.app, name="waive")
app.command()(doctor.doctor)
app.add_typer(suite.app, name="suite")
