"""An attempt: a command works in a folder inside a sandbox, and what it leaves there comes out as files.

`guest/attempt.py` does the inside of it. What the command says of itself is kept for people, and is never evidence.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sandbox.contract import GUEST, MIB, Command, Ending, Limits, Mount, Outcome, Starter
from sandbox.errors import TransferRefused
from sandbox.transfer import Caps, extract

PLACE = "/work/task"
"""The current folder of the command; `/app` inside is a link to it."""
GIVEN = "/task"
"""Where the files come from, read-only."""

CAPS = Caps(members=5_000, total=32 * MIB)
"""What may be left behind."""
SAID = 64 * 1024
"""Bytes of what a command said that are kept: the last."""
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


def attempt(starter: Starter, limits: Limits, mounts: tuple[Mount, ...], work: Work) -> Left:
    """Have `work` done in a fresh sandbox that shows `mounts` as well.

    Raises `SandboxError` when the wall broke; whatever the command does is a `Left`.
    """
    wide = replace(limits, output=CAPS.stream + _HEADER)
    with starter.start((*mounts, Mount(work.files, GIVEN)), wide) as sandbox:
        outcome = sandbox.run(_command(work))
    header, archive = _read(outcome)
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
    with tempfile.TemporaryDirectory(prefix="successor-left-") as parent:
        root = Path(parent, "left")
        extract(io.BytesIO(archive), root, CAPS)
        found = (path for path in sorted(root.rglob("*")) if path.is_file())
        return {
            path.relative_to(root).as_posix(): (path.read_bytes(), bool(path.stat().st_mode & 0o100)) for path in found
        }


def _command(work: Work) -> Command:
    if not 0 < work.seconds <= LONGEST_SECONDS:
        raise ValueError(f"an attempt has more than 0 and at most {LONGEST_SECONDS:.0f} s")
    request = {
        "given": GIVEN,
        "place": PLACE,
        "argv": work.argv,
        "env": dict(work.env),
        "seconds": work.seconds,
        "stdin": len(work.stdin),
        "files": CAPS.members,
        "total": CAPS.total,
    }
    stdin = json.dumps(request).encode() + b"\n" + work.stdin
    return Command(("python", "-I", "-B", _GUEST), deadline=work.seconds + PACKING_SECONDS, stdin=stdin)


def _read(outcome: Outcome) -> tuple[dict[str, Any] | None, bytes]:
    """Return the header of what came out, if it has the form of one, and what follows it."""
    if outcome.ending is not Ending.EXITED or outcome.exit_code != 0:
        return None, b""
    line, newline, rest = outcome.stdout.partition(b"\n")
    try:
        said = json.loads(line) if newline and len(line) <= _HEADER else None
    except (ValueError, RecursionError):
        return None, b""
    if not isinstance(said, dict) or said.keys() != {"code", "why"} or not isinstance(said["why"], str):
        return None, b""
    if not (said["code"] is None or (type(said["code"]) is int and -256 < said["code"] < 256)):
        return None, b""
    return {**said, "why": "".join(c if " " <= c <= "~" else "?" for c in said["why"][:200])}, rest
