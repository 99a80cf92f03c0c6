"""Whatever an upstream does, the SDK in the sandbox sees an answer or an error of the API, and each call counts once."""

import json
from dataclasses import replace

import anthropic
import pytest

from tests.broker.conftest import CONFIG, MODEL
from tests.broker.scripted import CutAfter, Drop, Fail, Hang, Raw, Say, text, thinking, tool_use

ASK = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
SAY = Say([text("hello yourself")])
QUICK = replace(CONFIG, patience=replace(CONFIG.patience, silence=0.3))
BEFORE_CONTENT, AFTER_CONTENT = 1, 3
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


def create(world):
    return world.client().messages.create(**ASK)


def stream(world):
    with world.client().messages.stream(**ASK) as events:
        return events.get_final_message()


WAYS = pytest.mark.parametrize("way", [create, stream])


@WAYS
@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again_and_counted_once(given, way, status):
    world = given(Fail(status), SAY)

    assert way(world).content[0].text == "hello yourself"
    spent = world.door.spent
    assert (spent.calls, spent.usage.input, spent.usage.output, spent.micro_usd) == (1, 10, 5, 140)
    assert world.traffic().retries == 1


@WAYS
def test_the_attempts_are_numbered_and_the_waits_grow(given, way):
    world = given(Fail(429, "rate_limit_error"), Fail(529, "overloaded_error"), Fail(500), SAY)
    way(world)

    assert [h["x-stainless-retry-count"] for h in world.script.headers] == ["0", "1", "2", "3"]
    assert world.clock.waits == [0.01, 0.02, 0.02]
    assert world.door.spent.calls == 1


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"retry-after": "0.03"}, 0.03),
        ({"retry-after-ms": "40"}, 0.04),
        ({"retry-after": "86400"}, 0.05),
        ({"retry-after": "-5"}, 0.01),
        ({"retry-after": "nan"}, 0.01),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0.01),
        ({"retry-after": "9" * 400}, 0.01),
    ],
)
def test_a_wait_that_is_asked_for_is_kept_within_reason(given, headers, wait):
    world = given(Fail(429, headers=headers), SAY)
    create(world)

    assert world.clock.waits == [wait]


@WAYS
@pytest.mark.parametrize(
    ("status", "kind", "raised"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (402, "billing_error", anthropic.PaymentRequiredError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (413, "invalid_request_error", anthropic.ContentTooLargeError),
        (422, "invalid_request_error", anthropic.UnprocessableEntityError),
    ],
)
def test_what_will_not_pass_is_told_at_once_as_its_own_class(given, way, status, kind, raised):
    world = given(Fail(status, kind, "because", error_code="some_code"))

    with pytest.raises(raised) as told:
        way(world)
    assert (told.value.status_code, told.value.type) == (status, kind)
    assert world.door.spent.micro_usd == 0
    assert world.traffic().failures == {kind: 1}


@WAYS
@pytest.mark.parametrize(
    ("status", "raised"),
    [(429, anthropic.RateLimitError), (500, anthropic.InternalServerError), (529, anthropic.OverloadedError)],
)
def test_when_it_does_not_pass_the_last_error_is_told_and_nothing_is_counted(given, way, status, raised):
    world = given(*[Fail(status)] * 4)

    with pytest.raises(raised):
        way(world)
    assert (world.door.spent.micro_usd, world.door.spent.usage.total) == (0, 0)
    assert world.ledger.reserve("c1", 1, 1)


def test_the_sdk_is_told_not_to_try_again_what_the_broker_tried_already(given):
    world = given(*[Fail(529, "overloaded_error")] * 4)

    with pytest.raises(anthropic.OverloadedError):
        world.client(max_retries=5).messages.create(**ASK)


@WAYS
def test_what_speaks_of_our_account_is_not_passed_on(given, way):
    world = given(Fail(401, "authentication_error", "invalid key sk-ant-api03-the-key-of-the-host for org Example"))

    with pytest.raises(anthropic.AuthenticationError) as told:
        way(world)
    assert "sk-ant" not in str(told.value)
    assert "Example" not in str(told.value)


@WAYS
def test_a_connection_that_is_dropped_is_tried_again(given, way):
    world = given(Drop(), SAY)

    assert way(world).stop_reason == "end_turn"
    assert world.door.spent.calls == 1


@WAYS
def test_silence_is_tried_again_and_then_told(given, way):
    world = given(Hang(1), SAY, config=QUICK)

    assert way(world).stop_reason == "end_turn"


@WAYS
def test_nobody_listening_costs_nothing(given, way):
    world = given(unix=True)
    (world.door.path.parent.parent / "up.sock").unlink()

    with pytest.raises(anthropic.InternalServerError, match="cannot be reached"):
        way(world)
    assert (world.door.spent.calls, world.door.spent.micro_usd) == (1, 0)


WRONG = {
    "html": Raw(b"<html>sign in</html>", "text/html"),
    "no type": Raw(b"<html>sign in</html>", ""),
    "cut json": Raw(b'{"id": "msg_01", "type": "mess'),
    "other json": Raw(b'{"ok": true}'),
    "a list": Raw(b"[]"),
    "nothing": Raw(b""),
    "deep": Raw(b"[" * 100_000),
    "no stop reason": Raw(json.dumps(Say([text("x")], stop_reason=None).message(MODEL)).encode()),
    "no usage": Raw(json.dumps({**SAY.message(MODEL), "usage": {}}).encode()),
    "bad blocks": Raw(json.dumps({**SAY.message(MODEL), "content": ["x"]}).encode()),
    "compressed": Raw(json.dumps(SAY.message(MODEL)).encode(), headers={"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_tried_again_and_then_told_in_the_shape_of_the_api(given, name):
    world = given(*[WRONG[name]] * 4)

    with pytest.raises(anthropic.InternalServerError) as told:
        create(world)
    assert (told.value.status_code, told.value.type) == (502, "api_error")


@pytest.mark.parametrize("name", WRONG)
def test_after_a_wrong_answer_a_right_one_is_passed_on(given, name):
    world = given(WRONG[name], SAY)

    assert create(world).content[0].text == "hello yourself"
    assert world.door.spent.micro_usd == 140


def sse(*events):
    body = b"".join(f"event: {name}\ndata: {json.dumps(value)}\n\n".encode() for name, value in events)
    return Raw(body, "text/event-stream")


START = ("message_start", {"type": "message_start", "message": SAY.events(MODEL)[0]["message"]})
WRONG_STREAMS = {
    "html": Raw(b"<html></html>", "text/html"),
    "json": Raw(json.dumps(SAY.message(MODEL)).encode()),
    "nothing": Raw(b"", "text/event-stream"),
    "only pings": sse(("ping", {"type": "ping"})),
    "not json": Raw(b"event: message_start\ndata: {\n\n", "text/event-stream"),
    "no message": sse(("message_start", {"type": "message_start"})),
    "two starts": sse(START, START),
    "delta first": sse(("message_delta", {"type": "message_delta", "delta": {}, "usage": {}})),
    "names differ": sse(("message_start", {**START[1], "type": "message_stop"})),
    "stop first": sse(START, ("message_stop", {"type": "message_stop"})),
    "wrong index": sse(
        START, ("content_block_start", {"type": "content_block_start", "index": 3, "content_block": text("")})
    ),
    "error first": sse(START, ("error", OVERLOADED)),
}


@pytest.mark.parametrize("name", WRONG_STREAMS)
def test_a_stream_that_breaks_before_it_said_anything_is_tried_again(given, name):
    world = given(WRONG_STREAMS[name], SAY)

    assert stream(world).content[0].text == "hello yourself"
    assert (world.door.spent.calls, world.door.spent.micro_usd) == (1, 140)


@pytest.mark.parametrize("name", WRONG_STREAMS)
def test_a_stream_that_never_says_anything_ends_as_an_error_with_a_status(given, name):
    world = given(*[WRONG_STREAMS[name]] * 4)

    with pytest.raises(anthropic.InternalServerError) as told:
        stream(world)
    assert told.value.status_code == (529 if name == "error first" else 502)


@pytest.mark.parametrize("how", ["close", "short", "reset", "stall", "error", "garbage"])
def test_a_stream_cut_before_its_first_content_is_tried_again(given, how):
    world = given(CutAfter(SAY, BEFORE_CONTENT, how, stall=1), SAY, config=QUICK)

    assert stream(world).content[0].text == "hello yourself"
    assert world.door.spent.calls == 1


@pytest.mark.parametrize("how", ["close", "short", "reset", "stall", "error", "garbage"])
def test_a_stream_cut_after_content_ends_as_an_error_that_the_sdk_raises_and_is_not_tried_again(given, how):
    world = given(CutAfter(SAY, AFTER_CONTENT, how, stall=1), config=QUICK)
    seen = []

    with pytest.raises(anthropic.APIStatusError) as told, world.client().messages.stream(**ASK) as events:
        seen += [event.type for event in events]
    assert told.value.type in ("api_error", "overloaded_error", "timeout_error")
    assert len(world.script.requests) == 1
    (kept,) = world.exchanges()
    assert (kept["ending"], kept["charge"]["estimated"]) == ("failed", True)


def test_a_stream_without_a_stop_reason_is_a_broken_one(given):
    world = given(Say([tool_use("read", {"path": "a"})], stop_reason=None))

    with pytest.raises(anthropic.APIStatusError, match="stop reason"):
        stream(world)


def test_a_stream_cut_in_the_middle_is_booked_as_not_less_than_what_was_seen(given):
    world = given(CutAfter(SAY, AFTER_CONTENT, "close"))
    with pytest.raises(anthropic.APIStatusError):
        stream(world)

    spent = world.door.spent
    assert (spent.calls, spent.usage.input) == (1, 10)
    assert spent.usage.output == len("hello y")  # a token is at least a byte


def test_what_was_thought_and_not_shown_is_booked_in_full(given):
    world = given(CutAfter(Say([thinking("", "sig"), text("x")]), 3, "close"))
    with pytest.raises(anthropic.APIStatusError):
        stream(world)

    assert world.door.spent.usage.output == ASK["max_tokens"]


def test_an_answer_that_was_lost_is_booked_as_if_it_had_come(given):
    world = given(*[CutAfter(SAY, 0)] * 4)
    with pytest.raises(anthropic.InternalServerError):
        create(world)

    spent = world.door.spent
    assert (spent.calls, spent.usage.output) == (1, ASK["max_tokens"])
    assert spent.micro_usd > 0


@pytest.mark.parametrize("before", [0, 20])
def test_pings_and_pauses_are_no_content_and_no_harm(given, before):
    world = given(Say([text("hello yourself")], pings=before, pause=0.005))

    assert stream(world).content[0].text == "hello yourself"


def test_an_answer_that_does_not_end_is_cut(given):
    caps = replace(CONFIG.caps, answer=20_000)
    world = given(*[Raw(json.dumps(Say([text("x" * 50_000)]).message(MODEL)).encode())] * 4, caps=caps)

    with pytest.raises(anthropic.InternalServerError, match="more than 20000 bytes"):
        create(world)


def test_a_stream_that_does_not_end_is_cut(given):
    caps = replace(CONFIG.caps, answer=20_000)
    world = given(Say([text("a"), text("x" * 50_000)]), caps=caps)

    with pytest.raises(anthropic.APIStatusError, match="more than 20000 bytes"):
        stream(world)


def test_an_error_that_goes_on_and_on_is_still_that_error(given):
    world = given(*[Fail(503, body=b"<html>" * 200_000)] * 4)

    with pytest.raises(anthropic.ServiceUnavailableError):
        create(world)
    assert world.door.spent.micro_usd == 0


def test_a_redirect_is_not_followed(given):
    world = given(Fail(307, headers={"location": "http://127.0.0.1:1/"}))

    with pytest.raises(anthropic.InternalServerError, match="status 307"):
        create(world)


def test_an_upstream_on_a_unix_socket_serves_as_well(given):
    world = given(SAY, unix=True)

    assert stream(world).content[0].text == "hello yourself"
