"""Run a module as `python -m` does, and tell which functions each of its answers went through.

Arguments: a nonce, the folder whose files are of interest, the module, and the module's own arguments. Nothing changes
on standard input and output, where the module reads requests and writes answers, one a line. Standard error carries a
line for each answer: the nonce, a space and a JSON object of `id` (the answer's own), `ran` (numbers of the functions
that ran since the answer before) and `new` (names `path::qualified name`, numbered on from those told before). What ran
before the first request was read is told first, with an `id` of null. Functions within functions count as the outer. A
line with `elsewhere` says that by now something happened which no calls show: another process was started, a source of
the folder was read as a text, or the trace was taken away.

Nothing here can be trusted: the module is the same process, and may tell in our name. It is a hint where to look.
"""

import io
import json
import os
import runpy
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

MOST_TOLD = 4 * 1024 * 1024
"""Bytes that are told in all."""
LONGEST_ANSWER = 1024 * 1024
PROCESSES = frozenset(
    {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "subprocess.Popen"}
)
"""Events of starting another process. What it runs, nobody here hears of."""


class Told:
    """What ran since the last answer, and the telling of it."""

    def __init__(self, nonce: str, root: str) -> None:
        self._prefix = nonce.encode() + b" "
        self._root = root.rstrip("/") + "/"
        self._out = os.dup(2)
        self._left = MOST_TOLD
        self._ran: dict[int, CodeType] = {}
        self._names: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._kept: list[CodeType] = []
        self._started = False
        self._elsewhere = False

    def happened(self, event: str, given: tuple[Any, ...]) -> None:
        """Note what calls do not show. The import system reads sources to run them, anybody else as a text."""
        if event in PROCESSES:
            self._elsewhere = True
        elif event == "open" and isinstance(given[0], str) and given[0].endswith(".py"):
            reader = sys._getframe(1).f_code.co_filename  # there is no other way to know
            inside = os.path.abspath(given[0]).startswith(self._root)  # noqa: PTH100  # a path would open files itself
            self._elsewhere |= inside and not reader.startswith("<frozen importlib")

    def called(self, frame: FrameType, event: str, given: Any) -> None:  # noqa: ARG002  # what sys.settrace calls
        """Note a call. By identity, because the hash of code is that of all its parts."""
        code = frame.f_code
        self._ran[id(code)] = code

    def asked(self) -> None:
        """The first request is read now: what ran so far was for all of them."""
        if not self._started:
            self._started = True
            self._tell(None)

    def answered(self, line: bytes) -> None:
        """Tell what ran for one answer."""
        self.asked()
        try:
            task = json.loads(line)["id"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if isinstance(task, str):
            self._tell(task)

    def _tell(self, task: str | None) -> None:
        ran, self._ran = self._ran, {}
        known = len(self._numbers)
        numbers = sorted(
            {self._numbers.setdefault(name, len(self._numbers)) for name in map(self._name, ran.values()) if name}
        )
        told: dict[str, Any] = {"id": task, "ran": numbers, "new": list(self._numbers)[known:]}
        self._elsewhere |= sys.gettrace() != self.called
        if self._elsewhere:
            told["elsewhere"] = True
        line = self._prefix + json.dumps(told, separators=(",", ":")).encode() + b"\n"
        self._left -= len(line)
        while line and self._left > 0:
            line = line[os.write(self._out, line) :]

    def _name(self, code: CodeType) -> str:
        """Return the name of a function of interest, else nothing."""
        key = id(code)
        if key not in self._names:
            self._kept.append(code)  # so that no other code takes its identity
            inside = code.co_filename.startswith(self._root)
            name = code.co_qualname.partition(".<locals>")[0]
            named = inside and not name.startswith("<")
            self._names[key] = f"{code.co_filename[len(self._root) :]}::{name}" if named else ""
        return self._names[key]


class Answers(io.BufferedIOBase):
    """Standard output that sees the lines that pass."""

    def __init__(self, below: Any, seen: Callable[[bytes], None]) -> None:
        self._below = below
        self._seen = seen
        self._line = b""

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any) -> int:
        """Pass everything on, then look at the lines that it ends."""
        content = bytes(data)
        self._below.write(content)
        *lines, rest = (self._line + content).split(b"\n")
        self._line = rest if len(rest) <= LONGEST_ANSWER else b""
        for line in lines:
            self._seen(line)
        return len(content)

    def flush(self) -> None:
        """Pass it on."""
        self._below.flush()

    def fileno(self) -> int:
        """Return the descriptor of what lies below."""
        return int(self._below.fileno())


class Requests(io.BufferedReader):
    """Standard input that says when it is first read."""

    told: Told

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line."""
        self.told.asked()
        return super().readline(size)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so much."""
        self.told.asked()
        return super().read(size)

    def read1(self, size: int = -1, /) -> bytes:
        """Read what is there."""
        self.told.asked()
        return super().read1(size)


def main() -> None:
    """Take the place of `python -m MODULE`."""
    _, nonce, root, module, *rest = sys.argv
    told = Told(nonce, root)
    requests = Requests(io.FileIO(0, closefd=False))
    requests.told = told
    sys.stdin = io.TextIOWrapper(requests, encoding="utf-8")
    sys.stdout = io.TextIOWrapper(Answers(sys.stdout.buffer, told.answered), encoding="utf-8", write_through=True)
    sys.argv = [module, *rest]
    sys.path[0] = str(Path.cwd())  # as `-m` has it, and no folder of ours
    sys.addaudithook(told.happened)
    threading.settrace(told.called)
    sys.settrace(told.called)
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
