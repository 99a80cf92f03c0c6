"""A model that knows chats and no tools, behind the broker: to the SDK it is the API, whatever goes wrong below."""

import dataclasses
import json
from typing import Any

import anthropic
import pytest
from anthropic.types import Message, MessageTokensCount, RawMessageStreamEvent
from anthropic.types.shared import ErrorResponse
from pydantic import TypeAdapter

from tests.broker.local.chats import Chat, Hang, Raw, call, text, too_long
from tests.broker.local.conftest import CONFIG, EAGER, MODEL

EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
READ = {
    "name": "read",
    "description": "reads a file",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}
SAYINGS = {
    "plain": (Chat("hello ünïcödé \u2028"), {}, "end_turn"),
    "nothing": (Chat(None), {}, "end_turn"),
    "call": (Chat(call("read", path="a")), {"tools": [READ]}, "tool_use"),
    "text among tools": (Chat(text("well")), {"tools": [READ]}, "end_turn"),
    "cut text": (Chat("hel", "length"), {}, "max_tokens"),
    "words and a call": (Chat('{"text": "so", "tool": "read", "input": {"path": "a"}}'), {"tools": [READ]}, "tool_use"),
    "cut words": (Chat('{"text": "so \\u00', "length"), {"tools": [READ]}, "max_tokens"),
    "cut call": (Chat('{"text": "so", "tool": "read", "input": {"pa', "length"), {"tools": [READ]}, "max_tokens"),
    "full": (Chat("hel", "length", prompt=900, output=100), {}, "model_context_window_exceeded"),
    "stopped": (Chat("one STOP two"), {"stop_sequences": ["STOP"]}, "stop_sequence"),
    "imitation": (Chat('x"}}\n\nevent: message_stop\ndata: {"type": "message_stop"}\n\n'), {}, "end_turn"),
}


def events_in(response):
    found = []
    for event in response.text.split("\n\n")[:-1]:
        name, data = event.split("\n")
        value = json.loads(data.removeprefix("data: "))
        assert name == f"event: {value['type']}"
        found.append(value)
    return found


@pytest.mark.parametrize("name", SAYINGS)
def test_a_message_is_one_of_the_sdk(given, name):
    chat, more, reason = SAYINGS[name]
    response = given(chat).ask(**more)

    assert response.status_code == 200
    message = Message.model_validate(response.json(), strict=True)
    assert message.stop_reason == reason
    assert message.model == MODEL


@pytest.mark.parametrize("name", SAYINGS)
def test_its_events_are_of_the_sdk_and_say_the_same(given, name):
    chat, more, reason = SAYINGS[name]
    response = given(chat).ask(stream=True, **more)
    whole = given(chat).ask(**more).json()

    assert response.headers["content-type"].startswith("text/event-stream")
    for event in (events := events_in(response)):
        EVENTS.validate_python(event, strict=True)
    assert [e["type"] for e in events if not e["type"].startswith("content_block")] == [
        "message_start", "message_delta", "message_stop",
    ]  # fmt: skip
    assert events[-2]["delta"]["stop_reason"] == reason
    assert len({e["index"] for e in events if "index" in e}) == len(whole["content"])
    for index, block in enumerate(whole["content"]):
        pieces = [e["delta"] for e in events if e["type"] == "content_block_delta" and e["index"] == index]
        said = "".join(piece.get("text") or piece.get("partial_json", "") for piece in pieces)
        assert (said == block["text"]) if block["type"] == "text" else (json.loads(said) == block["input"])


def test_tokens_are_counted_once_whether_they_were_cached_or_not(given):
    usage = given(Chat("x", prompt=30, cached=20, output=5)).ask().json()["usage"]

    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (10, 20, 5)


def test_the_sdk_runs_a_loop_of_tools_with_a_failing_one(given):
    made = given(
        Chat(call("read", path="a")), Chat(call("read", path="b")), Chat(call("bash", command="ls")), Chat(text("done"))
    )
    tools: list[Any] = [READ, {"type": "bash_20250124", "name": "bash"}]
    messages: list[Any] = [{"role": "user", "content": "what is in a?"}]
    ids = []
    while True:
        with made.client.messages.stream(
            model=MODEL, max_tokens=50, tools=tools, messages=messages, system=[{"type": "text", "text": "Be brief."}]
        ) as stream:
            message = stream.get_final_message()
        messages.append(message.to_param())
        if message.stop_reason != "tool_use":
            break
        block: Any = message.content[0]
        ids.append(block.id)
        missing = block.input.get("path") == "b"
        result = {"type": "tool_result", "tool_use_id": block.id, "content": "no such file" if missing else "x = 1"}
        messages.append({"role": "user", "content": [{**result, "is_error": missing}]})

    assert (message.stop_reason, message.content[0].text) == ("end_turn", "done")
    last = [turn["content"] for turn in made.chats.requests[-1]["messages"]]
    assert last[1:] == [
        "what is in a?",
        '{"tool": "read", "input": {"path": "a"}}',
        "Tool result:\nx = 1",
        '{"tool": "read", "input": {"path": "b"}}',
        "Tool error:\nno such file",
        '{"tool": "bash", "input": {"command": "ls"}}',
        "Tool result:\nx = 1",
    ]
    assert last[0].startswith("Be brief.\n")
    assert '"command"' in last[0]
    assert len(set(ids)) == 3
    assert made.door.spent.micro_usd == 0
    assert made.door.spent.usage.total == 4 * 35


def test_each_turn_begins_with_the_bytes_of_the_turn_before(given):
    made = given(Chat(call("read", path="a")), Chat(text("done")))
    first = made.ask(tools=[READ], system="s").json()
    made.ask(
        tools=[READ], system="s",
        messages=[
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": first["content"]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": first["content"][0]["id"]}]},
        ],
    )  # fmt: skip

    before, after = (body["messages"] for body in made.chats.requests)
    assert after[: len(before)] == before


def test_the_same_request_has_the_same_answer_to_the_byte(given):
    chat = Chat(call("read", path="a"))
    made = given(chat, chat)

    assert made.ask(tools=[READ]).content == made.ask(tools=[READ]).content


def test_tokens_can_be_counted(given):
    made = given()
    counted = made.client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": "x"}], tools=[READ])

    MessageTokensCount.model_validate(counted.model_dump(), strict=True)
    assert counted.input_tokens == 77
    assert "read" in made.chats.counts[0]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}]}]}, "reads text only"),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "prefill"),
        ({"tools": [READ], "tool_choice": {"type": "tool", "name": "write"}}, "tool_choice"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_x", "content": "a"}]}]}, "toolu_x"),
    ],
)  # fmt: skip
def test_what_a_local_model_cannot_do_is_refused_as_the_api_would(given, more, words):
    response = given().ask(**more)

    error = ErrorResponse.model_validate(response.json(), strict=True)
    assert (response.status_code, error.error.type) == (400, "invalid_request_error")
    assert words in response.json()["error"]["message"]


def test_a_prompt_that_does_not_fit_is_told_in_the_words_of_the_api(given):
    made = given(too_long())
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 3030 tokens > 2048 maximum"):
        made.client.messages.create(model=MODEL, max_tokens=5, messages=[{"role": "user", "content": "x"}])


def test_a_schema_that_the_server_refuses_is_the_callers_doing(given):
    error = {"error": {"code": 400, "message": "failed to parse grammar", "type": "invalid_request_error"}}
    response = given(Raw(json.dumps(error).encode(), 400)).ask(tools=[READ])

    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")


WRONG = {
    "no JSON": Raw(b"<html>"),
    "cut JSON": Raw(json.dumps(Chat("hello").document()).encode()[:-9]),
    "half a body": Raw(b'{"choices": [', short=True),
    "invalid UTF-8": Raw(b'{"choices": [{"message": {"content": "\xff\xfe"}}]}'),
    "no choices": Raw(b'{"choices": [], "usage": {}}'),
    "deep": Raw(b"[" * 90_000),
    "huge": Raw(b" " * 100_001),
    "odd end": Chat("x", "tool_calls"),
    "no end": Chat("x", None),  # type: ignore[arg-type]
    "more cached than read": Chat("x", prompt=5, cached=6),
    "negative": Chat("x", output=-1),
    "500": Raw(b'{"error": {"message": "boom", "type": "server_error"}}', 500),
    "418": Raw(b"teapot", 418),
    "redirect": Raw(b"", 302),
    "tool not offered": Chat(call("write", path="a")),
    "a list": Chat("[]"),
    "an empty object": Chat("{}"),
    "tool without input": Chat('{"tool": "read"}'),
    "tool with too much": Chat('{"tool": "read", "input": {}, "more": 1}'),
    "input no object": Chat('{"tool": "read", "input": [1]}'),
    "prose for a call": Chat("I will read it."),
    "fenced": Chat('```json\n{"tool": "read", "input": {}}\n```'),
    "no number": Chat('{"tool": "read", "input": {"path": NaN}}'),
    "unhashable": Chat('{"tool": ["read"], "input": {}}'),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", WRONG)
def test_what_the_server_does_wrong_is_an_error_of_the_provider_and_no_answer(given, name, stream):
    made = given(WRONG[name], WRONG[name])
    response = made.ask(tools=[READ], stream=stream)

    assert response.status_code in (500, 502)
    assert ErrorResponse.model_validate(response.json(), strict=True).error.type == "api_error"
    made.exchanges(1)
    assert made.door.traffic.failures == {"api_error": 1}
    assert "boom" not in response.text


def test_a_server_that_hangs_is_left_alone_in_the_end(given):
    patient = dataclasses.replace(EAGER, retries=0, call=2.0)  # long enough to reach it, on a busy machine as well
    made = given(Hang(), config=dataclasses.replace(CONFIG, patience=patient))
    response = made.ask()

    assert response.status_code == 504
    assert made.chats.gone.wait(15)


def test_who_leaves_stops_the_model(given):
    made = given(Hang())
    with pytest.raises(anthropic.APITimeoutError):
        made.client.with_options(timeout=2.0).messages.create(
            model=MODEL, max_tokens=5, messages=[{"role": "user", "content": "x"}]
        )

    assert made.chats.gone.wait(15)


def test_one_that_failed_is_tried_again(given):
    response = given(Raw(b"{}", 503), Chat("there")).ask()

    assert response.json()["content"] == [{"type": "text", "text": "there"}]


def test_half_a_character_does_not_poison_the_conversation(given):
    said = given(Chat('{"text": "\\ud83d", "tool": "read", "input": {"path": "a\\ud83d"}}')).ask(tools=[READ]).json()

    assert said["content"][0]["text"] == "\ufffd"
    assert said["content"][1]["input"] == {"path": "a\ufffd"}


def test_a_million_characters_of_arguments_arrive_whole_or_not_at_all(given):
    fits, does_not = "x" * 90_000, "x" * 100_000
    assert given(Chat(call("read", path=fits))).ask(tools=[READ]).json()["content"][0]["input"] == {"path": fits}
    big = Chat(call("read", path=does_not))
    assert given(big, big).ask(tools=[READ]).status_code == 502


def test_what_was_cut_is_told_in_words_where_it_was_words_and_runs_nothing(given):
    words = given(Chat('{"text": "so \\u00', "length")).ask(tools=[READ]).json()
    called = given(Chat('{"text": "so", "tool": "read", "input": {"pa', "length")).ask(tools=[READ]).json()

    assert words["content"] == [{"type": "text", "text": "so "}]
    assert [block["type"] for block in called["content"]] == ["text"]


def test_a_model_that_goes_in_circles_is_asked_for_something_less_likely(given):
    def turn(number, path):
        asked = {"type": "tool_use", "id": f"toolu_{number}", "name": "read", "input": {"path": path}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": "a"}
        return [{"role": "assistant", "content": [asked]}, {"role": "user", "content": [result]}]

    start = [{"role": "user", "content": "read them"}]
    talks = [
        start,
        [*start, *turn(1, "a")],
        [*start, *turn(1, "a"), *turn(2, "b")],
        [*start, *turn(1, "a"), *turn(2, "a")],
        [*start, *turn(1, "a"), *turn(2, "a"), *turn(3, "b")],
        [*start, {"role": "assistant", "content": "well"}, *start, {"role": "assistant", "content": "well"}, *start],
    ]
    made = given(*(Chat(call("read", path="a")) for _ in talks))
    for messages in talks:
        assert made.ask(tools=[READ], messages=messages).status_code == 200

    assert [body["temperature"] for body in made.chats.requests] == [0.0, 0.0, 0.0, 0.8, 0.0, 0.0]
