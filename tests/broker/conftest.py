"""A broker between the real SDK and a scripted upstream."""

import asyncio
import contextlib
import json
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from sandbox.broker.broker import Broker
from sandbox.broker.door import Door, Traffic
from sandbox.broker.ledger import Budgets, Ledger
from sandbox.broker.rules import BrokerConfig, Caps, Patience, Policy
from sandbox.broker.transcript import MemoryTranscripts
from sandbox.broker.usage import Price
from tests.broker.scripted import KEY, Script, TcpServer, UnixServer

MODEL = "claude-opus-5-5"
PRICES = {MODEL: Price(4_000_000, 20_000_000, 5_000_000, 8_000_000, 200_000)}
EAGER = Patience(
    retries=3, first_wait=0.01, longest_wait=0.02, longest_asked=0.05, silence=5.0, call=20.0, budget_held=0.3
)
CONFIG = BrokerConfig(Policy(frozenset({MODEL}), max_tokens=4_000), patience=EAGER)


class PatientClock:
    """Real time, but waits are only noted."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def unix_ms(self) -> int:
        return 1_700_000_000_000

    def seconds(self) -> float:
        return time.monotonic()

    def jitter(self) -> float:
        return 1.0

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(min(seconds, 0.01))


@dataclass
class World:
    """Everything between a client and a script."""

    broker: Broker
    door: Door
    ledger: Ledger
    transcripts: MemoryTranscripts
    script: Script
    clock: PatientClock
    closing: contextlib.ExitStack

    def client(self, **given: Any) -> anthropic.Anthropic:
        http = given.pop("http_client", None) or self.transport(self.door.path)
        return anthropic.Anthropic(
            **{
                "api_key": "of-the-sandbox",
                "base_url": "http://localhost",
                "http_client": http,
                "max_retries": 0,
                **given,
            }
        )

    def transport(self, path: Path) -> httpx2.Client:
        transport = httpx2.HTTPTransport(uds=str(path), verify=False)
        return self.closing.enter_context(anthropic.DefaultHttpxClient(transport=transport))

    def exchanges(self, count: int = 1) -> tuple[dict[str, Any], ...]:
        """What was kept, once it was: an answer is given before it is written down."""
        for _ in range(500):
            if len(self.door.transcript) >= count:
                break
            time.sleep(0.01)
        assert len(self.door.transcript) == count
        return tuple(json.loads(self.transcripts.get(digest)) for digest in self.door.transcript)

    def traffic(self, count: int = 1) -> Traffic:
        """What went through the door, once it was counted."""
        self.exchanges(count)
        return self.door.traffic


@contextlib.contextmanager
def serving(script: Script, path: Path | None = None):
    server = UnixServer(script, str(path)) if path else TcpServer(script)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def world(
    folder: Path,
    steps,
    *,
    budgets=None,
    caps=None,
    config=CONFIG,
    unix=False,
    candidate="c1",
    journal=None,
    transcripts=None,
    **script,
):
    played = Script(steps, **script)
    with serving(played, folder / "up.sock" if unix else None) as server:
        config = replace(config, base_url=server.base_url, caps=caps or Caps())
        ledger = Ledger(budgets or Budgets(), journal)
        transcripts, clock = transcripts or MemoryTranscripts(), PatientClock()
        broker = Broker(config, KEY, ledger, transcripts, prices=PRICES, clock=clock)
        with broker, broker.serve(folder / "door", candidate) as door, contextlib.ExitStack() as closing:
            yield World(broker, door, ledger, transcripts, played, clock, closing)


@pytest.fixture
def given(tmp_path):
    """Make a world for these steps; the script is held to its end when the test ends."""
    with contextlib.ExitStack() as stack:
        made = []

        def make(*steps, **options):
            place = tmp_path / str(len(made))
            place.mkdir()
            made.append(stack.enter_context(world(place, list(steps), **options)))
            return made[-1]

        yield make
        for each in made:
            each.script.done()
