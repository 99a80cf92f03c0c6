"""How often customers may call, by plan."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Up to `size` tokens; one more comes every `pause` milliseconds."""

    size: int
    pause: int


PLANS = {"free": Plan(2, 10_000), "basic": Plan(5, 1_000), "pro": Plan(50, 70)}
