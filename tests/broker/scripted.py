"""A strict scripted server of the Messages API: what the broker is held to from above.

A script is a list of steps, one for each request that comes: a message, or a fault. What a request breaks is answered
with a 4xx and kept in `complaints`, and so are a request beyond the script and a step that was left over. The API is
that of the SDK's own types (2.14): Bearer, `anthropic-version: 2026-10-21`, no sampling parameters.
"""

import json
import secrets
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

# Another one in each process: tests look for it in all others of the machine, where other tests run.
KEY = f"sk-ant-api03-the-key-of-the-host-{secrets.token_hex(5)}"
FIELDS = {
    "max_tokens", "messages", "model", "cache_control", "container", "diagnostics", "inference_geo", "metadata",
    "output_config", "service_tier", "speed", "stop_sequences", "stream", "system", "thinking", "tool_choice", "tools",
    "user_profile_id", "workspace_id",
}  # fmt: skip
HEADERS = {
    "host", "connection", "content-length", "content-type", "accept", "accept-encoding", "user-agent", "authorization",
    "anthropic-version", "x-stainless-retry-count",
}  # fmt: skip
USAGE = {
    "input_tokens": 10,
    "output_tokens": 5,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def tool_use(name: str, given: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number:02}", "name": name, "input": given}


def thinking(words: str, signature: str = "c2lnbmVk") -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": signature}


@dataclass
class Say:
    """A message; `pause` seconds stand between its events."""

    content: list[dict[str, Any]]
    stop_reason: str | None = "end_turn"
    usage: dict[str, Any] = field(default_factory=lambda: dict(USAGE))
    stop_details: dict[str, Any] | None = None
    pause: float = 0.0
    pings: int = 0

    def message(self, model: str) -> dict[str, Any]:
        return {
            "id": "msg_01", "type": "message", "role": "assistant", "model": model, "content": self.content,
            "stop_reason": self.stop_reason, "stop_sequence": None, "stop_details": self.stop_details,
            "usage": self.usage,
        }  # fmt: skip

    def events(self, model: str) -> list[dict[str, Any]]:
        start = {**self.message(model), "content": [], "stop_reason": None, "usage": {**self.usage, "output_tokens": 1}}
        found: list[dict[str, Any]] = [{"type": "message_start", "message": start}]
        found += [{"type": "ping"}] * self.pings
        for index, block in enumerate(self.content):
            found += block_events(index, block)
        delta = {"stop_reason": self.stop_reason, "stop_sequence": None, "stop_details": self.stop_details}
        found.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": self.usage["output_tokens"]}})
        found.append({"type": "message_stop"})
        return found


def block_events(index: int, block: dict[str, Any]) -> list[dict[str, Any]]:
    kind = block["type"]
    if kind == "text":
        empty, deltas = {**block, "text": ""}, [("text_delta", "text", p) for p in halves(block["text"])]
    elif kind == "tool_use":
        deltas = [("input_json_delta", "partial_json", p) for p in halves(json.dumps(block["input"]))]
        empty = {**block, "input": {}}
    elif kind == "thinking":
        empty = {**block, "thinking": "", "signature": ""}
        deltas = [("thinking_delta", "thinking", p) for p in halves(block["thinking"]) if p]
        deltas.append(("signature_delta", "signature", block["signature"]))
    else:
        empty, deltas = block, []
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        *({"type": "content_block_delta", "index": index, "delta": {"type": t, f: p}} for t, f, p in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def halves(words: str) -> list[str]:
    middle = (len(words) + 1) // 2
    return [words[:middle], words[middle:]]


@dataclass
class Fail:
    """An error with a status, in the API's shape unless `body` says otherwise."""

    status: int
    kind: str = "api_error"
    message: str = "scripted"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    error_code: str | None = None


@dataclass
class Raw:
    """Any bytes as an answer with status 200."""

    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class CutAfter:
    """A stream that breaks after `events` events. `how`: close, reset, short, stall, error, or garbage."""

    say: Say
    events: int
    how: str = "close"
    stall: float = 30.0


@dataclass
class Hang:
    """Nothing for so many seconds, then the connection is closed."""

    seconds: float = 30.0


@dataclass
class Drop:
    """The connection is closed before any answer."""


Step = Say | Fail | Raw | CutAfter | Hang | Drop


class Script:
    """What the server will do, and what it saw."""

    def __init__(self, steps: list[Step], *, repeat: bool = False, counted: int = 7, verbatim: bool = True) -> None:
        self.steps = list(steps)
        self.repeat = repeat
        self.verbatim = verbatim and not repeat
        self.counted = counted
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.counts: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self.closed_early = threading.Event()
        self._said: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def next_step(self, body: dict[str, Any]) -> Step | None:
        with self._lock:
            if not self.steps:
                self.complaints.append("a request beyond the script")
                return None
            return self.steps[0] if self.repeat else self.steps.pop(0)

    def saw(self, headers: dict[str, str], body: dict[str, Any]) -> None:
        with self._lock:
            self.headers.append(headers)
            self.requests.append(body)

    def said(self, content: list[dict[str, Any]]) -> None:
        with self._lock:
            self._said.append(content)

    def done(self) -> None:
        """Hold the client to the script: nothing left over, nothing broken."""
        if self.steps and not self.repeat:
            self.complaints.append(f"{len(self.steps)} steps were left over")
        assert self.complaints == []

    def complaint(self, headers: dict[str, str], body: Any, path: str) -> tuple[int, str] | None:
        """Return status and message of what a request breaks."""
        if headers.get("authorization") != f"Bearer {KEY}":
            return 401, "authorization"
        if headers.get("anthropic-version") != "2026-10-21":
            return 400, "anthropic-version"
        if unknown := set(headers) - HEADERS:
            return 400, f"headers {sorted(unknown)}"
        if not isinstance(body, dict):
            return 400, "body"
        if unknown := set(body) - FIELDS:
            return 400, f"fields {sorted(unknown)}"
        if path == "/v1/messages" and type(body.get("max_tokens")) is not int:
            return 400, "max_tokens"
        return conversation_complaint(body["messages"]) or self._replay_complaint(body["messages"])

    def _replay_complaint(self, messages: list[dict[str, Any]]) -> tuple[int, str] | None:
        for message in messages:
            if message["role"] != "assistant" or isinstance(message["content"], str) or not self.verbatim:
                continue
            if message["content"] not in self._said:
                return 400, f"assistant content was not replayed verbatim: {message['content']}"
        return None


def conversation_complaint(messages: Any) -> tuple[int, str] | None:
    """Alternation, and every tool_use answered by exactly one tool_result in the very next turn."""
    if not isinstance(messages, list) or not messages or messages[0]["role"] != "user":
        return 400, "messages"
    if messages[-1]["role"] == "assistant":
        return 400, "prefill"
    owed: list[str] = []
    for before, message in zip([None, *messages], messages, strict=False):
        if before is not None and before["role"] == message["role"]:
            return 400, "roles alternate"
        blocks = message["content"] if isinstance(message["content"], list) else []
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(owed):
            return 400, f"tool results {results} for {owed}"
        owed = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if len(owed) != len(set(owed)):
            return 400, f"tool_use ids are not unique: {owed}"
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "TcpServer | UnixServer"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "client"  # on a unix socket there is no address to index

    def do_GET(self) -> None:
        self.server.script.complaints.append(f"GET {self.path}")
        self._fail(Fail(404, "not_found_error"))

    def do_POST(self) -> None:
        script = self.server.script
        content = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(content)
        if self.path not in ("/v1/messages", "/v1/messages/count_tokens"):
            script.complaints.append(f"POST {self.path}")
            self._fail(Fail(404, "not_found_error"))
            return
        complaint = script.complaint(headers, body, self.path)
        if complaint:
            script.complaints.append(complaint[1])
            self._fail(Fail(complaint[0], "invalid_request_error", complaint[1]))
        elif self.path.endswith("count_tokens"):
            script.counts.append(body)
            self._json({"input_tokens": script.counted})
        else:
            script.saw(headers, body)
            self._act(script.next_step(body), body)

    def _act(self, step: Step | None, body: dict[str, Any]) -> None:
        match step:
            case None:
                self._fail(Fail(400, "invalid_request_error", "beyond the script"))
            case Fail():
                self._fail(step)
            case Raw():
                self._send(200, step.content_type, step.body, step.headers)
            case Hang():
                time.sleep(step.seconds)
                self._hang_up()
            case Drop():
                self._hang_up()
            case Say() if not body.get("stream"):
                self.server.script.said(step.content)
                self._json(step.message(body["model"]))
            case Say():
                self._stream(step, body["model"])
            case CutAfter():
                self._cut(step, body)

    def _stream(self, step: Say, model: str) -> None:
        self.server.script.said(step.content)
        self._begin_stream()
        for event in step.events(model):
            self._event(event)
            if step.pause:
                time.sleep(step.pause)
        self.wfile.write(b"0\r\n\r\n")

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.send_header("request-id", "req_01")
        self.send_header("set-cookie", "a=b")
        self.end_headers()

    def _event(self, event: dict[str, Any]) -> None:
        self._chunk(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def _chunk(self, content: bytes) -> None:
        try:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
            self.wfile.flush()
        except OSError:
            self.server.script.closed_early.set()
            self.close_connection = True

    def _cut(self, step: CutAfter, body: dict[str, Any]) -> None:
        if not body.get("stream"):
            whole = json.dumps(step.say.message(body["model"])).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole[: len(whole) // 2])
            self._hang_up()
            return
        self._begin_stream()
        for event in step.say.events(body["model"])[: step.events]:
            self._event(event)
        if step.how == "close":  # a clean end of the body in the middle of the message
            self.wfile.write(b"0\r\n\r\n")
        elif step.how == "error":
            self._event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
            self.wfile.write(b"0\r\n\r\n")
        elif step.how == "garbage":
            self._chunk(b'event: content_block_delta\ndata: {"type": "content_block_de\n\n')
            self.wfile.write(b"0\r\n\r\n")
        elif step.how == "stall":
            time.sleep(step.stall)
            self._hang_up()
        elif step.how == "reset":
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._hang_up()
        else:  # short: no last chunk
            self._hang_up()

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.close()

    def _fail(self, step: Fail) -> None:
        error: dict[str, Any] = {"type": step.kind, "message": step.message}
        if step.error_code:
            error["details"] = {"error_code": step.error_code}
        body = json.dumps({"type": "error", "error": error}).encode() if step.body is None else step.body
        self._send(step.status, "application/json", body, step.headers)

    def _json(self, value: Any) -> None:
        self._send(200, "application/json", json.dumps(value).encode(), {})

    def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {
            "content-type": kind,
            "content-length": str(len(body)),
            "request-id": "req_01",
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class TcpServer(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, script: Script) -> None:
        self.script = script
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """A client that leaves is no news."""


class UnixServer(ThreadingMixIn, UnixStreamServer):
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, script: Script, path: str) -> None:
        self.script = script
        self.base_url = f"unix:{path}"
        super().__init__(path, Handler)

    def handle_error(self, *_: Any) -> None:
        """A client that leaves is no news."""
