"""Time and chance, so that tests need neither."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Protocol


class Clock(Protocol):
    """What a broker asks of time."""

    def unix_ms(self) -> int:
        """Milliseconds since 1970."""
        ...

    def seconds(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def jitter(self) -> float:
        """A share of a wait from 0.75 to 1, by chance: callers that failed together do not come back together."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """Time as it is."""

    def unix_ms(self) -> int:
        """Milliseconds since 1970."""
        return time.time_ns() // 1_000_000

    def seconds(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def jitter(self) -> float:
        """A share of a wait, by chance."""
        return random.uniform(0.75, 1.0)  # noqa: S311  # spreads retries; nothing secret rests on it

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
