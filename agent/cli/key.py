"""The API key of the model: taken out of the environment before anything is started that could find it there."""

from __future__ import annotations

import os
from functools import cache

KEY_VARIABLE = "ANTHROPIC_API_KEY"


@cache
def take_key() -> str:
    """Return the API key, which is in the environment no more; empty when there is none."""
    return os.environ.pop(KEY_VARIABLE, "")
