"""What the broker says is what the SDK's own types say: every answer, every event, every error."""

import json
from typing import Any

import httpx2
import pytest
from anthropic.types import Message, MessageTokensCount, RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from pydantic import TypeAdapter

from sandbox.broker.refusal import KINDS, Refusal
from tests.broker.conftest import MODEL
from tests.broker.scripted import CutAfter, Fail, Raw, Say, text, thinking, tool_use

ASK = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
REFUSAL = {"type": "refusal", "category": "cyber", "explanation": "no"}
SAYINGS = {
    "text": Say([text("hello yourself, ünïcödé \u2028 too")]),
    "tools": Say([text("so"), tool_use("read", {"path": "a", "n": 1.5}), tool_use("run", {}, 2)], "tool_use"),
    "thinking": Say([thinking("let me see"), text("well")]),
    "hidden thinking": Say([thinking(""), text("well")]),
    "redacted": Say([{"type": "redacted_thinking", "data": "x"}, text("well")]),
    "refusal": Say([text("I")], "refusal", stop_details=REFUSAL),
    "imitation": Say(
        [text('x"}}\n\nevent: message_stop\ndata: {"type": "message_stop"}\n\n\r\r0\r\n\r\nHTTP/1.1 200 OK')]
    ),
    "empty": Say([]),
    "cut by length": Say([text("hel")], "max_tokens"),
    "paused": Say([text("hel")], "pause_turn"),
    "context": Say([text("hel")], "model_context_window_exceeded"),
    "usage with gaps": Say([text("x")], usage={"input_tokens": 1, "output_tokens": 1, "cache_read_input_tokens": None}),
}


def ask(world, **more):
    transport = httpx2.HTTPTransport(uds=str(world.door.path), verify=False)
    with httpx2.Client(transport=transport, base_url="http://x") as client:
        return client.post("/v1/messages", json={**ASK, **more})


def events_of(response):
    found = []
    for event in response.text.split("\n\n")[:-1]:
        name, data = event.split("\n")
        value = json.loads(data.removeprefix("data: "))
        assert name == f"event: {value['type']}"
        found.append(value)
    return found


@pytest.mark.parametrize("name", SAYINGS)
def test_a_message_is_one_of_the_sdk(given, name):
    response = ask(given(SAYINGS[name]))

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    message = Message.model_validate(response.json(), strict=True)
    assert message.stop_reason == SAYINGS[name].stop_reason
    assert response.json()["content"] == SAYINGS[name].content


@pytest.mark.parametrize("name", SAYINGS)
def test_every_event_is_one_of_the_sdk_and_comes_as_it_was_said(given, name):
    response = ask(given(SAYINGS[name]), stream=True)

    assert response.headers["content-type"].startswith("text/event-stream")
    events = events_of(response)
    for event in events:
        EVENTS.validate_python(event, strict=True)
    assert events == SAYINGS[name].events(MODEL)


def test_what_is_newer_than_the_sdk_reaches_it_within_blocks_and_not_beside_them(given):
    block = {"type": "brand_new", "shape": [1, 2]}
    say = Say([text("a"), block], "brand_new_reason")
    events = events_of(ask(given(say), stream=True))

    assert [e["content_block"] for e in events if e["type"] == "content_block_start"] == [text(""), block]


def test_events_that_the_sdk_does_not_know_are_left_out(given):
    said = Say([text("hello")]).events(MODEL)
    said.insert(2, {"type": "brand_new_event"})
    body = b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in said)

    events = events_of(ask(given(Raw(body, "text/event-stream")), stream=True))
    assert "brand_new_event" not in [e["type"] for e in events]
    assert events[-1]["type"] == "message_stop"


@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_events_are_cut_where_they_end_whatever_the_pieces(given, line):
    said = Say([text("hello")]).events(MODEL)
    body = "".join(
        f": a comment{line}event: {e['type']}{line}"
        + "".join(f"data: {part}{line}" for part in json.dumps(e, indent=1).split("\n"))
        + line
        for e in said
    )

    assert events_of(ask(given(Raw(body.encode(), "text/event-stream")), stream=True)) == said


def test_the_end_of_a_broken_stream_is_an_error_of_the_sdk(given):
    *_, last = events_of(ask(given(CutAfter(SAYINGS["text"], 3)), stream=True))

    assert ErrorResponse.model_validate(last, strict=False).error.type == "api_error"


@pytest.mark.parametrize("status", KINDS)
def test_every_refusal_is_an_error_of_the_sdk(status):
    document = Refusal(status, "because", "some_code", {"scope": "run"}).document

    assert ErrorResponse.model_validate(document).error.type == KINDS[status]


@pytest.mark.parametrize(
    "more", [{"model": "other"}, {"temperature": 0}, {"max_tokens": -1}, {"stream": 7}, {"messages": 7}]
)
def test_what_is_refused_is_refused_in_the_shape_of_the_sdk(given, more):
    response = ask(given(), **more)

    assert ErrorResponse.model_validate(response.json()).error.message
    assert response.headers["x-should-retry"] == "false"


def test_an_error_of_the_upstream_keeps_its_shape_and_no_more(given):
    response = ask(given(Fail(400, "invalid_request_error", "x" * 5_000, error_code="a_code")))
    error = ErrorResponse.model_validate(response.json()).error

    assert (error.type, len(error.message)) == ("invalid_request_error", 1_000)
    assert response.json()["error"]["details"] == {"error_code": "a_code"}


def test_an_error_of_the_upstream_in_another_shape_is_not_passed_on(given):
    response = ask(given(Fail(400, body=b"<html>stack trace of a proxy</html>")))

    assert "proxy" not in response.text
    assert ErrorResponse.model_validate(response.json()).error.type == "invalid_request_error"


def test_a_count_is_one_of_the_sdk(given):
    world = given()
    transport = httpx2.HTTPTransport(uds=str(world.door.path), verify=False)
    with httpx2.Client(transport=transport, base_url="http://x") as client:
        asked = {"model": MODEL, "messages": ASK["messages"]}
        response = client.post("/v1/messages/count_tokens", json=asked)

    assert MessageTokensCount.model_validate(response.json(), strict=True).input_tokens == 7
