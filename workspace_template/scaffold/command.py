"""Run a program in the folder under a deadline, and return the part of its output that is the same every time."""

import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
KEPT = 200_000
# What differs between two runs of the same: a request with it in would never be the same twice.
VARYING = (
    (re.compile(r"\b\d+\.\d+( ?s| seconds)\b(?: \(\d+:\d\d:\d\d\))?"), r"0.00\1"),
    (re.compile(r"\bpytest-of-[\w.-]+/pytest-\d+"), "pytest"),
    (re.compile(r"/tmp/tmp\.?\w{8,10}\b"), "/tmp/temporary"),
    (re.compile(r"\b0x[0-9a-f]{6,}"), "0x..."),
)


@dataclass(frozen=True)
class Ran:
    """What a program came to; `code` is None when it was cut off at the deadline."""

    code: int | None
    output: str


def run(argv: Sequence[str], root: Path, seconds: float) -> Ran:
    """Run a program, without input, and kill what it leaves behind."""
    process = subprocess.Popen(
        argv, cwd=root, env=surroundings(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        output, in_time = _read(process, time.monotonic() + seconds)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
        assert process.stdout is not None
        process.stdout.close()
    return Ran(code if in_time else None, settled(output.decode(errors="replace"), root))


def surroundings() -> dict[str, str]:
    """Return the environment of a program: not on its path is this agent, a copy of which it may be about to test."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("SCAFFOLD_")}
    places = [
        place for place in given.get("PYTHONPATH", "").split(os.pathsep) if place and Path(place).resolve() != HOME
    ]
    return {**given, "PYTHONPATH": os.pathsep.join(places), "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"}


def settled(text: str, root: Path) -> str:
    """Return a text without what differs from run to run: durations, addresses, temporary and own places."""
    text = text.replace(f"{root}/", "").replace(str(root), ".")
    for pattern, stays in VARYING:
        text = pattern.sub(stays, text)
    return text


def _read(process: "subprocess.Popen[bytes]", deadline: float) -> tuple[bytes, bool]:
    """Return the beginning and the end of what a program writes, and whether it ended in time."""
    assert process.stdout is not None
    head, tail = b"", b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            ready = selector.select(min(left, 0.05))
            if ready:
                piece = os.read(process.stdout.fileno(), 65_536)
                if not piece:
                    break
                room = KEPT - len(head)
                head, tail = head + piece[:room], (tail + piece[room:])[-KEPT:]
            elif process.poll() is not None:
                break  # it has ended, and what it left behind holds its output open
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(deadline - time.monotonic(), 0))
    return head + tail, process.returncode is not None
