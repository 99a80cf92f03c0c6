"""Exchanges as a text to read: what a scaffold and its model said to each other, in order, cut to a size.

Pure: from stored documents (`sandbox.broker.transcript`) to a string, and it never raises. What is in the text was said
by a model, a scaffold or the files it worked on; nobody vouches for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from sandbox.broker.transcript import SCHEMA

PIECE = 1_500
"""Characters of one piece (an answer, a call, a result) that are kept."""
_ERROR = re.compile(r"\b([A-Z][A-Za-z]{2,40}(?:Error|Exception|Warning))\b")


def render(documents: Sequence[bytes], most: int = 12_000) -> str:
    """Return the conversation in at most about `most` characters: its beginning, and more of its end."""
    pieces = [_set(shortened(f"{who}: {said}", PIECE)) for who, said in _conversation(documents)]
    text = "\n".join(pieces)
    return shortened(text, most, head=0.25)


def last_tool_error(documents: Sequence[bytes]) -> str:
    """Return the kind of the last error that a tool reported, such as `ModuleNotFoundError`, or nothing.

    A name by its form, so that no sentence of somebody else's gets through.
    """
    for who, said in reversed(list(_conversation(documents))):
        found = _ERROR.findall(said) if who.startswith("result") else []
        if found:
            return str(found[-1])
    return ""


def shortened(text: str, most: int, head: float = 0.5) -> str:
    """Return `text`, or its two ends with a note of what is missing between them."""
    if len(text) <= most:
        return text
    start = int(most * head)
    left_out = len(text) - most
    return f"{text[:start]}\n[... {left_out} characters left out ...]\n{text[len(text) - (most - start) :]}"


def _set(piece: str) -> str:
    """Set all lines of a piece in but its first: what one said never looks as if another had said it."""
    return "\n  ".join(piece.splitlines())


def _conversation(documents: Sequence[bytes]) -> Iterator[tuple[str, str]]:
    """Yield who said what. Each request repeats what was said before it; only what is new in it is told."""
    known = 0
    for document in documents:
        record = _parse(document)
        request, answer = record.get("request"), record.get("answer")
        messages = request.get("messages") if isinstance(request, dict) else None
        if isinstance(messages, list):
            if len(messages) < known:
                yield "note", "the scaffold shortened its history here"
                known = len(messages) - 1
            for message in messages[known:]:
                if isinstance(message, dict) and (message.get("role") != "assistant" or not known):
                    who = "model" if message.get("role") == "assistant" else "user"
                    yield from _blocks(who, message.get("content"))
            known = len(messages) + 1
        yield from _answer(answer if isinstance(answer, dict) else {})


def _answer(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    message, error = answer.get("message"), answer.get("error")
    if isinstance(message, dict):
        yield from _blocks("model", message.get("content"))
        if message.get("stop_reason") not in ("end_turn", "tool_use"):
            yield "note", f"the model stopped: {str(message.get('stop_reason'))[:40]}"
    if answer.get("events"):
        yield "note", "the answer broke off"
    if error is not None:
        yield "note", f"the call failed: {_json(error)}"


def _blocks(who: str, content: Any) -> Iterator[tuple[str, str]]:
    """Yield the blocks of one message. What a model thinks is left out: it is signed, long, and not always there."""
    for block in content if isinstance(content, list) else [{"type": "text", "text": content}]:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            yield who, str(block.get("text"))
        elif kind == "tool_use":
            yield f"{who} calls {str(block.get('name'))[:64]}", _json(block.get("input"))
        elif kind == "tool_result":
            failed = " (an error)" if block.get("is_error") else ""
            yield f"result{failed}", _plain(block.get("content"))


def _plain(content: Any) -> str:
    """Return the texts of a result."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(str(block.get("text", "")) for block in blocks if isinstance(block, dict))


def _parse(document: bytes) -> dict[str, Any]:
    try:
        record = json.loads(document)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) and record.get("schema") == SCHEMA else {}


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    except RecursionError:
        return "(nested too deeply to be shown)"
