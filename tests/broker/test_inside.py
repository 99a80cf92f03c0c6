"""From inside a real sandbox the model can be reached, and nothing else of the broker."""

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import anthropic
import pytest

from sandbox.choose import choose
from sandbox.contract import Command, Ending, Limits, Mount
from sandbox.errors import BackendUnavailable
from tests.broker.conftest import MODEL, world
from tests.broker.scripted import KEY, Fail, Say, text, tool_use

ASK = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
WALLS = [
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
]

SPEAK = """
import http.client, json, os, socket, sys

def attempt(what):
    try:
        return str(what())
    except Exception as error:
        return type(error).__name__

def ask(path, body, method="POST"):
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect("/run/broker/model.sock")
    connection.request(method, path, json.dumps(body), {"content-type": "application/json", "x-api-key": "own"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()

def listen():
    made = socket.socket(socket.AF_UNIX)
    made.bind("/run/broker/mine.sock")

asked = json.load(sys.stdin)
told = {
    "answers": [ask("/v1/messages", body) for body in asked],
    "models": ask("/v1/models", {}, "GET")[0],
    "unlink": attempt(lambda: os.unlink("/run/broker/model.sock")),
    "replace": attempt(lambda: os.rename("/run/broker/model.sock", "/run/broker/x")),
    "write": attempt(lambda: open("/run/broker/x", "w")),
    "chmod": attempt(lambda: os.chmod("/run/broker/model.sock", 0)),
    "bind": attempt(listen),
    "list": attempt(lambda: os.listdir("/run/broker")),
    "tcp": attempt(lambda: socket.create_connection(("127.0.0.1", PORT), timeout=2)),
    "environment": json.dumps(dict(os.environ)),
}
print(json.dumps(told))
"""


@pytest.fixture
def place():
    """A folder that the users of sandboxes can walk to: pytest's own is closed to them."""
    made = Path(tempfile.mkdtemp(prefix="successor-broker-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def start(cache, request):
    with contextlib.ExitStack() as stack:

        def starter(kind):
            try:
                backend = choose(kind, cache)
                backend.prepare()
            except BackendUnavailable as reason:
                pytest.skip(str(reason))
            stack.callback(backend.close)
            return backend

        yield starter


def run(backend, door, code, given):
    with backend.start((door.mount,), Limits()) as sandbox:
        done = sandbox.run(Command(("python", "-c", code), 60, json.dumps(given).encode()))
    assert (done.ending, done.exit_code) == (Ending.EXITED, 0), done
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", WALLS)
def test_the_socket_is_reached_and_cannot_be_touched(kind, start, place):
    backend = start(kind)
    with world(place, [Say([text("hello inside")]), Say([text("streamed")])]) as made:
        port = made.broker._upstream._config.base_url.rpartition(":")[2]
        asked = [ASK, {**ASK, "stream": True}, {**ASK, "tools": [{"type": "web_fetch_20260318", "name": "web_fetch"}]}]
        told = run(backend, made.door, SPEAK.replace("PORT", port), asked)
        made.script.done()

        answers = told["answers"]
        assert [status for status, _ in answers] == [200, 200, 403]
        assert json.loads(answers[0][1])["content"] == [text("hello inside")]
        assert "message_stop" in answers[1][1]
        assert told["models"] == 404
        for touch in ("unlink", "replace", "write", "chmod", "bind"):
            assert told[touch] in ("OSError", "PermissionError"), touch
        assert told["list"] in ("PermissionError", "['model.sock']")
        assert told["tcp"] in ("ConnectionRefusedError", "OSError", "TimeoutError")
        assert KEY not in json.dumps(told)
        assert KEY not in json.dumps(made.exchanges(3))
        assert made.door.spent.calls == 2
        assert made.door.path.is_socket()


LOOP = """
import json, sys
sys.path.append("/sdk")  # the SDK that these tests run with, where the sandbox has none of its own
import anthropic, httpx2

model = json.load(sys.stdin)
client = anthropic.Anthropic(
    api_key="none", base_url="http://localhost", max_retries=0,
    http_client=anthropic.DefaultHttpxClient(transport=httpx2.HTTPTransport(uds="/run/broker/model.sock", verify=False)),
)
tools = [{"name": "read", "description": "reads", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}]
messages = [{"role": "user", "content": "what is in a?"}]
for turn in range(5):
    with client.messages.stream(model=model, max_tokens=100, tools=tools, messages=messages) as stream:
        message = stream.get_final_message()
    messages.append(message.to_param())
    if message.stop_reason != "tool_use":
        break
    results = [
        {"type": "tool_result", "tool_use_id": block.id, "content": "in " + block.input["path"]}
        for block in message.content if block.type == "tool_use"
    ]
    messages.append({"role": "user", "content": results})
print(json.dumps({"turns": turn + 1, "said": message.content[0].text}))
"""


@pytest.mark.parametrize("kind", WALLS)
def test_the_sdk_runs_a_loop_of_tools_inside_over_faults(kind, start, place):
    backend = start(kind)
    steps = [
        Say([text("let me see"), tool_use("read", {"path": "a"}), tool_use("read", {"path": "b"}, 2)], "tool_use"),
        Fail(529, "overloaded_error"),
        Say([tool_use("read", {"path": "c"}, 3)], "tool_use"),
        Say([text("done")]),
    ]
    with world(place, steps) as made:
        told = run_loop(backend, made.door)
        made.script.done()

    assert told == {"turns": 3, "said": "done"}
    assert [len(body["messages"]) for body in made.script.requests] == [1, 3, 3, 5]
    assert made.door.spent.calls == 3


def run_loop(backend, door):
    """Run the loop with the SDK of this environment, shown to the sandbox; its compiled parts fit one Python only."""
    sdk = Mount(Path(anthropic.__file__).parents[1], "/sdk", lasting=True)
    with backend.start((door.mount, sdk), Limits()) as sandbox:
        done = sandbox.run(Command(("python", "-c", LOOP), 90, json.dumps(MODEL).encode()))
    if b"pydantic_core._pydantic_core" in done.stderr:
        pytest.skip("the sandbox runs another Python than these tests, and the SDK cannot be lent to it")
    assert done.exit_code == 0, done
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", WALLS)
def test_one_folder_serves_one_sandbox_after_the_other(kind, start, place):
    backend = start(kind)
    code = "import json, socket, sys; s = socket.socket(socket.AF_UNIX); s.connect('/run/broker/model.sock'); print(1)"
    with world(place, []) as made:
        for number in range(2):
            with made.broker.serve(place / "again", f"c{number}") as door:
                assert run(backend, door, code, None) == 1


@pytest.mark.bubblewrap
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_the_socket_of_another_sandbox_is_not_there(start, place):
    backend = start("bubblewrap")
    code = "import json, os, sys; print(json.dumps([p for p in json.load(sys.stdin) if os.path.exists(p)]))"
    with world(place, []) as made, made.broker.serve(place / "other", "c2") as other:
        assert run(backend, made.door, code, [str(other.path), str(other.path.parent), str(place)]) == []
