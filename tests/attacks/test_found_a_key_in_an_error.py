"""A key that was copied with a letter too many: the error that names the letter holds the whole header.

It became the note of a trial, which is stored and shown.
"""

import anthropic
import httpx2
import pytest

from agent.cli.key import demand_key, take_key
from agent.errors import Misuse
from sandbox.broker.broker import Broker
from sandbox.broker.ledger import Budgets, Ledger
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


def test_an_error_of_ours_does_not_tell_what_it_was_about(tmp_path):
    with (
        Broker(CONFIG, KEY, Ledger(Budgets()), prices=PRICES) as broker,
        broker.serve(tmp_path / "door", "c1") as door,
        httpx2.Client(transport=httpx2.HTTPTransport(uds=str(door.path), verify=False)) as http,
    ):
        client = anthropic.Anthropic(api_key="x", base_url="http://localhost", http_client=http, max_retries=0)
        with pytest.raises(anthropic.APIConnectionError):
            client.messages.create(**ASK)
    assert door.lost == "the broker failed: UnicodeEncodeError"


@pytest.mark.parametrize("key", [KEY, "sk-ant\n-two-lines", "sk-ant\x1b[2J"])
def test_what_no_header_can_carry_is_refused_and_not_told(key_of, key):
    with pytest.raises(Misuse) as told:
        key_of(key)
    assert key not in str(told.value)


def test_a_line_end_that_came_along_is_left_behind(key_of):
    assert key_of("sk-ant-api03-good\r\n") == "sk-ant-api03-good"
