"""A model that says what a script has for it, strict about what it is asked, beside one run of the scaffold.

    python model_server.py [OPTION ...] < task      with `script.json` and the folder `work` beside it

It serves the Messages API on a unix socket, runs `python -P -m scaffold solve OPTION ...` in `work`, passes its input and
output on, ends with its status, and leaves `seen.json`: the bodies of the requests, and what was wrong with them. A step
of the script is a message (`say`, `stop`, `written`), a stream that breaks off (`cut`), or an error (`status`, `kind`).
With `repeat` the last step is said again and again.
"""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

Block = dict[str, Any]
FIELDS = {
    "cache_control", "max_tokens", "messages", "model", "output_config", "stop_sequences", "stream", "system", "thinking",
    "tool_choice", "tools",
}  # fmt: skip


class Talk:
    """What is said, and what was asked."""

    def __init__(self, script: dict[str, Any]) -> None:
        self._steps = list(script["steps"])
        self._repeat = script.get("repeat", False)
        self._said: list[list[Block]] = []
        self._lock = threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.complaints: list[str] = []

    def next(self, path: str, content: bytes) -> dict[str, Any]:
        """Return the step that answers a request."""
        with self._lock:
            body = json.loads(content)
            self.complaints += [f"request {len(self.requests)}: {said}" for said in self._wrong(path, body)]
            self.requests.append(body)
            if not self._steps:
                self.complaints.append("a request beyond the script")
                return {"status": 400, "kind": "invalid_request_error"}
            step: dict[str, Any] = self._steps[0] if self._repeat and len(self._steps) == 1 else self._steps.pop(0)
            self._said.append(step.get("say", []))
            return step

    def end(self) -> dict[str, Any]:
        """Return what was seen."""
        if self._steps and not self._repeat:
            self.complaints.append(f"{len(self._steps)} steps were left over")
        return {"requests": self.requests, "complaints": self.complaints}

    def _wrong(self, path: str, body: dict[str, Any]) -> list[str]:
        """Say what the API would not take, or what would cost more than it must."""
        messages = body["messages"]
        marks = [block for block in blocks_of(body) if "cache_control" in block]
        found = {
            "it does not ask for a stream of a message": path != "/v1/messages" or body.get("stream") is not True,
            f"unknown fields {sorted(set(body) - FIELDS)}": set(body) - FIELDS,
            "the model is another": body["model"] != "some-model",
            "a tool is not one of the client's own": any("input_schema" not in tool for tool in body["tools"]),
            "too many marks for the cache": len(marks) > 4,
            "no mark at the end for the cache": "cache_control" not in messages[-1]["content"][-1],
            "calls and results do not pair up": not pairs_up(messages),
            "what the model said was changed": not all(self._was_said(message) for message in messages),
        }
        if self.requests:
            before = self.requests[-1]
            found["tools or system changed"] = any(body[name] != before[name] for name in ("tools", "system"))
            grown = flat(messages)[: len(flat(before["messages"]))] == flat(before["messages"])
            found["it neither goes on nor begins anew"] = not grown and len(messages) > 1
        return [said for said, is_so in found.items() if is_so]

    def _was_said(self, message: dict[str, Any]) -> bool:
        """Whether it is the user's, or was said so; arguments too large to be sent back may have been taken out."""
        if message["role"] != "assistant":
            return True
        small = [[b | {"input": {}} if len(str(b)) > 1_000_000 else b for b in said] for said in self._said]
        return message["content"] in small


def blocks_of(body: dict[str, Any]) -> list[Block]:
    """Return all blocks of a request that a mark may stand in."""
    system = body.get("system", [])
    return [*body["tools"], *system, *(block for message in body["messages"] for block in message["content"])]


def flat(messages: list[dict[str, Any]]) -> list[Any]:
    """Return the blocks of a conversation in order, without marks."""
    return [
        (message["role"], {name: value for name, value in block.items() if name != "cache_control"})
        for message in messages
        for block in message["content"]
    ]


def pairs_up(messages: list[dict[str, Any]]) -> bool:
    """Whether roles take turns and each call has exactly one result, in the very next message."""
    owed: list[str] = []
    for number, message in enumerate(messages):
        results = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        if message["role"] != ("user", "assistant")[number % 2] or sorted(results) != sorted(owed):
            return False
        owed = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
    return not owed and bool(messages[-1]["content"])


def events(step: dict[str, Any]) -> list[Block]:
    """Return a message as the events of a stream; one that breaks off lacks the last two."""
    blocks = step.get("say", step.get("cut", []))
    start = {"id": "msg_1", "type": "message", "role": "assistant", "model": "some-model", "content": [],
             "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}}  # fmt: skip
    found: list[Block] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(blocks):
        empty, delta = block, None
        if block["type"] == "text":
            empty, delta = block | {"text": ""}, {"type": "text_delta", "text": block["text"]}
        elif block["type"] == "tool_use":
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            empty = block | {"input": {}}
        found.append({"type": "content_block_start", "index": index, "content_block": empty})
        if delta:
            found.append({"type": "content_block_delta", "index": index, "delta": delta})
        found.append({"type": "content_block_stop", "index": index})
    if "cut" in step:
        return found
    ending = {"stop_reason": step.get("stop", "tool_use"), "stop_sequence": None}
    usage = {"output_tokens": step.get("written", 5)}
    return [*found, {"type": "message_delta", "delta": ending, "usage": usage}, {"type": "message_stop"}]


class Handler(BaseHTTPRequestHandler):
    """Answers requests on the socket."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        """A unix socket has no address."""
        return "client"

    def do_POST(self) -> None:
        """Answer one request."""
        step = self.server.talk.next(self.path, self.rfile.read(int(self.headers["content-length"])))
        if "status" in step:
            error = {"type": "error", "error": {"type": step["kind"], "message": "scripted"}}
            self._send(step["status"], "application/json", json.dumps(error).encode())
        else:
            stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events(step))
            self._send(200, "text/event-stream", stream.encode())

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Server(ThreadingMixIn, UnixStreamServer):
    """Listens on the socket."""

    daemon_threads = True

    def __init__(self, path: str, talk: Talk) -> None:
        self.talk = talk
        super().__init__(path, Handler)


def main() -> int:
    """Serve while the scaffold works."""
    talk = Talk(json.loads(Path("script.json").read_bytes()))
    Path("work").mkdir(exist_ok=True)
    given = {"SCAFFOLD_MODEL": "some-model", "SCAFFOLD_SOCKET": str(Path("model.sock").absolute())}
    with Server("model.sock", talk) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        argv = [sys.executable, "-P", "-m", "scaffold", "solve", *sys.argv[1:]]
        done = subprocess.run(argv, cwd="work", env={**os.environ, **given}, check=False)
        server.shutdown()
    Path("seen.json").write_text(json.dumps(talk.end()))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
