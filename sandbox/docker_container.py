"""One container, from its making to its removal: asleep, with a process in it that waits to become the command."""

from __future__ import annotations

import select
import shutil
import struct
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from sandbox import docker_settings
from sandbox.contract import Limits, Role
from sandbox.direct import INSIDE, Pipes
from sandbox.docker_engine import Engine, Stream, translated
from sandbox.docker_life import Life
from sandbox.errors import SandboxBroken
from sandbox.slots import Slots, fill

SECONDS_TO_LIVE = 3600
"""After this a container ends by itself, even if we were killed; no deadline may be longer than half of it."""

READY, BEGIN = b"ready\n", b"begin\n"
"""What `guest/start.py` says on standard error."""

_HEAR_SECONDS = 30.0
_SEE_LOG = "See the engine's log"
_MARGIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Shape:
    """Everything that a container is made with, and that cannot be changed once it is."""

    image: str
    python: str
    limits: Limits
    role: Role
    mounts: tuple[tuple[str, str | None], ...]
    """Target inside and folder on the host; None for a slot, which is filled when the command is known."""
    direct: bool = False
    """Whether pipes lead straight to the command, past the engine."""


class Container:
    """A running container in which a process waits. Used by one thread at a time, apart from `life.kill`."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        command: str,
        life: Life,
        stream: Stream,
        pipes: Pipes | None,
        slots: Mapping[str, Path],
        local: ExitStack,
    ) -> None:
        self._engine = engine
        self.name = name
        self.command = command
        self.life = life
        self.stream = stream
        self.pipes = pipes
        self._local = local
        self._slots = slots
        self._born = time.monotonic()

    def stands(self) -> bool:
        """Whether it can still be given a command: alive, waiting, and with half of its life before it."""
        poll = select.poll()
        poll.register(self.stream.connection, select.POLLIN)
        young = time.monotonic() - self._born < SECONDS_TO_LIVE / 2 - _MARGIN_SECONDS
        # Whoever waits says nothing: what can be read is the end.
        return young and not poll.poll(0) and self.life.lasts()

    def show(self, sources: Mapping[str, str]) -> None:
        """Fill the slots: target inside -> folder on the host. Raises `SandboxBroken`."""
        for target, slot in self._slots.items():
            fill(slot, Path(sources[target]))

    def remove(self) -> None:
        """Kill and remove it, with everything that was made for it. Raises `SandboxBroken`, and may be tried again."""
        self._local.close()
        self._engine.remove(self.name)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes containers on one engine, under one of its runtimes; `labels` says what to write on a new one."""

    engine: Engine
    slots: Slots
    labels: Callable[[], Mapping[str, str]]
    runtime: str = ""

    def make(self, shape: Shape) -> Container:
        """Return a container of this shape. Raises `SandboxBroken`, and leaves nothing then."""
        slots: dict[str, Path] = {}
        with ExitStack() as remote, ExitStack() as local:
            local.callback(_drop, slots)
            for target, source in shape.mounts:
                if source is None:
                    slots[target] = self.slots.make()
            mounts = {target: source or str(slots[target]) for target, source in shape.mounts}
            pipes = self._pipes(local) if shape.direct else None
            if pipes is not None:
                mounts[INSIDE] = str(pipes.folder)
            owned, seconds = self.labels(), SECONDS_TO_LIVE
            name = self.engine.create(
                docker_settings.container(shape.image, mounts, shape.limits, owned, seconds, shape.role, self.runtime)
            )
            remote.callback(self.engine.remove, name)
            self.engine.start(name)
            life = Life(self.engine, name)
            local.callback(life.close)
            waiting = self.engine.prepare_command(name, docker_settings.command(shape.python, shape.role))
            stream = self.engine.open(waiting)
            local.callback(stream.close)
            hear(stream, READY)
            remote.pop_all()
            return Container(self.engine, name, waiting, life, stream, pipes, slots, local.pop_all())

    def _pipes(self, undo: ExitStack) -> Pipes:
        """Make pipes that only this user and the container can come at."""
        parent = self.slots.make()
        undo.callback(shutil.rmtree, parent, ignore_errors=True)
        parent.chmod(0o700)
        pipes = Pipes(parent)
        undo.callback(pipes.close)
        return pipes


def _drop(slots: Mapping[str, Path]) -> None:
    for slot in slots.values():
        shutil.rmtree(slot, ignore_errors=True)


def hear(stream: Stream, word: bytes) -> None:
    """Wait until the process that waits says `word`, and nothing else. Raises `SandboxBroken` when it does not."""
    expected = struct.pack(">BxxxL", 2, len(word)) + word
    said, stream.early = stream.early, b""
    until = time.monotonic() + _HEAR_SECONDS
    poll = select.poll()
    poll.register(stream.connection, select.POLLIN)
    while said != expected:
        poll.poll(max(0.0, until - time.monotonic()) * 1000)
        with translated("hear from a container"):
            piece = stream.connection.recv(4096)
        said += piece
        if not piece or not expected.startswith(said):
            shown = said[8:].decode("utf-8", "replace").strip().split("\n")[-1][:300]
            raise SandboxBroken(f"a container did not say {word.decode().strip()}: {shown}", mend=_SEE_LOG)
