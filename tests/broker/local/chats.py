"""A scripted server of chat completions on a unix socket, as llama.cpp answers: what the shim is held to from below.

What a request breaks (no Bearer key, roles that do not alternate, unknown fields) is answered with a 400 and kept in
`complaints`, and so are a request beyond the script and a step that was left over.
"""

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

FIELDS = {"messages", "max_tokens", "temperature", "chat_template_kwargs", "response_format"}


def call(tool: str, **given: Any) -> str:
    return json.dumps({"tool": tool, "input": given})


def text(words: str) -> str:
    return json.dumps({"text": words})


@dataclass
class Chat:
    """A completion."""

    content: str | None
    finish: str = "stop"
    prompt: int = 30
    cached: int = 20
    output: int = 5

    def document(self) -> dict[str, Any]:
        usage = {
            "completion_tokens": self.output,
            "prompt_tokens": self.prompt,
            "total_tokens": self.prompt + self.output,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }
        choice = {"finish_reason": self.finish, "index": 0, "message": {"role": "assistant", "content": self.content}}
        return {"choices": [choice], "object": "chat.completion", "id": "chatcmpl-1", "usage": usage}


@dataclass
class Raw:
    """Any bytes under any status; `short` says that more would come, and hangs up."""

    body: bytes
    status: int = 200
    short: bool = False


@dataclass
class Hang:
    """Nothing, until the client has gone."""

    seconds: float = 20.0


def too_long(tokens: int = 3030, most: int = 2048) -> Raw:
    error = {"code": 400, "message": "x", "type": "exceed_context_size_error", "n_prompt_tokens": tokens, "n_ctx": most}
    return Raw(json.dumps({"error": error}).encode(), 400)


@dataclass
class Chats:
    """What the server will do, and what it saw."""

    steps: list[Chat | Raw | Hang]
    key: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    counts: list[dict[str, Any]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def complaint(self, headers: Any, body: dict[str, Any]) -> str | None:
        if headers.get("authorization") != f"Bearer {self.key}":
            return "authorization"
        if unknown := set(body) - FIELDS:
            return f"fields {sorted(unknown)}"
        roles = [message["role"] for message in body["messages"]]
        turns = roles[roles[0] == "system" :]
        if turns != ["user", "assistant"] * (len(turns) // 2) + ["user"]:
            return f"roles {roles}"
        if any(not message["content"] or set(message) != {"role", "content"} for message in body["messages"]):
            return "an empty message"
        return None

    def done(self) -> None:
        assert self.steps == []
        assert self.complaints == []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "ChatServer"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "client"

    def do_POST(self) -> None:
        chats = self.server.chats
        content = self.rfile.read(int(self.headers["content-length"]))
        body = json.loads(content)
        complaint = chats.complaint(self.headers, body)
        if complaint is None and not chats.steps and not self.path.endswith("input_tokens"):
            complaint = "a request beyond the script"
        if complaint:
            chats.complaints.append(complaint)
            self._send(400, json.dumps({"error": {"code": 400, "message": complaint, "type": "x"}}).encode())
        elif self.path == "/v1/chat/completions/input_tokens":
            chats.counts.append(body)
            self._send(200, b'{"input_tokens": 77, "object": "response.input_tokens"}')
        elif self.path == "/v1/chat/completions":
            chats.requests.append(body)
            chats.bodies.append(content)
            self._act(chats.steps.pop(0))
        else:
            chats.complaints.append(self.path)
            self._send(404, b"{}")

    def _act(self, step: Chat | Raw | Hang) -> None:
        match step:
            case Chat():
                self._send(200, json.dumps(step.document()).encode())
            case Raw():
                self._send(step.status, step.body, len(step.body) + step.short)
                self.close_connection = step.short
            case Hang():
                self._wait(step.seconds)

    def _wait(self, seconds: float) -> None:
        self.connection.settimeout(0.02)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with contextlib.suppress(TimeoutError):
                if self.connection.recv(1) == b"":
                    self.server.chats.gone.set()
                    break
        self.close_connection = True

    def _send(self, status: int, body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json; charset=utf-8")
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)


class ChatServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True

    def __init__(self, chats: Chats, path: Path) -> None:
        self.chats = chats
        super().__init__(str(path), Handler)

    def handle_error(self, *_: Any) -> None:
        """A client that leaves is no news."""


@contextlib.contextmanager
def serving(chats: Chats, path: Path):
    server = ChatServer(chats, path)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
