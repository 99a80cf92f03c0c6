"""The API key of the model: taken out of the environment before anything is started that could find it there."""

from __future__ import annotations

import os
from functools import cache

from agent.errors import Misuse

KEY_VARIABLE = "ANTHROPIC_API_KEY"


@cache
def take_key() -> str:
    """Return the API key, which is in the environment no more; empty when there is none."""
    return os.environ.pop(KEY_VARIABLE, "").strip()


def demand_key() -> str:
    """Return the API key. Raises `Misuse`, which does not tell it, for one that no header can carry."""
    key = take_key()
    if not (key.isascii() and key.isprintable()):
        raise Misuse(f"{KEY_VARIABLE} is no key", why="it holds characters that no key has", mend="Copy it again")
    return key
