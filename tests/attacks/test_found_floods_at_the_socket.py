"""One thread serves all sandboxes: a candidate that kept it busy kept its parent without a model, and looked the better.

A body in frames of one byte, or of a million empty lists, made a call of a neighbour take half a minute and more, and the
host hold two gigabytes. None of it was counted as a call.
"""

import threading

import anthropic
import pytest

from sandbox.broker.rules import Caps
from tests.broker.conftest import MODEL, given  # noqa: F401  # a fixture
from tests.broker.scripted import Hang, Say, text
from tests.broker.test_server import ASK, connect, error, everything, exchange, head, status, wait_until

SAY = Say([text("hello")])
FRAMES = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\n \r\n" * 5_000


def bomb(lists):
    """A request of many values and few bytes, well formed but for their number."""
    tools = '"tools": [{"name": "t", "input_schema": {"x": [' + "[]," * lists + "[]]}}]"
    return (
        f'{{"model": "{MODEL}", "max_tokens": 1, "messages": [{{"role": "user", "content": "x"}}], {tools}}}'.encode()
    )


def post(content):
    return head(length=len(content)) + content


def test_a_body_in_frames_is_refused_before_it_is_read(given):  # noqa: F811  # the fixture
    world = given()
    answer = exchange(world, FRAMES)

    assert (status(answer), error(answer)["type"]) == (400, "invalid_request_error")
    assert "content-length" in error(answer)["message"]


def test_a_bomb_of_values_is_refused_before_it_unfolds(given):  # noqa: F811
    world = given(SAY)
    answer = exchange(world, post(bomb(200_000)))

    assert (status(answer), world.script.requests, world.door.transcript) == (413, [], [])
    code = "def f(a, b):\n    return [a, {b: (a, b)}]\n" * 20_000  # what an honest scaffold may have read
    message = world.client().messages.create(**{**ASK, "messages": [{"role": "user", "content": code}]})
    assert message.stop_reason == "end_turn"


def test_what_values_become_is_counted_while_they_are_under_way(given):  # noqa: F811
    world = given(Hang(10), caps=Caps(held=20_000_000))
    first = connect(world)
    first.sendall(post(bomb(90_000)))  # 180 000 before values, 64 bytes each, are more than half of it
    wait_until(lambda: world.script.requests)
    answer = exchange(world, post(bomb(90_000)))
    first.close()

    assert (status(answer), error(answer)["type"]) == (529, "overloaded_error")


def test_large_requests_are_read_one_after_the_other_with_rests(given):  # noqa: F811
    world = given(*[SAY] * 4)
    world.client().messages.create(**ASK)
    world.exchanges(1)
    assert world.clock.waits == []

    large = {**ASK, "messages": [{"role": "user", "content": "x" * 500_000}]}
    threads = [threading.Thread(target=world.client().messages.create, kwargs=large) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(world.exchanges(4)) == 4
    assert len(world.clock.waits) == 3
    assert all(wait > 0 for wait in world.clock.waits)


def test_what_one_sandbox_may_have_kept_is_bounded(given):  # noqa: F811
    world = given(SAY, SAY, caps=Caps(total=300_000))
    large = {**ASK, "messages": [{"role": "user", "content": "x" * 120_000}]}
    client = world.client()
    for _ in range(2):
        client.messages.create(**large)
    with pytest.raises(anthropic.RateLimitError) as told:
        client.messages.create(**large)
    assert told.value.error_code == "calls_exhausted"


@pytest.mark.parametrize(
    "content",
    [FRAMES, post(bomb(400_000)), post(bomb(60_000).replace(MODEL.encode(), b"x"))],
    ids=["frames", "bomb", "large"],
)
def test_a_neighbour_is_served_meanwhile(given, content):  # noqa: F811
    world = given(SAY, repeat=True, caps=Caps(calls=60))
    over = threading.Event()

    def flood():
        while not over.is_set():
            with connect(world) as connection:
                try:
                    connection.sendall(content)
                    everything(connection) if content is FRAMES else connection.recv(1)
                except OSError:
                    pass

    with world.broker.serve(world.door.path.parent.parent / "next", "c2") as door:
        threads = [threading.Thread(target=flood) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            neighbour = anthropic.Anthropic(
                api_key="x", base_url="http://localhost", http_client=world.transport(door.path), max_retries=0
            ).with_options(timeout=60)
            for _ in range(3):
                assert neighbour.messages.create(**ASK).stop_reason == "end_turn"
        finally:
            over.set()
            for thread in threads:
                thread.join()
