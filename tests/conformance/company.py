"""Several sandboxes at once, each seen to be at the right point before anything is asked of another.

Code that runs in company says `ready()` when it has done what others may find, and `wait()` holds it there until the
test lets it go: by a file that appears in a folder mounted at `/signs`. That it is ready is seen from outside, by a process
whose argument is its marker.
"""

import secrets
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from sandbox.contract import Outcome
from tests.conformance.registry import staged
from tests.conformance.walls import Wall, alive, users_of

PATIENCE = 40
PREAMBLE = """
import os, subprocess, sys, time
def ready():
    subprocess.Popen(["sh", "-c", "sleep 60; :", sys.argv[1] + "-ready"], stdin=-3, stdout=-3, stderr=-3)
def wait():
    while not os.path.exists("/signs/go"):
        time.sleep(0.02)
"""


class Companion:
    """A sandbox that runs `code` in a thread, until it has ended by itself or met its deadline."""

    def __init__(self, wall: Wall, code: str, *argv: str, **given: Any) -> None:
        # Bound as it is: of any other folder a sandbox sees what was in it when the sandbox was started.
        signs = replace(staged(wall, {"nothing": b""}, "/signs"), lasting=True)
        self._go = signs.source / "go"
        self._marker = secrets.token_hex(8)
        self._pool = ThreadPoolExecutor(1)
        whole = {"deadline": PATIENCE, **given, "mounts": (signs,)}
        self._start = partial(self._pool.submit, wall.python, PREAMBLE + code, self._marker, *argv, **whole)
        self._running: Future[Outcome] | None = None

    def arrive(self) -> None:
        """Start, and return when it says that it is ready."""
        self._running = self._start()
        until = time.monotonic() + PATIENCE
        while not alive(f"{self._marker}-ready"):
            assert not self._running.done(), f"it ended before it was ready: {self.outcome}"
            assert time.monotonic() < until, "it was never ready"
            time.sleep(0.02)

    @property
    def users(self) -> set[int]:
        """The users, as this machine counts them, that it runs as."""
        return users_of(f"{self._marker}-ready")

    @property
    def outcome(self) -> Outcome:
        """How it ended, once it has."""
        assert self._running is not None
        return self._running.result()

    def leave(self) -> None:
        """Let it go on to its end."""
        self._go.touch()
        self._pool.shutdown()


@contextmanager
def company(*companions: Companion) -> Iterator[None]:
    """Have all of them arrived within, and gone after."""
    arrived: list[Companion] = []
    try:
        for companion in companions:
            arrived.append(companion)
            companion.arrive()
        yield
    finally:
        for companion in arrived:
            companion.leave()
