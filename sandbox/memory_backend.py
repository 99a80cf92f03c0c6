"""A stand-in for a wall in the tests of other houses: no sandbox, no process, only a function that answers.

It exists so that a test can say what "came out" without running anything. `choose` cannot return it, and nothing
outside `tests/` may import it (a test holds this).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.contract import Command, Ending, Level, Limits, Mount, Outcome, Progress, Role, Runtime

Answer = Callable[[tuple[Mount, ...], Command], Outcome]
"""From what is mounted and what is asked to what comes out. It may raise `SandboxBroken`, as a real wall may."""


class MemoryBackend:
    """Answers every command with `answer`; `stdlib` is shown as both the original and the stripped standard library."""

    def __init__(self, answer: Answer, stdlib: Path, python_version: str = "3.11.2") -> None:
        self._answer = answer
        self._runtime = Runtime(
            digest=f"sha256:{hashlib.sha256(b'memory').hexdigest()}",
            python_version=python_version,
            stdlib=stdlib,
            stripped_stdlib=stdlib,
        )
        self.started = 0

    @property
    def name(self) -> str:
        """`memory`: no evidence that bears this name is worth anything."""
        return "memory"

    @property
    def level(self) -> Level:
        """The lowest there is; the name says the rest."""
        return "reduced"

    def check(self) -> tuple[str, ...]:
        """Say what it is."""
        return ("no sandbox at all: a stand-in for tests",)

    def prepare(self, progress: Progress = lambda _: None) -> Runtime:
        """Return the runtime given."""
        progress("nothing to prepare")
        return self._runtime

    @contextmanager
    def start(self, mounts: tuple[Mount, ...], limits: Limits, role: Role = "solver") -> Iterator[MemorySandbox]:
        """Give a sandbox that asks `answer`."""
        del limits, role
        self.started += 1
        yield MemorySandbox(mounts, self._answer)

    def close(self) -> None:
        """Nothing is kept ready."""


class MemorySandbox:
    """One command, answered by a function."""

    def __init__(self, mounts: tuple[Mount, ...], answer: Answer) -> None:
        self._mounts = mounts
        self._answer = answer
        self._used = False
        self._killed = False

    def run(self, command: Command) -> Outcome:
        """Return the answer. A second call is the same mistake as with a real wall."""
        if self._used:
            raise RuntimeError("a sandbox runs one command; start another")
        self._used = True
        outcome = self._answer(self._mounts, command)
        return Outcome(Ending.KILLED, None, b"", b"", 0.0) if self._killed else outcome

    def kill(self) -> None:
        """Have `run` answer that it was killed. The function that answers is not interrupted."""
        self._killed = True
