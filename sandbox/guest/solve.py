"""Carry out commands for tests that are graded in another sandbox, one at a time, and say what came of each.

Started in the sandbox that holds the scaffold, and no test. Each line of standard input is one request, a JSON object:
`id`, `argv`, `stdin`, `files` (path -> content, laid out in a fresh current folder), `env` (added), `keep` (paths to
send back), `seconds`. Content is in base64. Each line of standard output is its answer: `id`, `code` (null when it was
cut off), `stdout`, `stderr`, `files`.

Nothing here can be trusted: the scaffold is the same user and may answer in our name. What it says is only an answer,
and the tests that judge it are out of its reach.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

MOST_KEPT = 8 * 1024 * 1024
FIRST, HANDED = "SUCCESSOR_FIRST", "SUCCESSOR_HANDED"
"""Variables that are there in an image which is not ours, where `python` is the image's own."""


def carry_out(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Run one command in `folder` and return its answer."""
    lay_out(request["files"], folder)
    own = FIRST not in os.environ
    argv = [sys.executable if own and part == "python" else part for part in request["argv"][:1]] + request["argv"][1:]
    try:
        process = subprocess.Popen(  # the argument vector is the parent's tests' own
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
            env=of_the_image({**os.environ, **request["env"]}), start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return {"code": 127, "stdout": "", "stderr": encoded(str(error).encode()), "files": {}}
    try:
        stdout, stderr = process.communicate(base64.b64decode(request["stdin"]), request["seconds"])
        code = process.returncode
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        (stdout, stderr), code = process.communicate(), None
    kept = {path: content for path in request["keep"] if (content := read(folder / path)) is not None}
    return {"code": code, "stdout": encoded(stdout), "stderr": encoded(stderr), "files": kept}


def of_the_image(env: dict[str, str]) -> dict[str, str]:
    """Return the environment of a program that is not ours (see `in_image.py`); in our own inside, what is given."""
    own = {name: value for name, value in env.items() if name not in (FIRST, HANDED)}
    return {**json.loads(env.get(HANDED, "{}")), **own}


def lay_out(files: dict[str, str], folder: Path) -> None:
    """Write the files that a request brings."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(base64.b64decode(content))


def read(path: Path) -> str | None:
    """Return a regular file's content, up to a cap; None when there is none."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return encoded(file.read(MOST_KEPT))


def encoded(content: bytes) -> str:
    """Base64, because JSON holds no bytes."""
    return base64.b64encode(content).decode("ascii")


def main() -> None:
    """Answer until there are no more requests."""
    for line in sys.stdin.buffer:
        request = json.loads(line)
        with tempfile.TemporaryDirectory(dir=Path.cwd(), ignore_cleanup_errors=True) as folder:
            answer = {"id": request["id"], **carry_out(request, Path(folder))}
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
