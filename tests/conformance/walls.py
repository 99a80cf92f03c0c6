"""The walls that the conformance checks are run against: what a check may ask of each, in one shape."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox.contract import Backend, Command, Ending, Limits, Mount, Outcome, Role, Runtime

REPOSITORY = Path(__file__).parents[2]
ORDINARY_USER = 54_321
SMALL = Limits(memory=256 * 1024 * 1024, tmp=16 * 1024 * 1024, work=32 * 1024 * 1024, processes=48, inodes=2000)


@dataclass(frozen=True)
class Request:
    """One command with everything around it."""

    argv: tuple[str, ...]
    deadline: float = 30
    stdin: bytes = b""
    env: Mapping[str, str] | None = None
    limits: Limits = SMALL
    mounts: tuple[Mount, ...] = ()
    role: Role = "solver"

    @property
    def command(self) -> Command:
        return Command(self.argv, self.deadline, self.stdin, dict(self.env or {}))


class Wall:
    """A backend called from this process."""

    def __init__(self, name: str, backend: Backend, scratch: Path) -> None:
        self.name = name
        self.backend = backend
        self.scratch = scratch
        self.runtime: Runtime = backend.prepare()

    def run(self, *argv: str, **given: Any) -> Outcome:
        return self.ask(Request(argv, **given))

    def python(self, code: str, *argv: str, **given: Any) -> Outcome:
        return self.run("python", "-c", code, *argv, **given)

    def close(self) -> None:
        """Nothing to close: what a wall made is gone when it answers."""

    def ask(self, request: Request) -> Outcome:
        with self.backend.start(request.mounts, request.limits, request.role) as sandbox:
            return sandbox.run(request.command)


class WallOfAnOrdinaryUser(Wall):
    """Bubblewrap called by a process that is not root, from a copy of the code and the cache that it can read."""

    def __init__(self, backend: Backend, scratch: Path) -> None:
        super().__init__("bubblewrap_as_user", backend, scratch)
        self._idle: list[subprocess.Popen[bytes]] = []
        scratch.chmod(0o755)
        code = scratch / "code"
        shutil.copytree(REPOSITORY / "sandbox", code / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(Path(__file__).with_name("as_user.py"), code)
        cache = scratch / "cache"
        inside = self.runtime.stdlib.parent
        shutil.copytree(inside, cache / "inside" / inside.name, symlinks=True)
        for path in (cache, *cache.rglob("*")):
            os.chown(path, ORDINARY_USER, ORDINARY_USER, follow_symlinks=False)
        self._line = [
            *("setpriv", "--reuid", str(ORDINARY_USER), "--regid", str(ORDINARY_USER), "--clear-groups"),
            *("--inh-caps=-all", "/usr/bin/python3", "-W", "error", str(code / "as_user.py"), str(cache)),
        ]

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", env={"PATH": "/usr/bin:/bin"}
        )

    def close(self) -> None:
        for speaker in self._idle:
            speaker.communicate()
            assert speaker.returncode == 0

    def ask(self, request: Request) -> Outcome:
        asked = {
            "argv": request.argv,
            "deadline": request.deadline,
            "stdin": base64.b64encode(request.stdin).decode(),
            "env": dict(request.env or {}),
            "limits": asdict(request.limits),
            "mounts": [[str(mount.source), mount.target] for mount in request.mounts],
            "role": request.role,
        }
        speaker = self._idle.pop() if self._idle else self._start()
        speaker.stdin.write(json.dumps(asked).encode() + b"\n")
        speaker.stdin.flush()
        said = json.loads(speaker.stdout.readline())
        self._idle.append(speaker)
        return Outcome(
            Ending(said["ending"]),
            said["exit_code"],
            base64.b64decode(said["stdout"]),
            base64.b64decode(said["stderr"]),
            said["seconds"],
        )


def alive(marker: str) -> list[str]:
    """Return the command lines, on this whole machine, of processes that carry `marker` as an argument."""
    return [line for line, _ in _carriers(marker)]


def users_of(marker: str) -> set[int]:
    """Return the users, as this machine counts them, of processes that carry `marker` as an argument."""
    return {user for _, user in _carriers(marker)}


def _carriers(marker: str) -> list[tuple[str, int]]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line, user = path.read_bytes().split(b"\0"), path.stat().st_uid
        except OSError:
            continue
        if marker.encode() in line and int(path.parent.name) != os.getpid():
            found.append((b" ".join(line).decode("utf-8", "replace"), user))
    return found


def text(outcome: Outcome) -> str:
    """Return what a command printed, and make a failure of the command itself visible."""
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 0), outcome
    return outcome.stdout.decode().strip()
