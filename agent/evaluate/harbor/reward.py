"""What a verifier wrote, read with Harbor's rules (its verifier, version 0.25): the bytes of two files, to a score.

    reward.json   if it is there, counts alone: one flat object, name -> finite number
    reward.txt    else: one finite number, the same as {"reward": number}

The score is what is called `reward`, or the mean of all where nothing is. Harbor itself leaves it to each benchmark
what a reward means; here it is a share of a full mark, so that a number outside 0 to 1 is no reward.
"""

from __future__ import annotations

import json
import math
from typing import Any

from agent.evaluate.suite import FULL

JSON, TEXT = "reward.json", "reward.txt"
_MOST_BYTES = 65_536
_MOST_NAMES = 1_000
_KEY = "reward"


class NoReward(Exception):
    """There is no valid reward; says why, and whether it is because the verifier was cut off."""

    def __init__(self, why: str, *, late: bool = False) -> None:
        super().__init__(why)
        self.late = late


def score_of(as_json: bytes | None, as_text: bytes | None) -> int:
    """Return the score in ppm. Raises `NoReward`."""
    if as_json is not None:
        return _ppm(_from_json(_decoded(JSON, as_json)))
    if as_text is not None:
        return _ppm(_from_text(_decoded(TEXT, as_text)))
    raise NoReward(f"the verifier wrote neither {JSON} nor {TEXT}")


def _decoded(name: str, content: bytes) -> str:
    if len(content) > _MOST_BYTES:
        raise NoReward(f"{name} is longer than {_MOST_BYTES} bytes")
    try:
        text = content.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise NoReward(f"{name} is not plain text") from error
    if not text:
        raise NoReward(f"{name} is empty")
    return text


def _from_text(text: str) -> float:
    try:
        return _finite(float(text))
    except ValueError as error:
        raise NoReward(f"{TEXT} holds no number") from error


def _from_json(text: str) -> float:
    try:
        said = json.loads(text, object_pairs_hook=_once, parse_int=float)
    except (ValueError, RecursionError) as error:
        raise NoReward(f"{JSON} is not JSON with each name once") from error
    if not isinstance(said, dict) or not said or len(said) > _MOST_NAMES:
        raise NoReward(f"{JSON} is not one object with numbers")
    if not all(isinstance(value, float) for value in said.values()):
        raise NoReward(f"{JSON} holds something that is no number")
    numbers = {name: _finite(value) for name, value in said.items()}
    return numbers[_KEY] if _KEY in numbers else math.fsum(numbers.values()) / len(numbers)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise NoReward("the reward is not finite")
    return number


def _ppm(number: float) -> int:
    if not 0 <= number <= 1:
        raise NoReward("the reward is not between 0 and 1")
    return math.floor(number * FULL + 0.5)
