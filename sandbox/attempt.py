"""An attempt: a command works in a folder inside a sandbox, and what it leaves there comes out as files.

`guest/attempt.py` does the inside of it. What the command says of itself is kept for people, and is never evidence.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sandbox.contract import GUEST, MIB, WORK, Command, Ending, Limits, Mount, Outcome, Role, Starter
from sandbox.errors import TransferRefused
from sandbox.scratch import Scratch
from sandbox.transfer import Caps, extract

PLACE = "/work/task"
"""The current folder of the command; `/app` inside is a link to it."""
GIVEN = "/task"
"""Where the files come from, read-only."""

LOGS = tuple(f"{WORK}/logs/{name}" for name in ("agent", "artifacts", "verifier"))
"""Folders that are there before; `/logs` inside is a link to the one that they are in."""

CAPS = Caps(members=5_000, total=32 * MIB)
"""What may be left behind."""
SAID = 64 * 1024
"""Bytes of what a command said that are kept: the last."""
PREFIX = "successor-left-"
PACKING_SECONDS = 60.0
LONGEST_SECONDS = 1_700.0
"""The most that one attempt may be given, by what a sandbox may live."""
_HEADER = 4_096
_GUEST = f"{GUEST}/attempt.py"


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done, on which files."""

    files: Path
    """A staged folder on the host, with what lies in `PLACE` before."""
    argv: tuple[str, ...]
    seconds: float
    """For the command, at most `LONGEST_SECONDS`; then everything of it is killed, and what it left is packed."""
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    out: str = PLACE
    """The folder inside whose files come out."""
    keep: tuple[str, ...] = ()
    """The files of it that come out, where not all are wanted."""


@dataclass(frozen=True, slots=True)
class Left:
    """What came of it."""

    outcome: Outcome
    """Of the whole sandbox. Its standard error is the last of what the command said on both outputs; its standard
    output is empty."""
    code: int | None
    """Exit code of the command as the inside tells it; None when it was cut off, or the inside told nothing."""
    files: Mapping[str, tuple[bytes, bool]] | None
    """Content, and whether executable, by path relative to `PLACE`: regular files, without caches. None when nothing
    acceptable came out."""
    why: str
    """Why `files` is None."""


def attempt(starter: Starter, limits: Limits, mounts: tuple[Mount, ...], work: Work, role: Role = "solver") -> Left:
    """Have `work` done in a fresh sandbox that shows `mounts` as well.

    Raises `SandboxError` when the wall broke; whatever the command does is a `Left`.
    """
    wide = replace(limits, output=CAPS.stream + _HEADER)
    with starter.start((*mounts, Mount(work.files, GIVEN)), wide, role) as sandbox:
        outcome = sandbox.run(command(work))
    return left(outcome)


def left(outcome: Outcome, word: str = "") -> Left:
    """Read what came out of a sandbox that ran `command(work, word)`."""
    header, archive = _read(outcome, word)
    told = replace(outcome, stdout=b"", stderr=outcome.stderr[-SAID:])
    if header is None:
        return Left(told, None, None, f"nothing readable came out of the sandbox ({outcome.ending})")
    if header["why"]:
        return Left(told, header["code"], None, header["why"])
    try:
        return Left(told, header["code"], unpacked(archive), "")
    except TransferRefused as error:
        return Left(told, header["code"], None, error.what)


def unpacked(archive: bytes) -> dict[str, tuple[bytes, bool]]:
    """Return the files of an archive that is within `CAPS`. Raises `TransferRefused`."""
    with closing(Scratch(PREFIX)) as scratch:
        root = scratch.folder() / "left"
        extract(io.BytesIO(archive), root, CAPS)
        found = (path for path in sorted(root.rglob("*")) if path.is_file())
        return {
            path.relative_to(root).as_posix(): (path.read_bytes(), bool(path.stat().st_mode & 0o100)) for path in found
        }


def command(work: Work, word: str = "") -> Command:
    """Return the command that does `work`, to be run with `Mount(work.files, GIVEN)`.

    With a `word` that nobody else knows, it speaks over a wire: see `guest/attempt.py`.
    """
    if not 0 < work.seconds <= LONGEST_SECONDS:
        raise ValueError(f"an attempt has more than 0 and at most {LONGEST_SECONDS:.0f} s")
    request = {
        "given": GIVEN,
        "place": PLACE,
        "make": LOGS,
        "out": work.out,
        "keep": work.keep,
        "wire": word,
        "argv": work.argv,
        "env": dict(work.env),
        "seconds": work.seconds,
        "stdin": len(work.stdin),
        "files": CAPS.members,
        "total": CAPS.total,
    }
    stdin = json.dumps(request).encode() + b"\n" + work.stdin
    return Command(("python", "-I", "-B", _GUEST), deadline=work.seconds + PACKING_SECONDS, stdin=stdin)


def _read(outcome: Outcome, word: str) -> tuple[dict[str, Any] | None, bytes]:
    """Return the header of what came out, if it has the form of one, and what follows it."""
    if outcome.ending is not Ending.EXITED or outcome.exit_code != 0:
        return None, b""
    whole = _of_the_wire(outcome.stdout, word) if word else outcome.stdout
    line, newline, rest = whole.partition(b"\n")
    said = _object(line) if newline and len(line) <= _HEADER else None
    if said is None or said.keys() != {"code", "why"} or not isinstance(said["why"], str):
        return None, b""
    if not (said["code"] is None or (type(said["code"]) is int and -256 < said["code"] < 256)):
        return None, b""
    return {**said, "why": "".join(c if " " <= c <= "~" else "?" for c in said["why"][:200])}, rest


def _of_the_wire(stdout: bytes, word: str) -> bytes:
    """Return what the one line that bears the word holds."""
    said = [line for line in map(_object, stdout.split(b"\n")) if line is not None and line.get("word") == word]
    if len(said) != 1 or not isinstance(said[0].get("answer"), str):
        return b""
    try:
        return base64.b64decode(said[0]["answer"], validate=True)
    except ValueError:
        return b""


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
