"""Several sandboxes at once, each seen to be at the right point before anything is asked of another.

Code that runs in company says `ready()` when it has done what others may find, and `wait()` holds it there until the
test lets it go: by a file that appears in a folder mounted at `/signs`. That it is ready is seen from outside, by a process
whose argument is its marker.
"""

import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
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
        self._wall, self._argv, self._given = wall, argv, {"deadline": PATIENCE, **given}
        self._code = PREAMBLE + code
        # Bound as it is: of any other folder a sandbox sees what was in it when the sandbox was started.
        self._signs = replace(staged(wall, {"nothing": b""}, "/signs"), lasting=True)
        self._marker = secrets.token_hex(8)
        self._thread = threading.Thread(target=self._run)
        self.outcome: Outcome | None = None

    def _run(self) -> None:
        self.outcome = self._wall.python(self._code, self._marker, *self._argv, mounts=(self._signs,), **self._given)

    def arrive(self) -> None:
        """Start, and return when it says that it is ready."""
        self._thread.start()
        until = time.monotonic() + PATIENCE
        while not alive(f"{self._marker}-ready"):
            assert self._thread.is_alive(), f"it ended before it was ready: {self.outcome}"
            assert time.monotonic() < until, "it was never ready"
            time.sleep(0.02)

    @property
    def users(self) -> set[int]:
        """The users, as this machine counts them, that it runs as."""
        return users_of(f"{self._marker}-ready")

    @property
    def here(self) -> bool:
        """Whether it is still running."""
        return self._thread.is_alive()

    def leave(self) -> Outcome:
        """Let it go on, and return how it ended."""
        with suppress(FileExistsError):
            (self._signs.source / "go").touch()
        self._thread.join()
        assert self.outcome is not None
        return self.outcome


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
