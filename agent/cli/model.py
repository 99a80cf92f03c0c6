"""Which model a command gets, if any: from its options, `successor.toml` and the environment, to a desk that serves it.

The API key goes to the broker, and from there only into the headers of calls to the model's server.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.key import KEY_VARIABLE, MONITOR_KEY_VARIABLE, demand_key
from agent.cli.parts import Workspace, cache_folder
from agent.errors import BadSettings, Misuse, Refused, StoreBroken
from agent.workspace import ModelSettings

if TYPE_CHECKING:  # loaded by the commands that speak to a model
    from agent.evaluate.probes.probe import Probe
    from sandbox.broker.broker import Broker
    from sandbox.broker.desk import Desk
    from sandbox.broker.ledger import Ledger, Spent
    from sandbox.broker.rules import BrokerConfig
    from sandbox.broker.transcript import Transcripts
    from sandbox.broker.usage import Price as TokenPrice
    from sandbox.broker.usage import PriceTable

LOCAL = "local:"
ADDRESS_VARIABLE = "ANTHROPIC_BASE_URL"
MONITOR_ADDRESS_VARIABLE = "SUCCESSOR_MONITOR_BASE_URL"
TRANSCRIPTS = "transcripts"
"""Folder in the workspace's state where every exchange with a model is kept."""
_OFFICIAL = "https://api.anthropic.com"
_NEAR = re.compile(r"unix:/.*|http://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?(/[A-Za-z0-9._/-]*)?")
"""Servers on this machine."""

ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="Its name, or local:FILE for a GGUF file; default: successor.toml."),
]
BudgetOption = Annotated[
    float | None,
    typer.Option(
        "--budget-usd", min=0, max=1_000_000, metavar="USD", help="The most a model may cost; lowers successor.toml."
    ),
]


@dataclass(frozen=True, slots=True)
class Way:
    """The way to one model: the variables that hold its key and its address, and the file that its spending is in."""

    key: str
    address: str
    spending: str


PROPOSER = Way(KEY_VARIABLE, ADDRESS_VARIABLE, "spending.jsonl")
MONITOR = Way(MONITOR_KEY_VARIABLE, MONITOR_ADDRESS_VARIABLE, "monitor-spending.jsonl")


@dataclass(frozen=True, slots=True)
class Supply:
    """A model to work with, or why there is none."""

    desk: Desk | None
    why: str = ""

    def demanded(self, who: str) -> Desk:
        """Return the desk; raise `Refused`, naming who needs it, when there is none."""
        if self.desk is None:
            raise Refused(
                f"{who} needs a model",
                why=self.why,
                mend=f"Set {KEY_VARIABLE}, or name a model file: --model local:FILE",
            )
        return self.desk

    def spent(self) -> Spent:
        """What was asked of it so far, and the price."""
        from sandbox.broker.ledger import Spent

        return Spent() if self.desk is None else self.desk.ledger.run


@contextmanager
def open_model(
    workspace: Workspace, asked: str | None, budget_usd: float | None, say: Callable[[str], None]
) -> Iterator[Supply]:
    """Give the model that was asked for, else the one of successor.toml, else none.

    What was asked for on the command line must be there (`Refused`, `ModelUnavailable`); what only successor.toml names
    need not.
    """
    from sandbox.broker.broker import Broker
    from sandbox.broker.transcript import FolderTranscripts

    settings = _wanted(workspace, asked)
    local = asked is not None and asked.startswith(LOCAL)
    reason = "" if local else _absence(settings, PROPOSER)
    if settings is None or reason:
        if asked is not None:
            Supply(None, reason).demanded(f"--model {asked}")
        yield Supply(None, reason)
        return
    transcripts = FolderTranscripts(workspace.state / TRANSCRIPTS)
    ledger = _ledger(workspace, settings, PROPOSER, budget_usd)
    if local:
        with _local(Path((asked or "").removeprefix(LOCAL)), settings, ledger, transcripts, say) as desk:
            yield Supply(desk)
        return
    with (
        Broker(
            _config(settings, settings.name, PROPOSER), demand_key(), ledger, transcripts, prices=_prices(settings)
        ) as broker,
        _desk(broker, settings.name) as desk,
    ):
        yield Supply(desk)


@contextmanager
def open_monitor(workspace: Workspace, say: Callable[[str], None]) -> Iterator[Probe | None]:
    """Give the monitor that successor.toml names; none, and why, where it cannot be had. Raises `Misuse`.

    It is no second opinion when it is reached with the key of the model that it watches.
    """
    from agent.evaluate.asking import asking
    from agent.evaluate.monitor import CALLS, Monitor
    from sandbox.broker.broker import Broker
    from sandbox.broker.transcript import FolderTranscripts

    settings = workspace.settings.monitor
    reason = _absence(settings, MONITOR)
    if settings is None or reason:
        if settings is not None:
            say(f"no monitor reads the changes: {reason}")
        yield None
        return
    key = demand_key(MONITOR.key)
    if key and key == demand_key():
        raise Misuse(f"{MONITOR.key} and {KEY_VARIABLE} hold the same key", mend="Give the monitor a key of its own")
    ledger, config = _ledger(workspace, settings, MONITOR), _config(settings, settings.name, MONITOR)
    transcripts = FolderTranscripts(workspace.state / TRANSCRIPTS)
    with (
        Broker(config, key, ledger, transcripts, prices=_prices(settings)) as broker,
        _desk(broker, settings.name) as desk,
    ):
        yield Monitor(lambda account: asking(desk, account, CALLS), settings.threshold)


def _wanted(workspace: Workspace, asked: str | None) -> ModelSettings | None:
    """The settings of the model that is to be used: those of the workspace, under the name that was asked for."""
    settings = workspace.settings.model
    if asked is None or asked.startswith(LOCAL):
        return settings if asked is None else settings or ModelSettings(name="local")
    if settings is None or settings.name == asked:
        return settings or ModelSettings(name=asked)
    # A price in successor.toml is the price of the model named there.
    return settings.model_copy(update={"name": asked, "price": None})


def priced(workspace: Workspace, asked: str | None, budget_usd: float | None) -> tuple[TokenPrice | None, int | None]:
    """Return what tokens of the wanted model cost, and what a run may spend on it in micro-dollars, where known."""
    settings = _wanted(workspace, asked)
    if settings is None or (asked is not None and asked.startswith(LOCAL)):
        return None, None
    limit = settings.budget_usd.run if budget_usd is None else budget_usd
    try:
        price = _prices(settings).get(settings.name)
    except Misuse:
        price = None
    return price, None if limit is None else round(limit * 1_000_000)


def foreseeable(workspace: Workspace, asked: str | None) -> bool:
    """Whether a run would have a model: one that was asked for must be there, any other may be."""
    return asked is not None or not _absence(workspace.settings.model, PROPOSER)


def _absence(settings: ModelSettings | None, way: Way) -> str:
    """Why there is no model; empty when there is one."""
    if settings is None:
        return "successor.toml names none"
    key, address = demand_key(way.key), _address(settings, way)
    if not key and address.startswith(_OFFICIAL):
        return f"{way.key} is not set"
    # A workspace may be a stranger's: it does not decide alone where a person's key is sent.
    if key and not (os.environ.get(way.address) or address.rstrip("/") == _OFFICIAL or _NEAR.fullmatch(address)):
        return f"successor.toml names the server {address}; a key is sent there if {way.address} names it as well"
    return ""


def _address(settings: ModelSettings, way: Way) -> str:
    return os.environ.get(way.address) or settings.base_url


def _config(settings: ModelSettings, model: str, way: Way) -> BrokerConfig:
    from sandbox.broker.rules import BrokerConfig, Policy

    return BrokerConfig(Policy(frozenset({model}), max_tokens=settings.max_tokens), base_url=_address(settings, way))


def _prices(settings: ModelSettings) -> PriceTable:
    from sandbox.broker.usage import MILLION, Price, shipped_prices

    table = dict(shipped_prices())
    if settings.price is not None:
        usd = settings.price
        write = usd.input if usd.cache_write is None else usd.cache_write
        read = usd.input if usd.cache_read is None else usd.cache_read
        row = {"input": usd.input, "output": usd.output, "write_5m": write, "write_1h": write, "read": read}
        table[settings.name] = Price(**{kind: round(price * MILLION) for kind, price in row.items()})
    if settings.name not in table:
        raise BadSettings(
            f"the price of the model {settings.name!a} is not known",
            why="no budget could be held without it",
            mend="Give it in successor.toml, in USD for a million tokens: [model.price] input = 4.0, output = 20.0",
        )
    return table


def _ledger(workspace: Workspace, settings: ModelSettings, way: Way, budget_usd: float | None = None) -> Ledger:
    from sandbox.broker.journal import FileJournal
    from sandbox.broker.ledger import Budget, Budgets, Ledger, Scope, lowered
    from sandbox.broker.usage import MILLION

    def budget(scope: Scope) -> Budget:
        usd = getattr(settings.budget_usd, scope)
        return Budget(getattr(settings.budget_tokens, scope), None if usd is None else round(usd * MILLION))

    run = budget("run") if budget_usd is None else lowered(budget("run"), micro_usd=round(budget_usd * MILLION))
    try:
        journal = FileJournal(workspace.state / way.spending)
    except ValueError as error:
        mend = f"Move .successor/{way.spending} aside; it says what was spent today, and nothing else"
        raise StoreBroken("the journal of spending cannot be read", why=str(error), mend=mend) from error
    return Ledger(Budgets(budget("call"), budget("candidate"), run, budget("day")), journal)


@contextmanager
def _local(
    path: Path, settings: ModelSettings, ledger: Ledger, transcripts: Transcripts, say: Callable[[str], None]
) -> Iterator[Desk]:
    from sandbox.broker.broker import Broker
    from sandbox.broker.local.model import open_local

    if not path.is_file():
        raise Misuse(f"there is no model file {str(path)!a}", mend="Name a file in the GGUF format: --model local:FILE")
    with open_local(path, cache_folder(), say) as model:
        config = _config(settings, model.model, PROPOSER)
        broker = Broker(config, "", ledger, transcripts, prices=model.prices, upstream=model.upstream)
        with broker, _desk(broker, model.model, model.model_id) as desk:
            yield desk


@contextmanager
def _desk(broker: Broker, model: str, identity: str = "") -> Iterator[Desk]:
    from sandbox.broker.desk import Desk

    desk = Desk(broker, model, identity)
    try:
        yield desk
    finally:
        desk.close()
