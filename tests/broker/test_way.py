"""A call goes the whole way: the real SDK, the socket, the broker, a strict server, and back."""

import json

from sandbox.broker.broker import Broker
from sandbox.broker.ledger import Budgets, Ledger
from tests.broker.conftest import CONFIG, MODEL, PRICES
from tests.broker.scripted import KEY, Say, text

ASK = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}


def test_a_message_is_created(given):
    world = given(Say([text("hello yourself")]))

    message = world.client().messages.create(**ASK)

    assert (message.content[0].text, message.stop_reason, message.usage.input_tokens) == (
        "hello yourself",
        "end_turn",
        10,
    )


def test_a_message_is_streamed(given):
    world = given(Say([text("hello yourself")]))

    with world.client().messages.stream(**ASK) as stream:
        said = "".join(stream.text_stream)

    assert (said, stream.get_final_message().stop_reason) == ("hello yourself", "end_turn")


def test_tokens_are_counted(given):
    world = given(counted=42)

    assert world.client().messages.count_tokens(model=MODEL, messages=ASK["messages"]).input_tokens == 42


def test_a_broker_that_was_closed_can_be_used_again(given, tmp_path):
    world = given(Say([text("one")]), Say([text("two")]))
    world.client().messages.create(**ASK)
    other = Broker(CONFIG, KEY, Ledger(Budgets()), prices=PRICES)
    for _ in range(2):
        with other.serve(tmp_path / "again", "c") as door:
            assert door.path.is_socket()
        other.close()
    other.close()
    world.client().messages.create(**ASK)


def test_what_was_sent_on_is_what_was_asked_key_by_key(given):
    """The prompt cache goes by the order of fields: a broker that sorts them makes every call dear."""
    world = given(Say([text("x")]))
    schema = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "string"}}, "required": ["z"]}
    tools = [{"name": "t", "description": "ünï", "input_schema": schema}]
    world.client().messages.create(**ASK, tools=tools)

    assert json.dumps(world.script.requests[0]["tools"]) == json.dumps(tools)
