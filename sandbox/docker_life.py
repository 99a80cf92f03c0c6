"""Whether a container lives, known from the kernel where that can be: death for sure, and at once.

The first process of a process namespace is let go by the kernel only when every other process there is dead, whoever
its parent was (`pid_namespaces(7)`). A pidfd of it says so the moment it is true, and cannot come to mean another
process. Where that process cannot be seen (an engine in another namespace or a virtual machine), the engine is asked.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox.docker_engine import Engine
from sandbox.errors import SandboxBroken

END_SECONDS = 90.0
"""Patience with the dying. A gigabyte of mappings takes the kernel five seconds, and a candidate may have several."""
_PAUSE_SECONDS = 0.01


class Life:
    """The life of one running container. `kill` and `close` may be called from any thread."""

    def __init__(self, engine: Engine, container: str) -> None:
        self._engine = engine
        self._container = container
        self._guard = threading.Lock()
        self._first = _first_process(engine.state(container), container)

    def lasts(self, seconds: float = 0.0) -> bool:
        """Whether anything in the container is still alive after at most `seconds`; returns at once when nothing is."""
        if self._first is not None:
            return not _readable(self._first, seconds)
        until = time.monotonic() + seconds
        while alive := bool(self._engine.state(self._container)["Running"]):
            if time.monotonic() >= until:
                break
            time.sleep(_PAUSE_SECONDS)
        return alive

    def kill(self) -> bool:
        """Kill everything in the container; return whether there was anything to kill."""
        with self._guard:
            if self._first is not None:
                if _readable(self._first, 0):
                    return False
                with suppress(PermissionError):  # an engine's containers run as root, and we need not
                    with suppress(ProcessLookupError):
                        signal.pidfd_send_signal(self._first, signal.SIGKILL)
                    return True
        return self._engine.kill(self._container)

    def end(self) -> None:
        """Wait until everything is dead. Raises `SandboxBroken` when something survives being killed."""
        if self.lasts(END_SECONDS):
            raise SandboxBroken("a container survived being killed", mend="See the engine's log")

    def account(self) -> Mapping[str, Any]:
        """Return what the engine says of the dead container, once it has noticed."""
        until = time.monotonic() + END_SECONDS
        while (state := self._engine.state(self._container))["Running"]:
            if time.monotonic() >= until:
                raise SandboxBroken("the engine does not notice that a container is dead", mend="See the engine's log")
            time.sleep(_PAUSE_SECONDS)
        return state

    def close(self) -> None:
        """Let go of the process. May be called twice."""
        with self._guard:
            if self._first is not None:
                os.close(self._first)
            self._first = None


def _first_process(state: Mapping[str, Any], container: str) -> int | None:
    """Return a pidfd of the container's first process, if the number that the engine gives means that process here."""
    try:
        descriptor = os.pidfd_open(int(state["Pid"]))
    except (OSError, ValueError, AttributeError):
        return None
    # Looked at after opening: had the process ended before, its number might be another's by now.
    try:
        belongs = container in Path(f"/proc/{state['Pid']}/cgroup").read_text()
    except OSError:
        belongs = False
    if not belongs or _readable(descriptor, 0):
        os.close(descriptor)
        return None
    return descriptor


def _readable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
