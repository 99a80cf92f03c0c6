"""What was said once can be said again, in its order, and nothing else can."""

import anthropic
import pytest

from sandbox.broker.broker import Broker
from sandbox.broker.desk import Desk
from sandbox.broker.ledger import Budgets, Ledger
from sandbox.broker.recording import DIVERGED, Recording
from tests.broker.conftest import CONFIG, MODEL, PRICES
from tests.broker.scripted import CutAfter, Fail, Say, text, thinking, tool_use
from tests.broker.test_desk import ask as _ask
from tests.broker.test_way import ASK

TOOL = [thinking("hm"), text("so"), tool_use("t", {"a": [1, {"b": "ünï"}]})]


@pytest.fixture
def again():
    """Play recorded documents back through a broker of their own."""
    closing = []

    def play(documents):
        recording = Recording(documents)
        broker = Broker(CONFIG, "", Ledger(Budgets()), prices=PRICES, upstream=recording)
        desk = Desk(broker, MODEL)
        closing.extend((desk, broker))
        return recording, desk

    yield play
    for each in closing:
        each.close()


def recorded(world, count):
    world.exchanges(count)
    return [world.transcripts.get(digest) for digest in world.door.transcript]


def streamed(client, **changes):
    with client.messages.stream(**{**ASK, **changes}) as stream:
        return stream.get_final_message()


def test_the_same_questions_have_the_same_answers_streamed_or_not(given, again):
    world = given(Say([text("one")]), Say(TOOL, "tool_use"), Say([text("two")]))
    client = world.client()
    before = [client.messages.create(**ASK), streamed(client), client.messages.create(**ASK)]
    recording, desk = again(recorded(world, 3))

    with desk.serve("again") as door:
        client = world.client(http_client=world.transport(door.path))
        after = [client.messages.create(**ASK), streamed(client), client.messages.create(**ASK)]

    assert [m.content for m in after] == [m.content for m in before]
    assert [m.stop_reason for m in after] == [m.stop_reason for m in before]
    assert [m.usage for m in after] == [m.usage for m in before]
    assert (recording.strangers, recording.unasked) == (0, 0)
    assert door.used.micro_usd == world.door.used.micro_usd


def test_what_was_not_asked_then_is_refused_and_counted(given, again):
    world = given(Say([text("one")]))
    _ask(world.door)
    recording, desk = again(recorded(world, 1))

    with desk.serve("again") as door:
        client = world.client(http_client=world.transport(door.path))
        with pytest.raises(anthropic.BadRequestError) as told:
            client.messages.create(**{**ASK, "max_tokens": 99})
        assert (told.value.error_code, recording.strangers, recording.unasked) == (DIVERGED, 1, 1)
        assert _ask(door) == "one"
        with pytest.raises(anthropic.BadRequestError):
            _ask(door)  # once more than then

    assert (recording.strangers, recording.unasked) == (2, 0)
    assert door.traffic.failures == {"invalid_request_error": 2}


def test_an_error_of_the_server_is_had_again_and_what_never_came_is_not(given, again):
    refused = Fail(400, "invalid_request_error", "prompt is too long")
    world = given(refused, *[CutAfter(Say([text("half")]), 3)] * 4, Say([text("late")]))
    client = world.client()
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(**ASK)
    with pytest.raises(anthropic.APIStatusError):
        streamed(client, max_tokens=7)
    assert client.messages.create(**ASK, system="x").content[0].text == "late"
    world.script.steps.clear()  # how often a cut stream is tried is another test's matter
    recording, desk = again(recorded(world, 3))

    with desk.serve("again") as door:
        client = world.client(http_client=world.transport(door.path))
        with pytest.raises(anthropic.BadRequestError, match="prompt is too long"):
            client.messages.create(**ASK)
        assert client.messages.create(**ASK, system="x").content[0].text == "late"
    assert recording.strangers == 0


def test_a_secret_that_was_taken_out_of_the_record_is_no_difference(given, again):
    world = given(Say([text("ok")]))
    secret = "ghp_" + "a" * 36
    question = {**ASK, "messages": [{"role": "user", "content": f"my token is {secret}"}]}
    world.client().messages.create(**question)
    documents = recorded(world, 1)
    assert secret.encode() not in documents[0]
    recording, desk = again(documents)

    with desk.serve("again") as door:
        client = world.client(http_client=world.transport(door.path))
        assert client.messages.create(**question).content[0].text == "ok"
    assert recording.strangers == 0
