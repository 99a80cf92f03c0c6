"""A hand on the sandboxes that are open: whoever waits for one in another thread can end them all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from sandbox.contract import Limits, Mount, Role, Sandbox, Starter, within
from sandbox.errors import BackendUnavailable, SandboxError


class Watch:
    """Starts sandboxes, and kills all that are open when told to. After that it starts none."""

    def __init__(self, backend: Starter) -> None:
        self._backend = backend
        self._guard = threading.Lock()
        self._open: set[Sandbox] = set()
        self._over = threading.Event()

    @contextmanager
    def start(self, mounts: tuple[Mount, ...], limits: Limits, role: Role = "solver") -> Iterator[Sandbox]:
        """Start a sandbox. Raises `BackendUnavailable` when it is over."""
        with self._watched(self._backend, mounts, limits, role) as sandbox:
            yield sandbox

    def inside(self, image: str) -> Starter:
        """Return what starts sandboxes in an image, watched like any other. Raises `BackendUnavailable`."""
        return _Inside(self._watched, within(self._backend, image))

    @contextmanager
    def _watched(self, starter: Starter, mounts: tuple[Mount, ...], limits: Limits, role: Role) -> Iterator[Sandbox]:
        if self._over.is_set():
            raise BackendUnavailable("the run is over")
        with starter.start(mounts, limits, role) as sandbox:
            with self._guard:
                self._open.add(sandbox)
                over = self._over.is_set()
            try:
                if over:
                    self._kill(sandbox)
                yield sandbox
            finally:
                with self._guard:
                    self._open.discard(sandbox)

    def kill(self) -> None:
        """Kill everything in every sandbox that is open."""
        with self._guard:
            self._over.set()
            under_way = tuple(self._open)
        for sandbox in under_way:
            self._kill(sandbox)

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than until it is over."""
        self._over.wait(seconds)

    def _kill(self, sandbox: Sandbox) -> None:
        with suppress(SandboxError):  # a wall that is broken is found out by whoever runs behind it
            sandbox.kill()


@dataclass(frozen=True, slots=True)
class _Inside:
    """Starts watched sandboxes in one image."""

    watched: Callable[[Starter, tuple[Mount, ...], Limits, Role], AbstractContextManager[Sandbox]]
    starter: Starter

    def start(
        self, mounts: tuple[Mount, ...], limits: Limits, role: Role = "solver"
    ) -> AbstractContextManager[Sandbox]:
        """Start a sandbox. Raises `BackendUnavailable` when it is over."""
        return self.watched(self.starter, mounts, limits, role)
