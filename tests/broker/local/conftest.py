"""The real SDK, the real broker and the shim before a scripted server of chats."""

import contextlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from sandbox.broker.broker import Broker
from sandbox.broker.door import Door
from sandbox.broker.ledger import Budgets, Ledger
from sandbox.broker.local.model import FREE
from sandbox.broker.local.settings import LocalSettings
from sandbox.broker.local.shim import Shim
from sandbox.broker.rules import BrokerConfig, Patience, Policy
from sandbox.broker.transcript import MemoryTranscripts
from sandbox.broker.upstream import HttpUpstream
from tests.broker.local.chats import Chats, serving

MODEL = "local:tiny.gguf"
KEY = "of-the-model-process"
EAGER = Patience(retries=1, first_wait=0.01, longest_wait=0.02, silence=5.0, call=5.0)
CONFIG = BrokerConfig(Policy(frozenset({MODEL})), patience=EAGER)
SETTINGS = LocalSettings(context=1_000, answer=100_000)


@dataclass
class Place:
    """Everything between a client and a script of chats."""

    door: Door
    chats: Chats
    transcripts: MemoryTranscripts
    client: anthropic.Anthropic
    http: httpx2.Client

    def ask(self, **more: Any) -> httpx2.Response:
        body = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}], **more}
        return self.http.post("/v1/messages", json=body)

    def exchanges(self, count: int) -> list[dict[str, Any]]:
        for _ in range(500):
            if len(self.door.transcript) >= count:
                break
            time.sleep(0.01)
        return [json.loads(self.transcripts.get(digest)) for digest in self.door.transcript]


@contextlib.contextmanager
def place(folder: Path, steps, config=CONFIG, settings=SETTINGS):
    chats = Chats(list(steps), KEY)
    up = HttpUpstream(BrokerConfig(Policy(frozenset()), f"unix:{folder / 'up.sock'}", patience=config.patience), KEY)
    transcripts = MemoryTranscripts()
    broker = Broker(config, "", Ledger(Budgets()), transcripts, prices={MODEL: FREE}, upstream=Shim(up, settings))
    with serving(chats, folder / "up.sock"), broker, broker.serve(folder / "door", "c1") as door:
        transport = httpx2.HTTPTransport(uds=str(door.path), verify=False)
        with (
            anthropic.DefaultHttpxClient(transport=transport) as under,
            httpx2.Client(
                transport=httpx2.HTTPTransport(uds=str(door.path), verify=False), base_url="http://x"
            ) as http,
        ):
            client = anthropic.Anthropic(api_key="none", base_url="http://x", http_client=under, max_retries=0)
            yield Place(door, chats, transcripts, client, http)


@pytest.fixture
def given(tmp_path):
    """Make a place for these steps; the script is held to its end when the test ends."""
    with contextlib.ExitStack() as stack:
        made = []

        def make(*steps, **options):
            folder = tmp_path / str(len(made))
            folder.mkdir()
            made.append(stack.enter_context(place(folder, steps, **options)))
            return made[-1]

        yield make
        for each in made:
            each.chats.done()
