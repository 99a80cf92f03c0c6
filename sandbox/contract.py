"""The one contract of the wall. Backends: `docker_backend`, `bubblewrap_backend`, and `memory_backend` for tests.

A `Backend` prepares a `Runtime` once (interpreter, locked dependencies, stripped standard library), then starts
single-use `Sandbox`es in it. There is no backend without a wall.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from sandbox.errors import BackendUnavailable

MIB = 1024 * 1024

Level = Literal["reduced", "container", "hardened"]
"""How much the wall holds. `reduced`: namespaces and rlimits (bubblewrap); `container`: with cgroups and an engine
(docker); `hardened`: a kernel of its own (gVisor, Kata)."""

Role = Literal["solver", "grader"]
"""Who works in a sandbox: `solver` is candidate code, `grader` the parent's tests that judge it from another sandbox.
The two are different users."""

CANDIDATE_ROOT = "/cand"
"""Where the tree under test is mounted, read-only."""

WORK = "/work"
"""The writable, sized, in-memory working directory; the current directory of every command."""

GUEST = "/opt/successor/guest"
"""Where `sandbox/guest/` is mounted, read-only."""

DEPENDENCIES = "/opt/successor/site"
"""Where the locked dependency layer is found (on PYTHONPATH of every command, after the candidate)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sandbox may use. Sizes in bytes."""

    memory: int = 1024 * MIB
    cpus: float = 1.0
    processes: int = 128
    tmp: int = 64 * MIB
    work: int = 128 * MIB
    inodes: int = 20_000
    file_size: int = 64 * MIB
    open_files: int = 512
    output: int = 16 * MIB
    """Cap on standard output and standard error, each. More ends the command as `output_limit`."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A host folder of staged files, seen read-only at `target` inside, as it is when the sandbox is started."""

    source: Path
    target: str
    lasting: bool = False
    """Whether the folder itself is to be mounted, because it will be asked for again and again (as a corpus, so that a
    sandbox that is kept ready may be made with it), or because what comes into it later must be seen."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command in a sandbox. `argv[0] == "python"` means the runtime's own interpreter."""

    argv: tuple[str, ...]
    deadline: float
    """Seconds until everything in the sandbox is killed."""
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    wire: socket.socket | None = None
    """A connected, blocking-free stream that takes the place of standard output and continues standard input: what the
    command writes is sent there at once and not kept (`Outcome.stdout` is empty), what arrives there is read by the
    command after `stdin`. The command's input ends when the other side shuts its own down. At most `Limits.output`
    bytes pass in each direction. Closed by whoever made it."""


class Ending(StrEnum):
    """How a command ended, as seen from outside."""

    EXITED = "exited"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_LIMIT = "output_limit"
    KILLED = "killed"
    BROKEN = "broken"
    """The wall broke under this command each time, and under nothing else: said by who ran it, never by a backend."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out: bytes that nobody has believed yet."""

    ending: Ending
    exit_code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Runtime:
    """The prepared inside of a sandbox."""

    digest: str
    """`sha256:` over everything in it that a trial can see: the result's name for "the same environment"."""
    python_version: str
    stdlib: Path
    """On the host: the original standard library of that interpreter, docstrings and all. Never mounted inside."""
    stripped_stdlib: Path
    """On the host: the same files with docstrings and comments removed, as the sandbox sees them."""
    frozen: tuple[str, ...] = ()
    """Modules that the interpreter carries within itself: their docstrings can be read inside, stripped or not."""
    wall: tuple[str, ...] = ()
    """What the wall around it is made of, as those say who make it: for the record, and never compared."""


class Sandbox(Protocol):
    """One live, single-use sandbox. It never serves a second candidate."""

    def run(self, command: Command) -> Outcome:
        """Run one command to its end or deadline; everything in the sandbox is dead when this returns.

        A second call is a mistake of the caller (`RuntimeError`): nothing may outlive the command it was made for.
        Raises `SandboxBroken` when the wall itself failed.
        """
        ...

    def kill(self) -> None:
        """Kill everything in the sandbox, from any thread: `run`, under way or still to come, returns `KILLED`.

        After `run` has returned, or a second time, it does nothing.
        """
        ...


Progress = Callable[[str], None]
"""Told, in a few words, what is being done, when preparing takes long."""


class Starter(Protocol):
    """Whatever sandboxes can be had from."""

    def start(
        self, mounts: tuple[Mount, ...], limits: Limits, role: Role = "solver"
    ) -> AbstractContextManager[Sandbox]:
        """Start a fresh sandbox; leaving the context kills everything in it and removes it."""
        ...


@runtime_checkable
class InImages(Starter, Protocol):
    """A starter whose sandboxes can also be had in other images than its own inside."""

    def inside(self, image: str) -> Starter:
        """Return what starts sandboxes in the image of that digest. Raises `BackendUnavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """An image of a task's own: a folder with a `Dockerfile`, by path, or else the name of one that is there."""

    context: Mapping[str, tuple[bytes, bool]]
    name: str = ""
    workdir: str = ""
    """Where in it the work lies; empty for where the image says."""
    seconds: float = 600.0
    network: bool = False
    """Whether its build may use the network."""


@dataclass(frozen=True, slots=True)
class TaskImage:
    """An image that was made ready to be worked in."""

    digest: str
    """`sha256:` over everything in it that a trial can see."""
    env: Mapping[str, str]
    """The variables that it sets, `PATH` among them."""
    files: Mapping[str, tuple[bytes, bool]]
    """What lies in its work folder: content, and whether executable, by relative path."""


@runtime_checkable
class ImageMaker(InImages, Protocol):
    """A backend that makes images ready."""

    def image(self, wanted: Wanted, progress: Progress = lambda _: None) -> TaskImage:
        """Make an image ready, or find it. Raises `ImageRefused`."""
        ...


def within(starter: Starter, image: str) -> Starter:
    """Return what starts sandboxes in `image`; `starter` itself for none. Raises `BackendUnavailable`."""
    if not image:
        return starter
    if not isinstance(starter, InImages):
        raise BackendUnavailable("this wall has one inside, and no images", mend="Use docker")
    return starter.inside(image)


class Backend(Starter, Protocol):
    """A kind of wall on this machine."""

    @property
    def name(self) -> str:
        """`docker` or `bubblewrap`."""
        ...

    @property
    def level(self) -> Level:
        """How much it holds."""
        ...

    def check(self) -> tuple[str, ...]:
        """Return lines that describe what is there; raise `BackendUnavailable` when it cannot serve."""
        ...

    def prepare(self, progress: Progress = lambda _: None) -> Runtime:
        """Make, or find ready, the inside. Idempotent; safe when two processes call it at once."""
        ...

    def close(self) -> None:
        """Give back whatever is kept ready, and wait until it is gone. The backend may be used, and closed, again."""
        ...
