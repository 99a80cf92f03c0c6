"""What the broker adds to a call, beside direct HTTP to the same upstream, in turn in one run."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.measure import Measure, median
from sandbox.broker.broker import Broker
from sandbox.broker.journal import FileJournal
from sandbox.broker.ledger import Budget, Budgets, Ledger
from sandbox.broker.rules import BrokerConfig, Policy
from sandbox.broker.transcript import FolderTranscripts
from sandbox.broker.usage import Price

CALLS = 300
STREAMS = 100
MODEL = "bench"
HISTORY = 20
"""Turns of a conversation that stand in each request, of `TURN` characters each: an agent in the middle of its work."""
TURN = 1_000

OF_A_CALL = 4.4
"""What 2 ms are of a direct call on the machine where that goal was set: it took 0.45 ms there (decision 0030)."""

PAUSE = 0.003
"""Seconds before each call: what is written down after an answer is over by then, as it is when an agent works."""


def measures() -> list[Measure]:
    """`broker.added_ms_p50` and the same as a share of a direct call, `broker.first_token_ms`, `broker.stream_errors`.

    Client, broker and upstream are a process each, as they are in use, and calls come with a pause before them.
    """
    with tempfile.TemporaryDirectory() as place, _program("upstream") as port, _program("broker", port, place) as path:
        direct, through = _Caller(lambda: _tcp(int(port))), _Caller(lambda: _unix(path))
        whole = _compared(direct, through, stream=False)
        first = _compared(direct, through, stream=True)
        errors = _errors(lambda: _unix(path))
    against = "direct HTTP to the same upstream, {} ms"
    return [
        Measure("broker.added_ms_p50", whole[0], "ms", "<= 2", against.format(whole[1]), CALLS),
        Measure(
            "broker.added_per_call", round(whole[0] / whole[1], 2), "ratio", f"<= {OF_A_CALL}",
            "the direct call of the line above; 2 ms are so much of one on the machine where that goal was set", CALLS,
        ),
        Measure("broker.first_token_ms", first[0], "ms", "<= 5", against.format(first[1]), CALLS),
        Measure("broker.stream_errors", errors, "streams", "= 0", f"{STREAMS} streams at once", STREAMS),
    ]  # fmt: skip


def _compared(direct: _Caller, through: _Caller, *, stream: bool) -> tuple[float, float]:
    """Return the median of what the broker adds, pair by pair, and of the direct call, in milliseconds."""
    for caller in (direct, through) * 10:  # caches fill, connections open
        caller.ask(stream=stream)
    pairs = [(direct.ask(stream=stream), through.ask(stream=stream)) for _ in range(CALLS)]
    return median([(b - a) * 1000 for a, b in pairs]), median([a * 1000 for a, _ in pairs])


def _errors(connect: Callable[[], socket.socket]) -> int:
    """Return how many of the streams at once did not end as they must."""

    def one(_: int) -> bool:
        caller = _Caller(connect)
        try:
            caller.ask(stream=True)
        except (OSError, http.client.HTTPException):
            return False
        return caller.last.endswith(b'message_stop"}\n\n')

    with ThreadPoolExecutor(STREAMS) as pool:
        return STREAMS - sum(pool.map(one, range(STREAMS)))


class _Caller:
    """A client with one connection that it keeps, as small as can be: what it costs is no part of the measure."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self._connection = http.client.HTTPConnection("localhost")
        self._connection.sock = connect()
        self.last = b""

    def ask(self, *, stream: bool) -> float:
        """Make a call; return the seconds until the answer, or until its first content."""
        messages = [{"role": ("user", "assistant")[n % 2], "content": "x" * TURN} for n in range(HISTORY + 1)]
        body = json.dumps({"model": MODEL, "max_tokens": 1_000, "messages": messages, "stream": stream})
        headers = {"content-type": "application/json"}
        time.sleep(PAUSE)
        started = time.perf_counter()
        self._connection.request("POST", "/v1/messages", body, headers)
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise http.client.HTTPException(answer.read())
        content = answer.read1(65_536) if stream else answer.read()
        while stream and b"content_block_delta" not in content:
            content += answer.read1(65_536)
        took = time.perf_counter() - started
        self.last = content + answer.read()
        return took


def _tcp(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _unix(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.connect(path)
    return made


@contextmanager
def _program(*argv: str) -> Iterator[str]:
    """Run a part of the bench in a process of its own; yield the line that it says when it is ready."""
    line = [sys.executable, "-m", "bench.broker", *argv]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.communicate()  # its input ends, and so does it


def _serve(port: str, place: str) -> None:
    """Be the broker, with all that it keeps, until the input ends."""
    folder = Path(place)
    config = BrokerConfig(Policy(frozenset({MODEL})), f"http://127.0.0.1:{port}")
    budgets = Budgets(run=Budget(tokens=10**12, micro_usd=10**12))
    ledger = Ledger(budgets, FileJournal(folder / "spent.jsonl"))
    prices = {MODEL: Price(4_000_000, 20_000_000, 5_000_000, 8_000_000, 200_000)}
    kept = FolderTranscripts(folder / "exchanges")
    with Broker(config, "key", ledger, kept, prices=prices) as broker, broker.serve(folder / "door", "c") as door:
        print(door.path, flush=True)
        sys.stdin.read()


USAGE = {"input_tokens": 10, "output_tokens": 20}
MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": MODEL, "stop_reason": "end_turn",
    "stop_sequence": None, "usage": USAGE,
}  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word "}} for _ in range(20)),
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 20},
    },
    {"type": "message_stop"},
]


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one connection: as little as an upstream can do."""
    with suppress(asyncio.CancelledError):
        await _answer_each(reader, writer)


async def _answer_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    whole = json.dumps({**MESSAGE, "content": [{"type": "text", "text": "word " * 20}]}).encode()
    while head := await reader.read(1):
        head += await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        body = await reader.readexactly(length)
        if b'"stream":true' not in body.replace(b" ", b"")[-40:]:
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(whole)
            )
            writer.write(whole)
            continue
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for event in EVENTS:
            piece = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await asyncio.sleep(0.0005)
        writer.write(b"0\r\n\r\n")


async def _answer_all() -> None:
    """Be the upstream until the input ends."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, limit=2**20)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    if sys.argv[1] == "broker":
        _serve(*sys.argv[2:])
    else:
        asyncio.run(_answer_all())
