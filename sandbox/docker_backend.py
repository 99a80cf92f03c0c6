"""The default wall: single-use containers of a Docker engine on this machine. Its level is `container`.

A container is made asleep, runs one command by `exec`, is killed with everything in it, and only then is what came out
looked at. `docker_settings` says with what it is made; `docker_engine` speaks to the engine.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sandbox import docker_settings
from sandbox.capture import Capture
from sandbox.contract import GUEST, MIB, Command, Ending, Level, Limits, Mount, Outcome, Progress, Role, Runtime
from sandbox.docker_engine import Engine
from sandbox.docker_image import THIS_MACHINE, Images
from sandbox.docker_talk import Talk
from sandbox.errors import BackendUnavailable, SandboxBroken
from sandbox.host_python import inside_of_this_machine
from sandbox.inside import PROGRAM, Inside, find_inside, guest_folder, make_inside, program_folder
from sandbox.ownership import APP, APP_VALUE, abandoned, labels, this_process
from sandbox.surroundings import arguments, environment

SECONDS_TO_LIVE = 3600
"""After this a container ends by itself, even if we were killed; no deadline may be longer."""

_GRACE_SECONDS = 2.0
_END_SECONDS = 10.0
_FOLLOW_SECONDS = 1.5
_TIMEOUT_CODES = (124, 137)
_KILLED = 137
_COLLECTING = Limits(memory=2048 * MIB, tmp=64 * MIB, work=64 * MIB, output=512 * MIB, file_size=512 * MIB)
_COLLECT_SECONDS = 600


class DockerBackend:
    """Sandboxes in containers. `base` is an image reference, by digest for a result that never changes.

    Safe to use from several threads; `cache` may be shared by several processes.
    """

    def __init__(self, cache: Path, base: str | None = None, engine: Engine | None = None) -> None:
        self._cache = cache
        self._base = base
        self._engine = engine or Engine()
        self._run = secrets.token_hex(8)
        self._ready: tuple[Inside, str, Path] | None = None

    @property
    def name(self) -> str:
        """`docker`."""
        return "docker"

    @property
    def level(self) -> Level:
        """`container`."""
        return "container"

    def check(self) -> tuple[str, ...]:
        """Ask the engine what it is. Raises `BackendUnavailable` when none answers on this machine."""
        info = self._engine.describe()
        security = ", ".join(option.split(",")[0].removeprefix("name=") for option in info.get("SecurityOptions") or [])
        return (
            f"Docker engine {info.get('ServerVersion')}, cgroup version {info.get('CgroupVersion', 1)}",
            f"security options: {security or 'none reported'}",
            f"storage {info.get('Driver')}, runtime {info.get('DefaultRuntime')}",
        )

    def prepare(self, progress: Progress = lambda _: None) -> Runtime:
        """Make the image, or find it; remove what killed processes of ours left on the engine."""
        self.reap()
        inside = self._inside(progress)
        image, guest = Images(self._engine, self._cache).of(inside, progress), guest_folder(self._cache)
        self._ready = (inside, image, guest)
        return inside.runtime(self.name, guest)

    def reap(self) -> tuple[str, ...]:
        """Remove containers of ours whose owner is gone or whose time is over, and no other; return their IDs."""
        me, now = this_process(), time.time()
        found = self._engine.containers(f"{APP}={APP_VALUE}")
        doomed = tuple(str(one["Id"]) for one in found if abandoned(one.get("Labels") or {}, now, me))
        for container in doomed:
            self._engine.remove(container)
        return doomed

    @contextmanager
    def start(self, mounts: tuple[Mount, ...], limits: Limits, role: Role = "solver") -> Iterator[DockerSandbox]:
        """Start a fresh container; leaving the context removes it, whatever happened."""
        if self._ready is None:
            self.prepare()
        assert self._ready is not None
        inside, image, guest = self._ready
        # Without a network the engine leaves /etc/hosts empty, and then not even `localhost` has an address.
        shown = {GUEST: str(guest), "/etc/hosts": str(inside.root / "etc" / "hosts"), **_sources(mounts)}
        with self._container(image, shown, limits, role) as container:
            yield DockerSandbox(self._engine, container, limits, inside.python, role)

    def close(self) -> None:
        """Nothing is kept ready."""

    @contextmanager
    def _container(self, image: str, mounts: Mapping[str, str], limits: Limits, role: Role = "solver") -> Iterator[str]:
        owned = labels(this_process(), self._run, int(time.time()) + SECONDS_TO_LIVE)
        given = docker_settings.container(image, mounts, limits, owned, SECONDS_TO_LIVE, role)
        container = self._engine.create(given)
        try:
            self._engine.start(container)
            yield container
        finally:
            self._engine.remove(container)

    def _inside(self, progress: Progress) -> Inside:
        images = Images(self._engine, self._cache)
        base = images.base(self._base, progress)
        if base == THIS_MACHINE:
            return inside_of_this_machine(self._cache, progress)
        found = find_inside(self._cache, base)
        if found is not None:
            return found
        if self._engine.image(base) is None:
            images.forget_base(self._base)
            base = images.base(self._base, progress)
        return make_inside(self._cache, base, partial(self._collect, base), progress)

    def _collect(self, base: str, given: tuple[str, ...], stdin: bytes) -> bytes:
        """Run `collect.py` in a container of the base, behind the same wall as any candidate."""
        command = Command(
            argv=("python3", "-s", "-m", "sandbox.image.collect", *given),
            deadline=_COLLECT_SECONDS,
            stdin=stdin,
            env={"PYTHONPATH": PROGRAM},
        )
        with self._container(base, {PROGRAM: str(program_folder(self._cache))}, _COLLECTING) as container:
            outcome = DockerSandbox(self._engine, container, _COLLECTING, "python3").run(command)
        if outcome.ending is not Ending.EXITED or outcome.exit_code != 0:
            last = outcome.stderr.decode("utf-8", "replace").strip().split("\n")[-1][:300]
            raise BackendUnavailable(
                f"the base could not be collected: {outcome.ending} {last}", mend="Use another base"
            )
        return outcome.stdout


class DockerSandbox:
    """One container, for one command."""

    def __init__(self, engine: Engine, container: str, limits: Limits, python: str, role: Role = "solver") -> None:
        self._role: Role = role
        self._engine = engine
        self._container = container
        self._limits = limits
        self._python = python
        self._used = False
        self._killed = False

    def run(self, command: Command) -> Outcome:
        """Run `command` to its end or deadline. Everything in the container is dead when this returns."""
        if self._used:
            raise RuntimeError("a sandbox runs one command; start another")
        if command.deadline > SECONDS_TO_LIVE / 2:
            raise ValueError(f"a deadline is at most {SECONDS_TO_LIVE // 2} s")
        self._used = True
        argv = arguments(command, self._python)
        config = docker_settings.command(argv, environment(command), command.deadline, self._role)
        prepared = self._engine.prepare_command(self._container, config)
        capture = Capture(self._limits.output, command.wire)
        started = time.monotonic()
        with self._engine.started(prepared) as (connection, early):
            talk = Talk(connection, early, command.stdin, capture)
            # The command's own `timeout` fires first; ours stands behind it, because a candidate may stop that one.
            until = started + command.deadline + _GRACE_SECONDS
            ended = talk.run(until, lambda: bool(self._engine.command_state(prepared)["Running"]))
            seconds = time.monotonic() - started
            code = self._engine.command_state(prepared)["ExitCode"] if ended is None else None
            if ended is not None:
                # An unread stream would keep the engine waiting for it before it reports the death of the container.
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            was_alive = self._still_alive(code) and self._engine.kill(self._container)
            if ended is None:
                talk.drain()
            capture.close()
        ending = self._ending(ended, code, was_alive=was_alive, late=seconds >= command.deadline)
        return Outcome(ending, code if ending is Ending.EXITED else None, capture.stdout, capture.stderr, seconds)

    def kill(self) -> None:
        """Kill everything in the container."""
        self._killed = True
        self._engine.kill(self._container)

    def _still_alive(self, code: int | None) -> bool:
        """Whether the container outlives its command.

        When somebody else kills a container its commands die first, so that the exit code alone looks as if the command
        had killed itself. Only then it is worth waiting to see whether the container follows.
        """
        until = time.monotonic() + _FOLLOW_SECONDS
        while code == _KILLED and time.monotonic() < until:
            if not self._engine.state(self._container)["Running"]:
                return False
            time.sleep(0.05)
        return True

    def _ending(self, ended: Ending | None, code: int | None, *, was_alive: bool, late: bool) -> Ending:
        """Say how the command ended, from the engine's account and our clock; nothing the command printed counts."""
        if self._killed:
            return Ending.KILLED
        if ended is not None:
            return ended
        state = self._last_state()
        if state["OOMKilled"] and code != 0:
            return Ending.OUT_OF_MEMORY
        if code is None or not was_alive:
            raise SandboxBroken("a container ended under its command", mend="See the engine's log")
        if late and code in _TIMEOUT_CODES:
            return Ending.TIMED_OUT
        return Ending.KILLED if code == _KILLED else Ending.EXITED

    def _last_state(self) -> Mapping[str, Any]:
        """Return the engine's account of the killed container, once it has one."""
        until = time.monotonic() + _END_SECONDS
        while (state := self._engine.state(self._container))["Running"]:
            if time.monotonic() >= until:
                raise SandboxBroken("a container survived being killed", mend="See the engine's log")
            time.sleep(0.01)
        return state


def _sources(mounts: tuple[Mount, ...]) -> dict[str, str]:
    for mount in mounts:
        if not mount.source.is_dir():
            raise SandboxBroken(f"the folder to mount at {mount.target} is not there", mend="Stage it before starting")
    return {mount.target: str(mount.source.resolve()) for mount in mounts}
