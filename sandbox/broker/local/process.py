"""The life of the process that holds a model: started, waited for, ended with us, and its last words kept."""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from sandbox.broker.local.errors import ModelUnavailable
from sandbox.broker.local.settings import LocalSettings
from sandbox.broker.rules import MIB
from sandbox.scratch import Scratch

_SOCKET = "llm.sock"
_LONGEST_SOCKET = 107
_ROOT = Path(__file__).parents[3]
_LAST_LINES = 12
_LINE_BYTES = 500
_GRACE = 2.0


class Program(NamedTuple):
    """A module that serves a model, and the package without which it cannot."""

    module: str
    needs: str


LLAMA = Program("sandbox.broker.local.serve", "xllamacpp")


class ModelProcess:
    """One server of one model on a private socket. `start` before use, `stop` at the end; neither twice at once."""

    def __init__(self, path: Path, settings: LocalSettings, program: Program = LLAMA) -> None:
        self.key = secrets.token_urlsafe(32)
        self._path = path
        self._settings = settings
        self._program = program
        self._scratch = Scratch("successor-local-")
        self._running: subprocess.Popen[bytes] | None = None
        self._words: deque[bytes] = deque(maxlen=_LAST_LINES)

    @property
    def socket(self) -> Path:
        """Where the server listens."""
        return self._scratch.folder() / _SOCKET

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._running is not None and self._running.poll() is None

    @property
    def last_words(self) -> str:
        """The end of what the process complained of, for a person."""
        return " / ".join(line.decode("utf-8", "replace").strip() for line in self._words if line.strip())

    def start(self) -> None:
        """Start the server and wait until it serves. Raises `ModelUnavailable`; then nothing is left of it."""
        _check_extra(self._program.needs)
        if len(os.fsencode(self.socket)) > _LONGEST_SOCKET:
            raise ModelUnavailable(f"{self.socket} is too long for a socket", mend="Set TMPDIR to a shorter path")
        self._end()
        self.socket.unlink(missing_ok=True)
        self._words.clear()
        self._running = subprocess.Popen(  # noqa: S603  # our own module in our own interpreter, constant arguments
            [sys.executable, "-P", "-m", self._program.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self._scratch.folder(),
            env={"PATH": os.defpath, "PYTHONPATH": _import_path(), "HOME": str(self._scratch.folder())},
            start_new_session=True,  # Ctrl-C is for us: we end it in order
        )
        threading.Thread(target=self._listen, args=(self._running,), daemon=True).start()
        try:
            told = self._talk(self._running)
        except BaseException:
            self.stop()
            raise
        if told != {"ready": True}:
            self.stop()
            raise self._failed(told)

    def stop(self) -> None:
        """End the process, whatever it is doing, and remove its folder."""
        self._end()
        self._scratch.close()

    def _end(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            assert running.stdin is not None
            assert running.stdout is not None
            with suppress(OSError):
                running.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                running.wait(_GRACE)
            running.kill()
            running.wait()
            running.stdout.close()

    def _talk(self, running: subprocess.Popen[bytes]) -> object:
        """Tell the process what to load, and return what it says; None when it died or said nothing in time."""
        assert running.stdin is not None
        assert running.stdout is not None
        with suppress(BrokenPipeError):
            running.stdin.write(self._told())
            running.stdin.flush()
        said, until = b"", time.monotonic() + self._settings.start
        while not said.endswith(b"\n"):
            ready, _, _ = select.select([running.stdout], [], [], max(0.0, until - time.monotonic()))
            piece = os.read(running.stdout.fileno(), 65_536) if ready else b""
            if not piece:
                return None
            said += piece
        answer: object = json.loads(said)
        return answer

    def _told(self) -> bytes:
        settings = self._settings
        given = {
            "path": str(self._path.absolute()),
            "socket": str(self.socket),
            "key": self.key,
            "context": settings.context,
            "parallel": settings.parallel,
            "threads": settings.threads or max(1, len(os.sched_getaffinity(0)) - 1),
            "cached_mib": settings.cached_prompts // MIB,
        }
        return json.dumps(given).encode() + b"\n"

    def _listen(self, running: subprocess.Popen[bytes]) -> None:
        assert running.stderr is not None
        with running.stderr as errors:
            while line := errors.readline(_LINE_BYTES):
                self._words.append(line)

    def _failed(self, told: object) -> ModelUnavailable:
        reason = told.get("error") if isinstance(told, dict) else "its process ended, or was not ready in time"
        return ModelUnavailable(
            f"the model {self._path} could not be loaded: {reason}; {self.last_words or 'it said nothing'}",
            mend="See that the file is whole, that llama.cpp knows its kind of model, and that memory is left",
        )


def _import_path() -> str:
    """Where this process finds its modules, for one with another home and another current folder."""
    return os.pathsep.join([*filter(os.path.isabs, sys.path), str(_ROOT)])


def _check_extra(package: str) -> None:
    if find_spec(package) is None:
        raise ModelUnavailable(
            "local models need llama.cpp, which is not installed", mend="Install it: pip install 'successor[local]'"
        )
