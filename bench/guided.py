"""A coverage-guided fuzzer in one process and without native parts, for the modules that read what strangers wrote.

It traces the lines of these modules (`sys.settrace`), keeps each input that takes an edge between two lines that no
other took, and mutates what it kept. It is some ten times slower than an instrumented fuzzer; each parser here is a few
hundred lines.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

Edges = set[tuple[Any, int, int]]
Mutate = Callable[[bytes, list[bytes], random.Random], bytes]


class Guided:
    """Keeps the inputs that reached something new, and makes others of them.

    `attempt` tries one input and returns how a promise was broken, or nothing. `files`: the modules that are traced.
    """

    def __init__(
        self,
        attempt: Callable[[bytes], str],
        mutate: Mutate,
        files: Collection[str],
        dice: random.Random,
        *,
        longest: int,
    ) -> None:
        self._attempt = attempt
        self._mutate = mutate
        self._files = frozenset(files)
        self._dice = dice
        self._longest = longest
        self._kept: list[bytes] = []
        self.edges: Edges = set()
        self.executions = 0
        self.crashes: list[tuple[str, bytes]] = []

    def sow(self, seeds: Sequence[bytes]) -> int:
        """Run the seeds, keep all that are short enough to be mutated; return how many edges they took."""
        for seed in seeds:
            self._try(seed)
            if len(seed) <= self._longest:
                self._kept.append(seed)
        return len(self.edges)

    def run(self, seconds: float) -> None:
        """Mutate and try until the time is over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.step()

    def step(self, times: int = 1) -> None:
        """Mutate and try so many times."""
        for _ in range(times):
            data = self._mutate(self._dice.choice(self._kept), self._kept, self._dice)
            if self._try(data):
                self._kept.append(data)

    def _try(self, data: bytes) -> bool:
        """Try one input; return whether an edge was taken for the first time."""
        before, self.executions = len(self.edges), self.executions + 1
        with traced(self.edges, self._files):
            crash = self._attempt(data)
        if crash:
            self.crashes.append((crash, data))
        return len(self.edges) > before


@contextmanager
def traced(edges: Edges, files: Collection[str]) -> Iterator[None]:
    """Add every step from line to line within some files to `edges`."""
    last: dict[FrameType, int] = {}

    def step(frame: FrameType, event: str, argument: object) -> Any:
        del argument
        edges.add((frame.f_code, last.get(frame, 0), frame.f_lineno))
        last[frame] = frame.f_lineno
        if event == "return":
            last.pop(frame, None)
        return step

    def enter(frame: FrameType, event: str, argument: object) -> Any:
        return step(frame, event, argument) if frame.f_code.co_filename in files else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)
