"""Real weights behind the real broker, for scaffolds in a real sandbox. Slow: a few tokens a second on busy cores."""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.broker.broker import Broker
from sandbox.broker.desk import Desk
from sandbox.broker.ledger import Budgets, Ledger
from sandbox.broker.local.model import LocalModel, open_local
from sandbox.broker.rules import BrokerConfig, Policy
from sandbox.broker.transcript import MemoryTranscripts
from sandbox.choose import choose
from sandbox.errors import BackendUnavailable

VARIABLE = "SUCCESSOR_TEST_GGUF"


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.local_model)
            if VARIABLE not in os.environ:
                item.add_marker(pytest.mark.skip(reason=f"{VARIABLE} names no weights: make test-local"))


@dataclass
class Office:
    """A desk with a local model behind it, and what was said over it."""

    model: LocalModel
    broker: Broker
    desk: Desk
    transcripts: MemoryTranscripts

    def turns(self, digests) -> list[dict[str, Any]]:
        """The exchanges of a transcript: the request, how it ended, and the blocks of the answer."""
        found = []
        for digest in digests:
            kept = json.loads(self.transcripts.get(digest))
            events = kept["answer"].get("events", [])
            calls = [e["content_block"] for e in events if e["type"] == "content_block_start"]
            reasons = [e["delta"]["stop_reason"] for e in events if e["type"] == "message_delta"]
            found.append({**kept, "blocks": calls, "stop_reason": reasons[0] if reasons else None})
        return found


@pytest.fixture(scope="session")
def office(cache):
    config_of = lambda model: BrokerConfig(Policy(frozenset({model.model})))  # noqa: E731
    transcripts = MemoryTranscripts()
    with open_local(Path(os.environ[VARIABLE]), cache, lambda said: sys.stderr.write(f"{said}\n")) as model:
        ledger = Ledger(Budgets())
        broker = Broker(config_of(model), "", ledger, transcripts, prices=model.prices, upstream=model.upstream)
        with broker, contextlib.closing(Desk(broker, model.model, model.model_id)) as desk:
            yield Office(model, broker, desk, transcripts)


@pytest.fixture(scope="session")
def backend(cache):
    """The wall that needs no engine: what is tested here is the model."""
    try:
        made = choose("bubblewrap", cache)
        made.prepare()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.fixture(scope="session")
def place():
    """A folder that the users of sandboxes can walk to."""
    made = Path(tempfile.mkdtemp(prefix="successor-local-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)
