"""A key that was copied with a letter too many: the error that names the letter holds the whole header.

It became the note of a trial, which is stored and shown.
"""

from contextlib import asynccontextmanager, contextmanager

import anthropic
import httpx2
import pytest

from agent.cli.key import demand_key, take_key
from agent.errors import Misuse
from sandbox.broker.broker import Broker
from sandbox.broker.ledger import Budgets, Ledger
from sandbox.broker.transcript import MemoryTranscripts
from tests.broker.conftest import CONFIG, PRICES
from tests.broker.test_way import ASK

KEY = "sk-ant-api03-copied-with-a-letter-too-many-\u00e9"


@pytest.fixture
def key_of(monkeypatch):
    """Have the key taken that the environment holds, as for the first time."""

    def key_of(key):
        monkeypatch.setenv("ANTHROPIC_API_KEY", key)
        take_key.cache_clear()
        return demand_key()

    yield key_of
    take_key.cache_clear()


class Faulty:
    """An upstream whose error quotes the header that it was about."""

    @asynccontextmanager
    async def open(self, path, body, attempt):
        raise RuntimeError(f"cannot encode Bearer {KEY}")
        yield

    async def close(self):
        pass


@contextmanager
def asked(folder, upstream=None):
    """Ask a broker that holds the key; gives its door, its transcripts and what the client was told."""
    transcripts = MemoryTranscripts()
    with (
        Broker(CONFIG, KEY, Ledger(Budgets()), transcripts, prices=PRICES, upstream=upstream) as broker,
        broker.serve(folder / "door", "c1") as door,
        httpx2.Client(transport=httpx2.HTTPTransport(uds=str(door.path), verify=False)) as http,
    ):
        client = anthropic.Anthropic(api_key="x", base_url="http://localhost", http_client=http, max_retries=0)
        with pytest.raises(anthropic.APIError) as told:
            client.messages.create(**ASK)
        yield door, transcripts, told.value


def test_an_error_of_ours_does_not_tell_what_it_was_about(tmp_path):
    with asked(tmp_path, Faulty()) as (door, transcripts, told):
        assert type(told) is anthropic.APIConnectionError
    assert door.lost == "the broker failed: RuntimeError"
    assert KEY not in repr(transcripts.all())


def test_a_key_that_no_header_can_carry_is_not_told_and_nothing_is_sent(tmp_path):
    with asked(tmp_path) as (door, transcripts, told):
        assert told.status_code == 502
        assert told.body["error"]["message"] == "the model's server cannot be reached"
    kept = repr(transcripts.all())
    assert "it cannot be asked" in kept
    assert all(KEY not in said for said in (str(told), repr(told.body), door.lost or "", kept))


@pytest.mark.parametrize("key", [KEY, "sk-ant\n-two-lines", "sk-ant\x1b[2J"])
def test_what_no_header_can_carry_is_refused_and_not_told(key_of, key):
    with pytest.raises(Misuse) as told:
        key_of(key)
    assert key not in str(told.value)


def test_a_line_end_that_came_along_is_left_behind(key_of):
    assert key_of("sk-ant-api03-good\r\n") == "sk-ant-api03-good"
