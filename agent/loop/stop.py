"""Everything that stops a run: a person's halt, spent budgets, and a lock that keeps two runs apart.

The halt is a file, `.successor/halt`, so that it works from another shell, over any lock, and while the store is busy.
A run looks at its `Checkpoint` between any two runs of a sandbox.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.errors import Refused, StoreBroken
from agent.workspace import Budget

Ending = Literal[
    "done",
    "nothing_found",
    "budget_exhausted",
    "heldout_exhausted",
    "halted",
    "interrupted",
    "pending_reviews",
    "pace",
    "failed",
]


class Stop(Exception):  # control flow, like StopIteration: a run that ends early is not an error
    """Raised by a checkpoint: the run ends here, in good order, for the reason named."""

    def __init__(self, ending: Ending, message: str) -> None:
        super().__init__(message)
        self.ending = ending
        self.message = message


class Halt:
    """The halt of one workspace."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "halt"

    def set(self, reason: str) -> None:
        """Ask every run of this workspace to stop, now and until `clear`."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(reason, "utf-8")
        except OSError as error:
            raise StoreBroken("the halt cannot be written", why=str(error.strerror or error)) from error

    def clear(self) -> bool:
        """Lift the halt. Returns whether there was one."""
        try:
            self._file.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StoreBroken("the halt cannot be lifted", why=str(error.strerror or error)) from error
        return True

    @property
    def reason(self) -> str | None:
        """Why runs are halted, or None when they are not."""
        try:
            return self._file.read_text("utf-8", errors="replace") or "no reason given"
        except FileNotFoundError:
            return None
        except OSError as error:
            # Every doubt denies: a halt that cannot be read is a halt.
            return f"the halt file cannot be read: {error.strerror or error}"


@dataclass
class Checkpoint:
    """Called between sandbox runs; raises `Stop` when the run must end."""

    halt: Halt
    budget: Budget
    trials: Callable[[], int]
    """Trials paid so far in this run."""
    clock: Callable[[], float]
    """Monotonic seconds."""
    started: float

    def __call__(self) -> None:
        """Return when the run may go on."""
        reason = self.halt.reason
        if reason is not None:
            raise Stop("halted", f"halted: {reason}")
        if self.trials() >= self.budget.trials:
            raise Stop("budget_exhausted", f"the budget of {self.budget.trials} trials is spent")
        if self.clock() - self.started >= self.budget.seconds:
            raise Stop("budget_exhausted", f"the budget of {self.budget.seconds} seconds is spent")


@contextmanager
def workspace_lock(folder: Path) -> Iterator[None]:
    """Hold the workspace for one writer; raise `Refused` naming the other process when it is taken.

    The kernel drops the lock when the process dies, however it dies, so there is no stale lock to clean.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise StoreBroken(
            "the workspace cannot be locked",
            why=str(error.strerror or error),
            mend="Check the permissions of .successor and that the disk is not read-only",
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            handle.seek(0)
            holder = handle.read(32).strip() or "unknown"
            raise Refused(
                "another successor process works in this workspace",
                why=f"process {holder} holds the lock",
                mend="Wait for it, or stop it with: successor halt",
            ) from error
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield
