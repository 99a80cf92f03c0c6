"""The socket is the sandbox's only way out, and everything that comes through it is hostile."""

import contextlib
import json
import re
import socket
import stat
import threading
import time
from dataclasses import replace

import anthropic
import httpx2
import pytest

from sandbox.broker.rules import Caps
from tests.broker.conftest import MODEL
from tests.broker.scripted import KEY, Fail, Say, text

ASK = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
SAY = Say([text("hello yourself")])
BODY = json.dumps(ASK).encode()
HASTY = Caps(
    head=2_000, request=10_000, held=20_000, connections=4, calls=3, idle=0.5, read_head=0.2, read_body=0.2, write=0.3
)


def head(path="/v1/messages", method="POST", length=None, **headers):
    lines = [f"{method} {path} HTTP/1.1", "host: x", f"content-length: {len(BODY) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def connect(world):
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(10)
    made.connect(str(world.door.path))
    return made


def everything(connection):
    content = b""
    while piece := connection.recv(65_536):
        content += piece
    return content


def exchange(world, content):
    """Send bytes, and read until the broker hangs up."""
    with connect(world) as connection:
        with contextlib.suppress(BrokenPipeError):  # it may have heard enough
            connection.sendall(content.replace(b"host: x\r\n", b"host: x\r\nconnection: close\r\n", 1))
        return everything(connection)


def wait_until(holds):
    for _ in range(6_000):  # a guard against a hang, no measure of speed
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to that")


def status(answer):
    return int(answer.split(b" ", 2)[1])


def error(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_the_folder_can_be_entered_and_nothing_in_it_changed(given):
    world = given()
    folder = world.door.path.parent

    assert stat.S_IMODE(folder.stat().st_mode) == 0o711
    assert stat.S_IMODE(world.door.path.stat().st_mode) == 0o666
    assert [path.name for path in folder.iterdir()] == ["model.sock"]


def test_a_deep_folder_is_no_hindrance(given, tmp_path):
    world = given()
    deep = tmp_path / ("d" * 100) / ("e" * 100)

    with world.broker.serve(deep, "c2") as door:
        assert door.path.is_socket()
    assert not door.path.exists()


def test_a_socket_that_was_left_by_a_crash_is_replaced(given, tmp_path):
    world = given()
    folder = tmp_path / "again"
    folder.mkdir()
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(folder / "model.sock"))
    left.close()

    with world.broker.serve(folder, "c2") as door:
        assert door.path.is_socket()


def test_nobody_gets_in_when_the_door_is_closed(given, tmp_path):
    world = given()
    with world.broker.serve(tmp_path / "d", "c2") as door:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(door.path))
    with connection, contextlib.suppress(ConnectionResetError):
        connection.settimeout(5)
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/v1/models", "GET", 404),
        ("/v1/models", "POST", 404),
        ("/v1/files", "POST", 404),
        ("/v1/messages/batches", "POST", 404),
        ("/v1/messages?beta=true", "POST", 404),
        ("/v1/messages/", "POST", 404),
        ("/v1/messages/../files", "POST", 404),
        ("//v1/messages", "POST", 404),
        ("http://api.example.com/v1/messages", "POST", 404),
        ("/v1/messages", "GET", 405),
        ("/v1/messages", "PUT", 405),
        ("/v1/messages", "CONNECT", 405),
        ("/v1/complete", "POST", 404),
    ],
)
def test_two_endpoints_and_nothing_else(given, path, method, expected):
    world = given()
    answer = exchange(world, head(path, method) + BODY)

    assert status(answer) == expected
    assert error(answer)["type"] in ("not_found_error", "invalid_request_error")


def test_what_the_sdk_offers_beside_messages_is_not_there(given):
    world = given(SAY)
    client = world.client()
    client.beta.messages.create(**ASK, betas=["files-api-2025-04-14"])  # the same endpoint; its header goes no further
    for ask in (client.models.list, client.beta.files.list, client.messages.batches.list):
        with pytest.raises(anthropic.NotFoundError):
            ask()


def test_headers_and_credentials_of_the_sandbox_go_no_further(given):
    world = given(SAY)
    world.client(api_key="stolen-key-of-somebody-else").messages.create(
        **ASK,
        extra_headers={
            "x-api-key": "stolen-key-of-somebody-else",
            "anthropic-beta": "files-api-2025-04-14",
            "anthropic-version": "1999-01-01",
            "cookie": "session=1",
            "x-forwarded-for": "10.0.0.1",
            "host": "evil.example.com",
            "user-agent": "stolen-key-of-somebody-else",
        },
    )

    (seen,) = world.script.headers  # the scripted server refuses any header it does not know
    assert seen["authorization"] == f"Bearer {KEY}"
    assert "stolen" not in str(seen)
    assert "evil" not in str(seen)


def test_headers_of_the_upstream_go_no_further_either(given):
    world = given(Fail(400, headers={"set-cookie": "a=b", "anthropic-organization-id": "org", "server": "secret"}), SAY)
    refused = exchange(world, head() + BODY).lower()
    answered = exchange(world, head() + BODY).lower()

    for answer in (refused, answered):
        names = set(re.findall(rb"^([a-z-]+):", answer.partition(b"\r\n\r\n")[0], re.MULTILINE))
        assert names <= {b"content-type", b"content-length", b"x-should-retry", b"connection"}


BAD = {
    "not http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc" * 10,
    "old http": b"POST /v1/messages HTTP/0.9\r\n\r\n",
    "no host": b"POST /v1/messages HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
    "two lengths": head().replace(b"host: x", b"host: x\r\ncontent-length: 3") + BODY,
    "length and chunks": head(transfer_encoding="chunked") + BODY,
    "odd chunks": head(transfer_encoding="gzip, chunked").replace(f"content-length: {len(BODY)}\r\n".encode(), b"")
    + b"0\r\n\r\n",
    "bad length": head(length="-5") + BODY,
    "long length": head(length="9" * 30) + BODY,
    "space in header": b"POST /v1/messages HTTP/1.1\r\nhost : x\r\n\r\n",
    "folded header": b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n  y\r\ncontent-length: 0\r\n\r\n",
    "bare line ends": head().replace(b"\r\n", b"\r") + BODY,
    "nul": head().replace(b"host: x", b"host: \0"),
    "long head": b"POST /v1/messages HTTP/1.1\r\nhost: x\r\na: " + b"b" * 100_000,
    "many headers": head().replace(b"host: x", b"host: x\r\n" + b"a: b\r\n" * 5_000)[:-2] + BODY,
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_strict_http_is_turned_away(given, name):
    world = given(caps=HASTY)
    answer = exchange(world, BAD[name])

    assert answer == b"" or 400 <= status(answer) < 500
    assert world.script.requests == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'"' + b"a" * 100, b'{"model": NaN}', b"\xff\xfe", b"[" * 50_000],
    ids=range(8),
)
def test_a_body_that_is_no_request_is_told_so(given, content):
    world = given()
    answer = exchange(world, head(length=len(content)) + content)

    assert (status(answer), error(answer)["type"]) == (400, "invalid_request_error")


def test_a_body_of_another_kind_is_refused(given):
    world = given()
    assert status(exchange(world, head(content_type="multipart/form-data") + BODY)) == 400
    assert status(exchange(world, head(content_encoding="gzip") + BODY)) == 400


def test_a_large_request_is_refused_by_its_word_and_one_without_a_word_as_well(given):
    world = given(caps=HASTY)
    large = {**ASK, "messages": [{"role": "user", "content": "x" * 20_000}]}

    with pytest.raises(anthropic.ContentTooLargeError):
        world.client().messages.create(**large)
    chunks = b"".join(b"1000\r\n%s\r\n" % (b" " * 4096) for _ in range(4)) + b"0\r\n\r\n"
    head_of_chunks = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    assert status(exchange(world, head_of_chunks + chunks)) == 400  # it does not say how large it is


def test_all_requests_under_way_together_are_bounded_and_their_room_comes_back(given):
    world = given(SAY, caps=replace(HASTY, read_body=5))
    slow = [connect(world) for _ in range(3)]
    for connection in slow:
        connection.sendall(head(length=9_000) + b" " * 8_000)
    answer = everything(slow[2])
    for connection in slow:
        connection.close()
    time.sleep(0.1)

    assert status(answer) == 529
    assert world.client().messages.create(**ASK).stop_reason == "end_turn"


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"POST",
        head()[:-2],
        head() + BODY[:5],
    ],
    ids=["silent", "method", "head", "body"],
)
def test_a_slow_client_is_let_go_and_others_are_served_meanwhile(given, start):
    world = given(SAY, caps=HASTY)
    with connect(world) as slow:
        slow.sendall(start)
        assert world.client().messages.create(**ASK).stop_reason == "end_turn"
        answer = everything(slow)

    assert answer == b"" or status(answer) == 408


def test_drops_of_a_head_do_not_add_up_to_more_time(given):
    world = given(caps=HASTY)
    sent = 0
    with connect(world) as slow, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for byte in head(padding="x" * 200):
            slow.sendall(bytes([byte]))
            sent += 1
            time.sleep(0.05)
    assert sent < len(head())


def test_a_client_that_does_not_read_is_let_go(given):
    world = given(Say([text("x" * 4_000_000)]), caps=HASTY)
    with connect(world) as deaf:
        deaf.sendall(head(length=len(BODY) + 16) + BODY[:-1] + b', "stream": true}'[:17])
        (kept,) = world.exchanges()

    assert kept["ending"] in ("left", "answered")
    assert kept["charge"]["usage"]["input"] == 10


def test_there_are_only_so_many_connections(given):
    world = given(SAY, caps=replace(HASTY, idle=5))
    held = [connect(world) for _ in range(4)]
    time.sleep(0.1)
    with connect(world) as fifth:
        assert status(everything(fifth)) == 529
    for connection in held:
        connection.close()
    time.sleep(0.1)

    assert world.client().messages.create(**ASK).stop_reason == "end_turn"


def test_there_are_only_so_many_calls_and_refused_ones_count(given):
    world = given(caps=HASTY)
    client = world.client()
    for _ in range(3):
        with pytest.raises(anthropic.PermissionDeniedError):
            client.messages.create(**{**ASK, "model": "other"})
    with pytest.raises(anthropic.RateLimitError) as told:
        client.messages.create(**ASK)
    assert told.value.error_code == "calls_exhausted"


def test_one_connection_serves_many_calls(given):
    world = given(SAY, SAY, SAY)
    client = world.client()
    for _ in range(2):
        client.messages.create(**ASK)
    with client.messages.stream(**ASK) as events:
        events.until_done()

    assert world.door.spent.calls == 3


def test_calls_that_come_before_the_answer_are_answered_in_turn(given):
    world = given(Say([text("first")]), Say([text("second")]))
    with connect(world) as connection:
        connection.sendall((head() + BODY) * 2)
        content = b""
        while b"second" not in content:
            content += connection.recv(65_536)

    assert content.index(b"first") < content.index(b"second")


def test_a_client_that_waits_for_leave_to_send_gets_it(given):
    world = given(SAY)
    with connect(world) as connection:
        connection.sendall(head(expect="100-continue"))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(BODY)
        assert status(connection.recv(65_536)) == 200


def test_a_crash_of_ours_is_no_traceback_for_the_sandbox(given, monkeypatch):
    world = given()
    monkeypatch.setattr("sandbox.broker.exchange.parse", lambda *_: 1 / 0)
    answer = exchange(world, head() + BODY)

    assert b"Traceback" not in answer
    assert b"ZeroDivision" not in answer
    assert answer == b"" or status(answer) == 500
    wait_until(lambda: "ZeroDivisionError" in world.door.lost)
    assert status(exchange(world, head() + BODY)) == 503


def test_a_hundred_streams_at_once(given):
    world = given(Say([text("hello yourself")], pause=0.002), repeat=True)
    said, wrong = [], []

    def one(client):
        try:
            with client.messages.stream(**ASK) as events:
                said.append("".join(events.text_stream))
        except (anthropic.AnthropicError, httpx2.HTTPError) as error:
            wrong.append(error)

    client = world.client()
    threads = [threading.Thread(target=one, args=(client,)) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert said == ["hello yourself"] * 100
    assert (world.door.spent.calls, world.door.spent.micro_usd) == (100, 14_000)
