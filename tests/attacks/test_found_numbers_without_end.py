"""A request with the number 1e999: JSON's own parser makes infinity of it, which no JSON can hold.

It was sent on as `Infinity`, could not be kept, and took the door down with it as a failure of ours: the trial of a
scaffold that had done badly was void and run again.
"""

import json

import anthropic
import pytest

from sandbox.broker.local.answer import Asked, message_of
from sandbox.broker.rules import Caps
from sandbox.broker.transcript import canonical
from tests.broker.conftest import MODEL, given  # noqa: F401  # a fixture
from tests.broker.scripted import Raw, Say, tool_use
from tests.broker.test_way import ASK
from tests.evaluate.harbor.conftest import near  # noqa: F401  # a fixture
from tests.evaluate.harbor.small import LIMITS, SCAFFOLD, desk, opened, says, scaffold

NUMBERS = ["1e999", "-1e999", "1e309", "9" * 400 + ".0"]
BODY = (
    '{"model": "%s", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}],'
    ' "tools": [{"name": "t", "input_schema": {"type": "object", "properties": {"n": {"enum": [%s]}}}}]}'
)


@pytest.mark.parametrize("number", NUMBERS, ids=["large", "small", "barely", "long"])
def test_it_is_refused_and_the_door_stays_open(given, number):  # noqa: F811  # the fixture
    world = given()
    http, body = world.transport(world.door.path), BODY % (MODEL, number)
    answer = http.post("http://x/v1/messages", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 400
    assert world.traffic().refusals == {"invalid_request_error": 1}
    assert (world.door.lost, world.script.requests) == ("", [])


ENDS_SO = (
    SCAFFOLD
    + b"""
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("/run/broker/model.sock")
tool = {"name": "t", "input_schema": {"type": "object", "properties": {"n": {"enum": [7777]}}}}
body = json.dumps({"model": os.environ["SCAFFOLD_MODEL"], "max_tokens": 9, "messages": messages, "tools": [tool]})
connection.request("POST", "/v1/messages", body.replace("7777", "1e999"), {"content-type": "application/json"})
try:
    connection.getresponse().read()
except http.client.HTTPException:
    pass
"""
)


def test_a_scaffold_that_did_badly_makes_no_trial_void_by_it(near, tmp_path):  # noqa: F811  # the fixture
    suite = opened(near)
    try:
        with desk(tmp_path, says(), caps=Caps()) as (seat, _), scaffold(tmp_path, ENDS_SO) as mounts:
            found = suite.trial("dev", "double", mounts, seat, "c1").run(near[0], LIMITS)
    finally:
        suite.close()

    assert (found.score, found.failure) == (0, "none")


ANSWERS = {
    "a number without end": b"1e999",
    "no number": b"NaN",
    "a number too long": b"9" * 5_000,
    "a number of some length": b"9" * 1_000,
    "too deep to be read": b"[" * 3_000 + b"]" * 3_000,
    "too deep to be written": b"[" * 900 + b"]" * 900,
    "deep": b"[" * 300 + b"]" * 300,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_a_model_was_made_to_say_so_is_the_scaffolds_own_failure(given, name):  # noqa: F811  # the fixture
    """A server sends it on; it is no failure of the server that nobody can take it."""
    whole = json.dumps(Say([tool_use("t", {"n": 7777})], "tool_use").message(MODEL)).encode()
    world = given(Raw(whole.replace(b"7777", ANSWERS[name])))

    with pytest.raises(anthropic.BadRequestError):
        world.client().messages.create(**ASK)

    assert world.traffic().last_failure == "invalid_request_error"
    assert (world.door.lost, world.ledger.run.calls) == ("", 1)


@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "no number"])
def test_what_a_local_model_was_made_to_say_so_is_what_it_said(name):
    said = f'{{"tool": "t", "input": {{"n": {ANSWERS[name].decode()}}}}}'
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    choice = {"message": {"content": said}, "finish_reason": "stop"}
    content = json.dumps({"choices": [choice], "usage": usage}).encode()

    (block,) = message_of(content, Asked("m", b"", frozenset({"t"}), formed=True))["content"]

    canonical(block)
    deep = name.startswith(("too deep", "deep"))
    assert block["text"] == said if deep else block["input"] == {"n": ANSWERS[name].decode()}
