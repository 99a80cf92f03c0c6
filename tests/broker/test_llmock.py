"""The broker before a server that none of us wrote: llmock, with its faults and its own verdict on the client."""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import anthropic
import httpx2
import pytest

from sandbox.broker.broker import Broker
from sandbox.broker.ledger import Budgets, Ledger
from tests.broker.conftest import CONFIG, KEY, MODEL, PRICES

ASK = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "please read the file"}]}
TOOL = {
    "name": "read",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}
PROGRAM = shutil.which("llmock", path=str(Path(sys.executable).parent))
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="llmock is not installed: make install-dev")


class Server:
    """A running llmock, spoken to on its own way."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def tell(self, path, method="POST", **body):
        content = json.dumps(body).encode() if body else None
        request = urllib.request.Request(
            f"{self.url}/_llmock/{path}", content, {"content-type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def faults(self, *behaviors):
        self.tell("scenario", behaviors=list(behaviors))

    def findings(self):
        return {(f["severity"], f["code"]) for f in self.tell("verdict", "GET")["findings"]}


@pytest.fixture(scope="module")
def running():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    line = [PROGRAM, "serve", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = Server(port)
    try:
        for _ in range(300):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                server.tell("verdict", "GET")
                break
            time.sleep(0.1)
        yield server
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def llmock(running):
    running.tell("reset")
    return running


@pytest.fixture
def client(llmock, tmp_path):
    config = replace(
        CONFIG, base_url=f"{llmock.url}/anthropic", patience=replace(CONFIG.patience, first_wait=0.1, longest_asked=5.0)
    )
    with (
        Broker(config, KEY, Ledger(Budgets()), prices=PRICES) as broker,
        broker.serve(tmp_path / "door", "c") as door,
        httpx2.Client(transport=httpx2.HTTPTransport(uds=str(door.path), verify=False)) as http,
    ):
        yield anthropic.Anthropic(api_key="x", base_url="http://localhost", max_retries=0, http_client=http)


def stream(client):
    with client.messages.stream(**ASK) as events:
        return events.get_final_message()


def create(client):
    return client.messages.create(**ASK)


@pytest.mark.parametrize("way", [create, stream])
def test_it_answers(client, llmock, way):
    message = way(client)

    assert message.content[0].text
    assert message.stop_reason == "end_turn"
    assert llmock.findings() == set()


@pytest.mark.parametrize("streamed", [False, True])
def test_a_loop_of_tools_comes_to_its_end(client, llmock, streamed):
    messages = list(ASK["messages"])
    reasons = []
    for _ in range(4):
        ask = {**ASK, "messages": messages, "tools": [TOOL]}
        if streamed:
            with client.messages.stream(**ask) as events:
                message = events.get_final_message()
        else:
            message = client.messages.create(**ask)
        reasons.append(message.stop_reason)
        if message.stop_reason != "tool_use":
            break
        called = [block for block in message.content if block.type == "tool_use"]
        messages.append(
            {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in message.content]}
        )
        results = [{"type": "tool_result", "tool_use_id": block.id, "content": "42"} for block in called]
        messages.append({"role": "user", "content": results})

    assert reasons == ["tool_use", "end_turn"]
    assert llmock.findings() == set()


@pytest.mark.parametrize("way", [create, stream])
def test_it_finds_no_fault_with_how_the_broker_tries_again(client, llmock, way):
    llmock.faults(
        {"type": "fail", "status": 429, "retry_after": 1, "times": 1},
        {"type": "fail", "status": 529, "times": 1},
        {"type": "fail", "status": 500, "times": 1},
    )

    assert way(client).stop_reason == "end_turn"
    assert llmock.findings() == set()


@pytest.mark.parametrize("kind", ["disconnect", "truncate", "malformed"])
def test_a_fault_in_the_middle_of_a_stream_is_an_error(client, llmock, kind):
    llmock.faults({"type": "stream_fault", "kind": kind, "after_chunks": 4})

    with pytest.raises(anthropic.APIStatusError):
        stream(client)


def test_it_finds_no_fault_with_what_is_not_tried_again(client, llmock):
    llmock.faults({"type": "fail", "status": 400, "times": 1})

    with pytest.raises(anthropic.BadRequestError):
        create(client)
    assert llmock.findings() == set()
