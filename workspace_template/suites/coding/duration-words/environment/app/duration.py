"""Durations as people write them."""

import re

SECONDS = {"h": 3600, "m": 60, "s": 1}


def read(text):
    """Return the seconds of a duration such as `1h30m`: numbers with units, each unit once at most, the greatest first.

    Raises ValueError for anything else.
    """
    match = re.fullmatch("".join(f"(?:([0-9]+){unit})?" for unit in SECONDS), text)
    if not text or match is None:
        raise ValueError(f"no duration: {text!r}")
    return sum(int(number or 0) * seconds for number, seconds in zip(match.groups(), SECONDS.values(), strict=True))
