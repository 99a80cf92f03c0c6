#!/bin/bash
# The oracle's answer.
set -eu
cd /app
cat > duration.py <<'EOF'
"""Durations as people write them."""

import re

SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}


def read(text):
    """Return the seconds of a duration such as `1h30m`: numbers with units, each unit once at most, the greatest first.

    A `-` in front makes it negative. Raises ValueError for anything else.
    """
    size = text.removeprefix("-")
    match = re.fullmatch("".join(f"(?:([0-9]+){unit})?" for unit in SECONDS), size)
    if not size or match is None:
        raise ValueError(f"no duration: {text!r}")
    total = sum(int(number or 0) * seconds for number, seconds in zip(match.groups(), SECONDS.values(), strict=True))
    return -total if size != text else total


def show(seconds):
    """Return a whole number of seconds as `read` reads it, without units of which there are none."""
    rest, text = abs(seconds), ""
    for unit, size in SECONDS.items():
        number, rest = divmod(rest, size)
        text += f"{number}{unit}" if number else ""
    return f"{'-' if seconds < 0 else ''}{text or '0s'}"
EOF
