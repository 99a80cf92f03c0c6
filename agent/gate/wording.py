"""Facts and parameters as text for a person: what the `deny` sentences of the law are made of.

Text that the candidate chose is shown in plain ASCII with everything else escaped, so that a file name can neither
imitate another nor move the cursor of a terminal.
"""

from __future__ import annotations

from typing import Any

from agent.gate.hidden import in_ascii

SHOWN = 5
"""Entries of a list that a sentence names; the rest are counted."""

MAX_ENTRY = 160


def worded(value: Any, name: str = "") -> Any:
    """Return plain data with every leaf as text, lists of text as one text, and other lists as lists of such maps.

    A number whose name ends in `_ppm` becomes a signed share with four decimals: 52300 reads +0.0523. One that ends in
    `_ppb` is an error, and keeps all of its decimals: 2500000 reads 0.0025.
    """
    if isinstance(value, dict):
        return {key: worded(item, key) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [worded(item) for item in value] if any(isinstance(i, dict) for i in value) else _listed(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return share(value) if name.endswith("_ppm") else chance(value) if name.endswith("_ppb") else str(value)
    return _short(value)


def share(ppm: int) -> str:
    """Write parts per million as a signed share with four decimals, rounded towards zero."""
    sign = "-" if ppm < 0 else "+"
    return f"{sign}{abs(ppm) // 1_000_000}.{abs(ppm) % 1_000_000 // 100:04d}"


def chance(ppb: int) -> str:
    """Write billionths as a share, exactly: no error is rounded away."""
    return f"{ppb // 1_000_000_000}.{ppb % 1_000_000_000:09d}".rstrip("0").rstrip(".") or "0"


def _listed(items: list[Any] | tuple[Any, ...]) -> str:
    text = ", ".join(_short(str(item)) for item in items[:SHOWN])
    return f"{text} and {len(items) - SHOWN} more" if len(items) > SHOWN else text or "none"


def _short(text: str) -> str:
    shown = in_ascii(text)
    return shown if len(shown) <= MAX_ENTRY else shown[: MAX_ENTRY - 3] + "..."
