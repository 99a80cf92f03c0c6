"""Have a command work in a folder, end everything that is left of it, and send out what lies there.

The first line of standard input is one JSON object: `given` and `place` (folders inside), `make` (more folders, made
empty), `argv`, `env` (added), `seconds`, `stdin` (length), `out` (the folder to send), `keep` (paths there, if not all
are wanted), `files` and `total` (the most that is sent), `wire`; then so many bytes follow, which are what the command
reads. Standard output is one JSON line, `code` (null when the command was cut off) and `why` (a reason for there being
no files, or empty), and then a tar of the regular files in `out`. What the command said, standard output and standard
error in one, goes to standard error when all is over, the last of it only.

With `wire`, a word that nobody else knows, standard input and output are left to the command meanwhile, as the two
descriptors that `SUCCESSOR_WIRE` names; and the last line of output holds all: the word, header and tar, in base64.

Nothing here can be trusted: the command is the same user. What comes out is the command's answer, whoever wrote it.
"""

import base64
import io
import json
import os
import select
import signal
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

TAIL = 64 * 1024
WIRE = "SUCCESSOR_WIRE"
FIRST, HANDED = "SUCCESSOR_FIRST", "SUCCESSOR_HANDED"
LITTER = frozenset({"__pycache__", ".pytest_cache"})
_PIECE = 64 * 1024
_LOOK_SECONDS = 0.02
_ROUNDS = 500
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def lay_out(given: str, place: str) -> None:
    """Copy the files that are given, as the command's own, to a new folder."""
    Path(place).mkdir(parents=True)
    for folder, _, names in os.walk(given):
        here = Path(place, Path(folder).relative_to(given))
        here.mkdir(exist_ok=True)
        for name in names:
            source = Path(folder, name)
            (here / name).write_bytes(source.read_bytes())
            (here / name).chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)


def work(request: dict[str, Any], stdin: bytes) -> tuple[int | None, bytes]:
    """Run the command for as long as it may; return its exit code, None when it was cut off, and the last of its words.

    Everything that it started is dead when this returns.
    """
    argv, wire = request["argv"], (os.dup(0), os.dup(1)) if request["wire"] else ()
    env = {**os.environ, **request["env"], **({WIRE: f"{wire[0]},{wire[1]}"} if wire else {})}
    if argv[0] != "python":
        env = of_the_image(env)
    until = time.monotonic() + request["seconds"]
    try:
        process = subprocess.Popen(  # the argument vector is what we are here to run
            [sys.executable if part == "python" else part for part in argv[:1]] + argv[1:],
            stdin=held(stdin), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=request["place"],
            env=env, start_new_session=True, pass_fds=wire, preexec_fn=first_to_go,  # noqa: PLW1509  # one thread
        )  # fmt: skip
    except (OSError, ValueError) as error:
        return 127, f"{argv[0]}: {error}\n".encode()
    assert process.stdout is not None
    pipe, said, heard = process.stdout.fileno(), bytearray(), True
    os.set_blocking(pipe, False)
    while process.poll() is None and time.monotonic() < until:
        ready, _, _ = select.select([pipe] if heard else [], [], [], _LOOK_SECONDS)
        heard = heard and (not ready or listen(pipe, said))
    code = process.poll()
    end_all()
    while listen(pipe, said):
        pass
    return code, bytes(said)


def of_the_image(env: dict[str, str]) -> dict[str, str]:
    """Return the environment of a program that is not ours (see `in_image.py`)."""
    own = {name: value for name, value in env.items() if name not in (FIRST, HANDED)}
    return {**json.loads(env.get(HANDED, "{}")), **own}


def held(content: bytes) -> int:
    """Return a descriptor from which `content` can be read."""
    descriptor = os.memfd_create("stdin")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def first_to_go() -> None:
    """When memory runs out, let it be the command that the kernel ends, and not us."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def listen(pipe: int, said: bytearray) -> bool:
    """Take what can be read now; return whether there may be more."""
    try:
        piece = os.read(pipe, _PIECE)
    except BlockingIOError:
        return False
    said += piece
    del said[:-TAIL]
    return bool(piece)


def end_all() -> None:
    """Kill every process of this user but this one, and the one that keeps its time.

    All are stopped before any is killed: what multiplies stands still meanwhile.
    """
    keeper = os.getppid()
    for _ in range(_ROUNDS):
        with suppress(OSError):
            os.kill(-1, signal.SIGSTOP)
        left = [pid for pid in processes() if pid not in (os.getpid(), keeper, 1) and _kill(pid)]
        if keeper > 1:
            with suppress(OSError):
                os.kill(keeper, signal.SIGCONT)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not left:
            return
        time.sleep(_LOOK_SECONDS)


def processes() -> list[int]:
    """Return every process here that is not dead already."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            with suppress(OSError):
                state = (place / "stat").read_bytes().rpartition(b")")[2].split()[0]
                found += [int(place.name)] * (state not in (b"Z", b"X"))
    return found


def _kill(pid: int) -> bool:
    """Kill one process; return whether it was there and ours."""
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return False
    return True


Found = Iterator[tuple[str, int, os.stat_result]]


def kept(root: int, keep: list[str]) -> Found:
    """Yield the files below an open folder, or those of them that are to be kept."""
    return ((path, descriptor, status) for path, descriptor, status in files(root) if not keep or path in keep)


def files(root: int, prefix: str = "") -> Found:
    """Yield path, open descriptor and status of every regular file below an open folder; no link is followed."""
    for name in sorted(os.listdir(root)):
        if name in LITTER or name.endswith(".pyc"):
            continue
        kind = os.stat(name, dir_fd=root, follow_symlinks=False)
        is_folder = stat.S_ISDIR(kind.st_mode)
        if not (is_folder or stat.S_ISREG(kind.st_mode)):
            continue
        try:
            descriptor = os.open(name, _FOLDER if is_folder else _FILE, dir_fd=root)
        except PermissionError:
            os.chmod(name, 0o700 if is_folder else 0o600, dir_fd=root)
            descriptor = os.open(name, _FOLDER if is_folder else _FILE, dir_fd=root)
        try:
            if is_folder:
                yield from files(descriptor, f"{prefix}{name}/")
            else:
                yield f"{prefix}{name}", descriptor, kind
        finally:
            os.close(descriptor)


def too_much(request: dict[str, Any]) -> str:
    """Return why what was left is not sent, or nothing."""
    count = size = 0
    most, total = request["files"], request["total"]
    with opened(request["out"]) as root:
        for _, _, status in kept(root, request["keep"]):
            count, size = count + 1, size + status.st_size
            if count > most:
                return f"more than {most} files were left"
            if size > total:
                return f"more than {total} bytes were left"
    return ""


@contextmanager
def opened(place: str) -> Iterator[int]:
    """Give the descriptor of a folder that is not a link."""
    root = os.open(place, _FOLDER)
    try:
        yield root
    finally:
        os.close(root)


def pack(request: dict[str, Any], out: BinaryIO) -> None:
    """Write a tar of what was left."""
    with opened(request["out"]) as root, tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path, descriptor, status in kept(root, request["keep"]):
            member = tarfile.TarInfo(path)
            member.size = status.st_size
            member.mode = 0o755 if status.st_mode & 0o100 else 0o644
            with os.fdopen(os.dup(descriptor), "rb") as content:
                archive.addfile(member, content)


def attempt(request: dict[str, Any], stdin: bytes) -> tuple[dict[str, Any], io.BytesIO, bytes]:
    """Do all of it; return the header, the archive and the last of what was said."""
    archive = io.BytesIO()
    try:
        lay_out(request["given"], request["place"])
        for folder in request["make"]:
            Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return {"code": None, "why": f"the files do not fit: {error.strerror}"}, archive, b""
    code, said = work(request, stdin)
    try:
        why = too_much(request)
        if not why:
            pack(request, archive)
    except (OSError, RecursionError, MemoryError, tarfile.TarError) as error:
        why = f"what was left cannot be read: {getattr(error, 'strerror', None) or error}"
    return {"code": code, "why": why}, io.BytesIO() if why else archive, said


def main() -> None:
    """Read the request and answer it."""
    request = json.loads(sys.stdin.buffer.readline())
    header, archive, said = attempt(request, sys.stdin.buffer.read(request["stdin"]))
    sys.stderr.buffer.write(said)
    sys.stderr.buffer.flush()
    line = json.dumps(header).encode() + b"\n"
    if request["wire"]:
        answer = base64.b64encode(line + archive.getvalue()).decode()
        sys.stdout.buffer.write(json.dumps({"word": request["wire"], "answer": answer}).encode() + b"\n")
    else:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.write(archive.getbuffer())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
