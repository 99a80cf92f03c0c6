"""The API keys of models: taken out of the environment before anything is started that could find them there."""

from __future__ import annotations

import os
from functools import cache

from agent.errors import Misuse

KEY_VARIABLE = "ANTHROPIC_API_KEY"
MONITOR_KEY_VARIABLE = "SUCCESSOR_MONITOR_KEY"


@cache
def take_key(variable: str) -> str:
    """Return an API key, which is in the environment no more; empty when there is none.

    `variable` has no default: what is remembered of a call without it would not be found by one with it.
    """
    return os.environ.pop(variable, "").strip()


def demand_key(variable: str = KEY_VARIABLE) -> str:
    """Return an API key. Raises `Misuse`, which does not tell it, for one that no header can carry."""
    key = take_key(variable)
    if not (key.isascii() and key.isprintable()):
        raise Misuse(f"{variable} is no key", why="it holds characters that no key has", mend="Copy it again")
    return key
