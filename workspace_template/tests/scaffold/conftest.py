"""A model that says what a script has for it, within this process: the real SDK, and no socket."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scaffold.agent import Agent, Limits, Result
from scaffold.folder import Folder
from scaffold.model import Model
from scaffold.sdk import load
from scaffold.tools import Tools

sdk = load()
import httpx2  # noqa: E402  # the SDK brings it

Block = dict[str, Any]
Step = Callable[[], Any]


class Script:
    """What the model will answer, and what it was asked."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.requests: list[dict[str, Any]] = []
        self._calls = 0

    def text(self, words: str) -> Block:
        return {"type": "text", "text": words}

    def thinking(self, words: str) -> Block:
        return {"type": "thinking", "thinking": words, "signature": "c2lnbmVk"}

    def call(self, name: str, /, **given: Any) -> Block:
        self._calls += 1
        return {"type": "tool_use", "id": f"toolu_{self._calls:02}", "name": name, "input": given}

    def say(self, *blocks: Block, stop: str | None = "tool_use", read: int = 10, written: int = 5) -> None:
        """Answer with a message."""
        self.steps.append(lambda: self._stream(events(blocks, stop, read, written)))

    def cut(self, *blocks: Block, error: Exception | None = None) -> None:
        """Begin an answer and break off before the reason to stop: with an error of the connection, or cleanly."""
        self.steps.append(lambda: self._stream(events(blocks, "tool_use", 10, 5)[:-2], error))

    def fail(self, status: int, kind: str, message: str = "scripted", code: str = "") -> None:
        """Answer with an error of the API."""
        details = {"details": {"error_code": code}} if code else {}
        body = {"type": "error", "error": {"type": kind, "message": message, **details}}
        self.steps.append(lambda: httpx2.Response(status, json=body))

    def fail_within(self, kind: str) -> None:
        """Begin to answer, then report an error within the stream."""
        error = {"type": "error", "error": {"type": kind, "message": "scripted"}}
        self.steps.append(lambda: self._stream([*events([], "end_turn", 10, 5)[:1], error]))

    def raise_(self, error: Exception) -> None:
        """Let the connection fail."""

        def step() -> Any:
            raise error

        self.steps.append(step)

    def answer_raw(self, content: bytes, kind: str) -> None:
        """Answer with any bytes."""
        self.steps.append(lambda: httpx2.Response(200, content=content, headers={"content-type": kind}))

    def model(self, tries: int = 3) -> Model:
        tools = [{"name": "t", "description": "d", "input_schema": {"type": "object", "properties": {}}}]
        return Model(self.client(), "some-model", "You are tested.", tools, tries)

    def client(self) -> Any:
        http = httpx2.Client(transport=httpx2.MockTransport(self._answer))
        return sdk.Anthropic(api_key="none", base_url="http://localhost", http_client=http, max_retries=0)

    def _answer(self, request: Any) -> Any:
        self.requests.append(json.loads(request.content))
        assert self.steps, "a request beyond the script"
        return self.steps.pop(0)()

    def _stream(self, content: list[Block], error: Exception | None = None) -> Any:
        class Pieces(httpx2.SyncByteStream):  # type: ignore[misc, name-defined, unused-ignore]
            def __iter__(self) -> Iterator[bytes]:
                for event in content:
                    yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
                if error:
                    raise error

        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=Pieces())


def events(blocks: Any, stop: str | None, read: int, written: int) -> list[Block]:
    usage = {"input_tokens": read, "output_tokens": 1, "cache_read_input_tokens": None}
    message = {"id": "m", "type": "message", "role": "assistant", "model": "x", "content": [], "stop_reason": None}
    found: list[Block] = [{"type": "message_start", "message": {**message, "stop_sequence": None, "usage": usage}}]
    for index, block in enumerate(blocks):
        empty, delta = block, None
        if block["type"] == "text":
            empty, delta = {**block, "text": ""}, {"type": "text_delta", "text": block["text"]}
        elif block["type"] == "tool_use":
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            empty = {**block, "input": {}}
        found.append({"type": "content_block_start", "index": index, "content_block": empty})
        if delta:
            found.append({"type": "content_block_delta", "index": index, "delta": delta})
        found.append({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": stop, "stop_sequence": None}
    return [
        *found,
        {"type": "message_delta", "delta": ending, "usage": {"output_tokens": written}},
        {"type": "message_stop"},
    ]


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def work(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Let the agent work in a folder until its script ends; every step of the script must have been needed."""

    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # plugins of this machine are slow, and no matter here

    def work(**limits: int) -> Result:
        tools = Tools(Folder(tmp_path))
        model = Model(script.client(), "some-model", "You are tested.", tools.definitions)
        result = Agent(model, tools, Limits(**limits), lambda _: None).run("Do the task.")
        assert not script.steps, "steps of the script were left over"
        return result

    return work


def pairs_up(messages: list[Block]) -> None:
    """Hold a conversation to the rules of the API: roles in turn, and one result for each call, in the next message."""
    owed: list[str] = []
    for number, message in enumerate(messages):
        assert message["role"] == ("user", "assistant")[number % 2]
        assert message["content"]
        results = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        assert sorted(results) == sorted(owed)
        owed = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
    assert not owed


@pytest.fixture
def told(script: Script) -> Callable[[], list[Block]]:
    """The blocks that the model was told last, in a conversation that keeps the rules and only grew."""

    def told() -> list[Block]:
        for request in script.requests:
            pairs_up(request["messages"])
        blocks: list[Block] = script.requests[-1]["messages"][-1]["content"]
        return [{name: value for name, value in block.items() if name != "cache_control"} for block in blocks]

    return told
