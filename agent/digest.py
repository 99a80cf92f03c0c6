"""Digests and canonical bytes: the one way in which anything is named by its content."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from pydantic import BaseModel
from pydantic_core import from_json, to_json

_LEAVES = frozenset({str, int, bool, type(None)})
_SORTED: set[tuple[str, ...]] = set()
"""Orders of keys that were found sorted: few forms of objects make up a whole history."""
_MOST_SORTED = 10_000
_FORM = re.compile(r"sha256:[0-9a-f]{64}")


def sha256(content: bytes) -> str:
    """Name `content` by its SHA-256, as `sha256:` and 64 hexadecimal digits."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def is_digest(text: str) -> bool:
    """Whether `text` has exactly the form that `sha256` gives."""
    return _FORM.fullmatch(text) is not None


def canonical_json(value: Any) -> bytes:
    """Return the one byte form of a JSON value: keys sorted, no spaces, UTF-8, floats refused.

    Accepts a pydantic model or plain data. Floats are refused because two writers may print them differently;
    quantities are integers (parts per million, counts, milliseconds) everywhere they are signed.
    """
    plain = value.model_dump(mode="json", by_alias=True) if isinstance(value, BaseModel) else value
    _refuse_floats(plain)
    return _written(plain)


def is_canonical(content: bytes) -> bool:
    """Whether bytes are JSON in the form that `canonical_json` gives. Raises `ValueError` when they are no JSON."""
    return read_canonical(content) is not None or _written(_DECODER.decode(content.decode("utf-8"))) == content


def read_canonical(content: bytes) -> Any | None:
    """Return what canonical JSON says, or `None` when it is not, or holds what only `is_canonical` can tell.

    The quick way: what a parser reads is written again in the order that was read. Equal bytes mean one spelling of
    everything and no key twice; that keys are sorted and no number is a float is then seen on what was read.
    """
    try:
        plain = from_json(content, allow_inf_nan=False)
        return plain if to_json(plain) == content and _is_plain(plain) else None
    except (ValueError, TypeError, RecursionError):
        return None


def _is_plain(value: Any) -> bool:
    """Whether keys are sorted all the way down, and leaves are texts, integers, booleans and nulls."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        kind = type(here)
        if kind is dict:
            keys = tuple(here)
            if keys not in _SORTED and not _is_sorted(keys):
                return False
            here = here.values()
        elif kind is not list:
            if kind not in _LEAVES:
                return False
            continue
        if not _LEAVES.issuperset(map(type, here)):
            waiting += [item for item in here if type(item) not in _LEAVES]
    return True


def _is_sorted(keys: tuple[str, ...]) -> bool:
    if list(keys) != sorted(keys):
        return False
    if len(_SORTED) < _MOST_SORTED:
        _SORTED.add(keys)
    return True


def _written(plain: Any) -> bytes:
    return _ENCODER.encode(plain).encode()


def _no_float(text: str) -> float:
    raise ValueError(f"canonical JSON holds no floats, got {text[:40]!r}")


# Made once: a long history has millions of documents.
_DECODER = json.JSONDecoder(parse_float=_no_float)
_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError(f"canonical JSON holds no floats, got {value!r}")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        if type(item) not in _LEAVES:
            _refuse_floats(item)
