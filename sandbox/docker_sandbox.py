"""One command in one container: asked for, talked with, ended with everything around it, and only then judged."""

from __future__ import annotations

import platform
import time
from typing import Any

from sandbox import docker_settings, system_calls
from sandbox.capture import Capture
from sandbox.contract import Command, Ending, Limits, Outcome
from sandbox.direct import INSIDE, DirectTalk
from sandbox.docker_container import BEGIN, SECONDS_TO_LIVE, Container, hear
from sandbox.docker_engine import Engine, translated
from sandbox.docker_talk import Talk
from sandbox.errors import SandboxBroken, SandboxError
from sandbox.surroundings import arguments, environment

_ASK_SECONDS = 30.0
_GRACE_SECONDS = 2.0
_FOLLOW_SECONDS = 1.0
_TIMEOUT_CODES = (124, 137)
_KILLED = 137


class DockerSandbox:
    """One container, for one command."""

    def __init__(self, engine: Engine, container: Container, limits: Limits, python: str, tools: str = "") -> None:
        self._engine = engine
        self._container = container
        self._limits = limits
        self._python = python
        self._tools = tools
        self._used = False
        self._killed = False

    def run(self, command: Command) -> Outcome:
        """Run `command` to its end or deadline. Everything in the container is dead when this returns."""
        if self._used:
            raise RuntimeError("a sandbox runs one command; start another")
        if command.deadline > SECONDS_TO_LIVE / 2:
            raise ValueError(f"a deadline is at most {SECONDS_TO_LIVE // 2} s")
        self._used = True
        started = time.monotonic()
        try:
            outcome = self._run(command, started)
        except SandboxError:
            if not self._killed:
                raise
        if self._killed:
            self._container.life.end()
            return Outcome(Ending.KILLED, None, b"", b"", time.monotonic() - started)
        return outcome

    def kill(self) -> None:
        """Kill everything in the container; `run` returns that it was killed."""
        self._killed = True
        self._container.life.kill()

    def _run(self, command: Command, started: float) -> Outcome:
        life, stream = self._container.life, self._container.stream
        heading = b"" if self._container.pipes else BEGIN
        capture = Capture(self._limits.output, command.wire, heading=len(heading))
        talk = self._begun(command, capture)
        # The command's own `timeout` fires first; ours stands behind it, because a candidate may stop that one.
        ended = talk.run(started + command.deadline + _GRACE_SECONDS, self._running)
        seconds = time.monotonic() - started
        code = self._last["ExitCode"] if ended is None else None
        if ended is not None:
            stream.end()
        # When somebody else kills a container its commands die first, so that the exit code alone looks as if the
        # command had killed itself. Only then it is worth waiting to see whether the container follows.
        was_alive = (code != _KILLED or life.lasts(_FOLLOW_SECONDS)) and life.kill()
        life.end()
        if ended is None:
            talk.drain()
        capture.close()
        # The two outputs come by different ways: too much on the one may be there before the first word on the other.
        if capture.heading != heading and ended is not Ending.OUTPUT_LIMIT:
            raise SandboxBroken(f"a command was not begun: {_last_line(capture)}", mend="See the engine's log")
        ending = ended or self._ending(code, was_alive=was_alive, late=seconds >= command.deadline)
        return Outcome(ending, code if ending is Ending.EXITED else None, capture.stdout, capture.stderr, seconds)

    def _begun(self, command: Command, capture: Capture) -> Talk | DirectTalk:
        """Ask for the command; return the conversation with it."""
        stream, pipes = self._container.stream, self._container.pipes
        asked = docker_settings.request(
            arguments(command, self._python),
            environment(command, self._tools),
            command.deadline,
            system_calls.program(platform.machine()),
            INSIDE if pipes else "",
        )
        if pipes is None:
            return Talk(stream.connection, b"", asked + command.stdin, capture)
        with translated("ask for a command"):
            stream.connection.settimeout(_ASK_SECONDS)
            stream.connection.sendall(asked)
            stream.connection.setblocking(False)
        hear(stream, BEGIN)
        pipes.begin()
        return DirectTalk(pipes, command.stdin, capture)

    def _running(self) -> bool:
        self._last: Any = self._engine.command_state(self._container.command)
        return bool(self._last["Running"])

    def _ending(self, code: int | None, *, was_alive: bool, late: bool) -> Ending:
        """Say how the command ended, from the engine's account and our clock; nothing the command printed counts."""
        # A command may also fill the memory until the kernel ends the first process: that is its own doing.
        if (code != 0 or not was_alive) and self._container.life.account()["OOMKilled"]:
            return Ending.OUT_OF_MEMORY
        if code is None or not was_alive:
            raise SandboxBroken("a container ended under its command", mend="See the engine's log")
        if late and code in _TIMEOUT_CODES:
            return Ending.TIMED_OUT
        return Ending.KILLED if code == _KILLED else Ending.EXITED


def _last_line(capture: Capture) -> str:
    said = capture.heading + capture.stderr
    return said.decode("utf-8", "replace").strip().split("\n")[-1][:300]
