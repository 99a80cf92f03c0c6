"""An upstream that answers as it was answered before: exchanges of an earlier trial, by what was asked.

What was not asked then has no answer now, and says that the trial went another way.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.broker.refusal import KINDS, Refusal
from sandbox.broker.transcript import canonical, digest_of, redacted
from sandbox.broker.upstream import Reply

DIVERGED = "replay_diverged"


class Recording:
    """Answers each request with the answers that the same request had, in their order."""

    def __init__(self, documents: Sequence[bytes]) -> None:
        """`documents`: stored exchanges (`sandbox.broker.transcript`) of one trial, in order."""
        self._guard = threading.Lock()
        self._answers: dict[str, deque[_Recorded]] = defaultdict(deque)
        for record in map(json.loads, documents):
            if record["request"] is not None and (found := _recorded(record["answer"])) is not None:
                self._answers[_name(record["path"], record["request"])].append(found)
        self.strangers = 0
        """Requests so far that were not made when this was recorded, or not so often."""

    @property
    def unasked(self) -> int:
        """Recorded answers that nobody has asked for yet."""
        with self._guard:
            return sum(map(len, self._answers.values()))

    @asynccontextmanager
    async def open(self, path: str, body: bytes, attempt: int) -> AsyncIterator[Reply]:
        """Answer a request, or refuse it as one that was never made."""
        del attempt  # nothing is tried again: there is one answer to each
        with self._guard:
            known = self._answers[_name(path, json.loads(body))]
            answer = known.popleft() if known else None
            if answer is None:
                self.strangers += 1
        if answer is None:
            refusal = Refusal(400, "this was not asked when the trial was recorded", DIVERGED)
            answer = _Recorded(400, "application/json", refusal.body())
        yield answer

    async def close(self) -> None:
        """There is nothing to give back."""


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A reply that is there as a whole."""

    status: int
    kind: str
    content: bytes = field(repr=False)

    @property
    def headers(self) -> Mapping[str, str]:
        return {"content-type": self.kind}

    async def pieces(self) -> AsyncIterator[bytes]:
        yield self.content


def _name(path: str, request: Mapping[str, Any]) -> str:
    """Name a request by what of it was kept: secrets were taken out, so they are here as well."""
    return digest_of(path.encode() + b" " + redacted(canonical(request).decode("utf-8"), "").encode("utf-8"))


def _recorded(answer: Mapping[str, Any]) -> _Recorded | None:
    """Return the reply that a stored answer was; None for one that never came to its end."""
    if "message" in answer:
        return _Recorded(200, "application/json", canonical(answer["message"]))
    if "error" in answer:
        if "status" in answer:  # refused by the broker itself, which will do so again
            return None
        kind = answer["error"].get("error", {}).get("type")
        status = next((status for status, name in KINDS.items() if name == kind), 500)
        return _Recorded(status, "application/json", canonical(answer["error"]))
    events = answer.get("events", [])
    if not events or events[-1]["type"] != "message_stop":
        return None
    said = b"".join(b"event: " + event["type"].encode() + b"\ndata: " + canonical(event) + b"\n\n" for event in events)
    return _Recorded(200, "text/event-stream", said)
