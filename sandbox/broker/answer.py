"""What an upstream may answer: a message, or the events of one. Pure; nothing an upstream sends is believed unread.

A message without a stop reason is no message: something was cut, and its tools must never run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.broker.policy import deeper_than, finite
from sandbox.broker.usage import Usage, usage_of

MOST_DEPTH = 200
"""How deeply an answer may nest: far from where writing it down again would fail."""
MOST_DIGITS = 300

_PIECES = {"text_delta": "text", "input_json_delta": "partial_json", "thinking_delta": "thinking",
           "signature_delta": "signature"}  # fmt: skip
"""Kind of delta -> its field. Pieces of one kind that follow one another say the same as one."""

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")
"""Line ends can only be white space in JSON, and would end the event that carries it."""


class BadAnswer(Exception):
    """The upstream did not answer as the API does."""


class Unfit(BadAnswer):
    """What the model said is JSON that can be neither passed on nor kept: whoever asked for it gets no answer."""


class ErrorEvent(Exception):
    """The upstream ended its stream with an error of its own."""

    def __init__(self, document: Any) -> None:
        super().__init__("the upstream reported an error within the stream")
        self.document = document


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: its name, and the JSON that came with it."""

    name: str
    data: bytes

    def encoded(self) -> bytes:
        """The event as it is sent on."""
        return b"event: " + self.name.encode() + b"\ndata: " + self.data + b"\n\n"


class Lines:
    """Cuts bytes into server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    Only `event` and `data` are read: the API sends nothing else. An event of more than `cap` bytes is refused.
    """

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._rest: list[bytes] = []
        self._size = 0
        """Bytes of the line and of the event that are not whole yet."""
        self._name = ""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> Iterator[tuple[str, bytes]]:
        """Take what came; yield each event that is now whole."""
        first, *lines = piece.split(b"\n")
        self._rest.append(first)
        self._size += len(piece)
        if lines:
            lines.insert(0, b"".join(self._rest))
            self._rest = [lines.pop()]
        for line in lines:
            found = self._take(line.removesuffix(b"\r"))
            if found is not None:
                yield found
        if self._size > self._cap:
            raise BadAnswer(f"an event is longer than {self._cap} bytes")

    def _take(self, line: bytes) -> tuple[str, bytes] | None:
        if not line:
            found = (self._name, b"\n".join(self._data)) if self._data else None
            self._name, self._data = "", []
            self._size = sum(map(len, self._rest))
            return found
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._name = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)
        return None


class Said:
    """The events of a stream as they are kept: pieces of one block that follow one another are joined."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._pieces: list[str] = []
        self._field = ""

    def add(self, value: dict[str, Any]) -> None:
        """Keep an event."""
        delta = value.get("delta", {})
        last = self._events[-1] if self._events else {}
        if self._pieces and delta.get("type") == last["delta"]["type"] and value.get("index") == last["index"]:
            self._pieces.append(delta[self._field])
            return
        self._join()
        self._events.append(value)
        if value["type"] == "content_block_delta" and str(delta.get("type")) in _PIECES:
            self._field = _PIECES[delta["type"]]
            self._pieces = [delta[self._field]]

    def events(self) -> list[dict[str, Any]]:
        """Return what was kept so far."""
        self._join()
        return list(self._events)

    def _join(self) -> None:
        if self._pieces:
            self._events[-1]["delta"][self._field] = "".join(self._pieces)
            self._pieces = []


@dataclass
class Reading:
    """The state of one stream: checks the order of its events, counts, and keeps what was said."""

    said: Said = field(default_factory=Said)
    usage: Usage = field(default_factory=Usage)
    started: bool = False
    content: bool = False
    """Whether anything came that says something."""
    ended: bool = False
    seen: int = 0
    """Bytes of text, input and thinking that came."""
    hidden: bool = False
    """Whether the model may have thought what is not shown."""
    _stop_reason: str | None = None
    _open: int | None = None
    _next: int = 0

    def take(self, name: str, data: bytes) -> Event | None:
        """Read one event; return it if it is to be passed on. Raises `BadAnswer` or `ErrorEvent`."""
        if name == "ping":
            return Event(name, b'{"type": "ping"}')
        value = _json_object(data)
        if name == "error":
            raise ErrorEvent(value)
        if value.get("type") != name or self.ended:
            raise BadAnswer(f"an event {name[:40]!r} does not belong here")
        check = _STEPS.get(name)
        if check is None:
            return None  # newer than this broker, and so than what the sandbox may rely on
        check(self, value)
        self.said.add(value)
        return Event(name, data.translate(_ONE_LINE))

    def end(self) -> None:
        """Say that nothing more comes. Raises `BadAnswer` unless the message is whole."""
        if not self.ended:
            raise BadAnswer("the stream ended before the message did")

    def _start(self, value: Mapping[str, Any]) -> None:
        message = value.get("message")
        if self.started or not isinstance(message, dict):
            raise BadAnswer("a stream starts with one message")
        _check_message(message)
        if message["content"]:
            raise BadAnswer("a stream starts with an empty message")
        self.started = True
        self.usage = usage_of(message["usage"])

    def _open_block(self, value: Mapping[str, Any]) -> None:
        block = value.get("content_block")
        if not self.started or self._open is not None or value.get("index") != self._next:
            raise BadAnswer("a content block starts out of order")
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise BadAnswer("a content block has no type")
        self.content = True
        self._open = self._next
        self._next += 1
        self.hidden = self.hidden or block["type"] in ("thinking", "redacted_thinking")
        self.seen += len(str(block.get("text", ""))) + len(str(block.get("data", "")))

    def _add(self, value: Mapping[str, Any]) -> None:
        delta = value.get("delta")
        if self._open is None or value.get("index") != self._open or not isinstance(delta, dict):
            raise BadAnswer("a delta belongs to no open content block")
        name = _PIECES.get(str(delta.get("type")))
        if name is not None:
            if not isinstance(delta.get(name), str):
                raise BadAnswer("a delta holds no text")
            self.seen += len(delta[name].encode("utf-8", "replace"))

    def _close_block(self, value: Mapping[str, Any]) -> None:
        if self._open is None or value.get("index") != self._open:
            raise BadAnswer("a content block ends that is not open")
        self._open = None

    def _turn(self, value: Mapping[str, Any]) -> None:
        delta, usage = value.get("delta"), value.get("usage")
        if not self.started or self._open is not None or not isinstance(delta, dict) or not isinstance(usage, dict):
            raise BadAnswer("the end of the message is out of order")
        self.content = True
        self.usage = usage_of(usage, self.usage)
        if isinstance(delta.get("stop_reason"), str):
            self._stop_reason = delta["stop_reason"]

    def _stop(self, _: Mapping[str, Any]) -> None:
        if self._open is not None or self._stop_reason is None:
            raise BadAnswer("the message stops without a stop reason")
        self.ended = True


def whole_message(content: bytes) -> tuple[dict[str, Any], Usage]:
    """Read the body of an answer that is not streamed. Raises `BadAnswer` unless it is one whole message."""
    message = _json_object(content)
    _check_message(message)
    if not isinstance(message.get("stop_reason"), str):
        raise BadAnswer("the message has no stop reason: it was cut")
    if not all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in message["content"]):
        raise BadAnswer("a content block has no type")
    return message, usage_of(message["usage"])


def whole_count(content: bytes) -> dict[str, Any]:
    """Read the answer to a request for a count of tokens."""
    counted = _json_object(content)
    if type(counted.get("input_tokens")) is not int:
        raise BadAnswer("the count of tokens is no whole number")
    return counted


def _check_message(message: Mapping[str, Any]) -> None:
    fits = (
        message.get("type") == "message"
        and message.get("role") == "assistant"
        and isinstance(message.get("id"), str)
        and isinstance(message.get("model"), str)
        and isinstance(message.get("content"), list)
        and isinstance(message.get("usage"), dict)
        and type(message["usage"].get("input_tokens")) is int
        and type(message["usage"].get("output_tokens")) is int
    )
    if not fits:
        raise BadAnswer("what came is not a message")


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content, parse_float=_finite, parse_int=_whole, parse_constant=_finite)
    except ValueError as error:
        raise BadAnswer("what came is not JSON") from error
    except RecursionError as error:
        is_object = content.lstrip()[:1] == b"{"
        raise Unfit("it is nested too deeply") if is_object else BadAnswer("what came is not JSON") from error
    if not isinstance(value, dict):
        raise BadAnswer("what came is not a JSON object")
    if deeper_than(MOST_DEPTH, value):
        raise Unfit("it is nested too deeply")
    return value


def _finite(text: str) -> float:
    try:
        return finite(text)
    except ValueError as error:
        raise Unfit(str(error)) from error


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise Unfit("a number is too long")
    return int(text)


_STEPS: Mapping[str, Callable[[Reading, Mapping[str, Any]], None]] = {
    "message_start": Reading._start,
    "content_block_start": Reading._open_block,
    "content_block_delta": Reading._add,
    "content_block_stop": Reading._close_block,
    "message_delta": Reading._turn,
    "message_stop": Reading._stop,
}
"""Every event that the SDK knows, and what it means for the stream it stands in."""
