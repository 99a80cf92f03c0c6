"""Tokens, as the API counts them, and what they cost. Integers only: tokens and micro-dollars."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

MILLION = 1_000_000
_BASE_TOKENS = 4_000
_TOKENS_PER_IMAGE = 5_000
_TOKENS_PER_TOOL = 1_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, each counted in exactly one field."""

    input: int = 0
    """Read neither from the cache nor written to it."""
    output: int = 0
    write_5m: int = 0
    write_1h: int = 0
    read: int = 0

    @property
    def total(self) -> int:
        """All tokens, whatever they cost."""
        return self.input + self.output + self.write_5m + self.write_1h + self.read

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.output + other.output,
            self.write_5m + other.write_5m,
            self.write_1h + other.write_1h,
            self.read + other.read,
        )


def usage_of(told: Mapping[str, Any], before: Usage | None = None) -> Usage:
    """Read the `usage` of a message or of the end of a stream; what it leaves out stays as it was `before`.

    Figures that are no whole numbers from 0 up are taken as not told: an upstream's slip must not credit anybody.
    """
    before = before or Usage()
    detail = told.get("cache_creation")
    detail = detail if isinstance(detail, dict) else {}
    written = _count(told, "cache_creation_input_tokens")
    hour = _count(detail, "ephemeral_1h_input_tokens")
    five = _count(detail, "ephemeral_5m_input_tokens")
    hour = before.write_1h if hour is None else hour
    if five is None:  # an upstream that does not tell them apart
        five = before.write_5m if written is None else max(0, written - hour)
    if written is not None and five + hour < written:
        hour = written - five
    return Usage(
        input=_first(_count(told, "input_tokens"), before.input),
        output=_first(_count(told, "output_tokens"), before.output),
        write_5m=five,
        write_1h=hour,
        read=_first(_count(told, "cache_read_input_tokens"), before.read),
    )


@dataclass(frozen=True, slots=True)
class Price:
    """Micro-dollars for a million tokens of each kind."""

    input: int
    output: int
    write_5m: int
    write_1h: int
    read: int

    def cost(self, usage: Usage) -> int:
        """Return the micro-dollars of `usage`, rounded up."""
        exact = usage.input * self.input + usage.output * self.output + usage.read * self.read
        exact += usage.write_5m * self.write_5m + usage.write_1h * self.write_1h
        return -(-exact // MILLION)

    def worst(self, input_tokens: int, output_tokens: int) -> int:
        """Return the micro-dollars of a call whose input falls where it costs most."""
        dearest = max(self.input, self.write_5m, self.write_1h, self.read)
        return -(-(input_tokens * dearest + output_tokens * self.output) // MILLION)


PriceTable = Mapping[str, Price]
"""Model -> price. A model without a price cannot be used."""


def read_prices(text: str) -> PriceTable:
    """Read a price table as it stands in prices.toml. Raises `ValueError` when anything in it is not as it must be."""
    table: dict[str, Price] = {}
    for row in tomllib.loads(text).get("model", []):
        name = row.pop("name", None)
        if not isinstance(name, str) or name in table:
            raise ValueError(f"each model has a name of its own, not {name!r}")
        if row.keys() != {f.name for f in fields(Price)} or not all(type(v) is int and v >= 0 for v in row.values()):
            raise ValueError(
                f"the price of {name} must give {', '.join(f.name for f in fields(Price))} as whole numbers"
            )
        table[name] = Price(**row)
    return table


@cache
def shipped_prices() -> PriceTable:
    """The price table that comes with this package."""
    return read_prices(files("sandbox.broker").joinpath("prices.toml").read_text("utf-8"))


def most_input(body: Mapping[str, Any], size: int) -> int:
    """Return an upper bound on the input tokens of a request whose JSON has `size` bytes.

    A token is at least a byte. What the provider adds (the prompt that explains tools) and what unfolds from few bytes
    (an image) is bounded apart.
    """
    return size + _BASE_TOKENS + _TOKENS_PER_TOOL * len(body.get("tools") or ()) + _TOKENS_PER_IMAGE * _images(body)


def _images(body: Mapping[str, Any]) -> int:
    found = 0
    waiting: list[Any] = [message.get("content") for message in body.get("messages", ())]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            found += value.get("type") == "image"
            waiting.extend((value.get("content"), value.get("source")))
    return found


def _count(told: Mapping[str, Any], name: str) -> int | None:
    value = told.get(name)
    return value if type(value) is int and value >= 0 else None


def _first(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value
