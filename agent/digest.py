"""Digests and canonical bytes: the one way in which anything is named by its content."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from pydantic import BaseModel

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
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError(f"canonical JSON holds no floats, got {value!r}")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
