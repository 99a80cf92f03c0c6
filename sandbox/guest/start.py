"""What every command in a container starts from: it reads what to become, takes on the system call filter, becomes it.

It may wait for as long as it likes, so that a container can stand ready before it is known what for. Run by the
inside's own Python with `-I -S -B`, as the user that the command will be; no candidate code runs before or beside it.

    this -> host   `ready\\n` on standard error, when it waits
    host -> this   eight hexadecimal digits, then so many bytes of JSON, on standard input:
                   {"argv": [...], "env": {...}, "cwd": "...", "deadline": seconds, "filter": "base64",
                    "pipes": "..."}, the last a folder of named pipes to take as standard streams, or empty
    this -> host   `begin\\n` on standard error; whatever follows, there or in the pipes, is the command's

Not one byte more of standard input is read, so that the rest is the command's own. Nothing is proxied: this process
becomes `timeout`, which starts the command. When anything goes wrong, no `begin` is said: the host then knows that
the wall failed and not the command.
"""

import binascii
import ctypes
import json
import os
import signal

LENGTH_DIGITS = 8
READY = b"ready\n"
BEGIN = b"begin\n"
PATH = "/opt/successor/inside/tools:/usr/local/bin:/usr/bin:/bin"
"""Our own programs first, where this is an image that is not ours."""

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38  # linux/prctl.h
_SECCOMP_MODE_FILTER = 2  # linux/seccomp.h
_INSTRUCTION_BYTES = 8


class _Program(ctypes.Structure):
    """`struct sock_fprog` of linux/filter.h."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def main() -> None:
    """Become the command that standard input asks for."""
    os.write(2, READY)
    asked = json.loads(_exactly(int(_exactly(LENGTH_DIGITS), 16)))
    timeout = _find("timeout")
    argv = ["timeout", "-k", "1", f"{asked['deadline']:.3f}", *asked["argv"]]
    os.chdir(asked["cwd"])
    # Python ignores these two, and what is ignored stays so in the program that a process becomes.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    streams = _opened(asked["pipes"])
    _restrict(binascii.a2b_base64(asked["filter"]))
    os.write(2, BEGIN)
    for stream, descriptor in enumerate(streams):
        os.dup2(descriptor, stream)
    os.execve(timeout, argv, asked["env"])


def _exactly(size: int) -> bytes:
    """Read so many bytes of standard input, and not one more."""
    pieces = []
    while size:
        piece = os.read(0, size)
        if not piece:
            raise SystemExit("nobody asked for anything")
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def _opened(pipes: str) -> list[int]:
    """Open the ends of the named pipes that are the command's, in the order of the standard streams."""
    if not pipes:
        return []
    # Whoever asked holds the other ends already, so that none of these waits; they close when the command begins.
    wanted = (("in", os.O_RDONLY), ("out", os.O_WRONLY), ("err", os.O_WRONLY))
    return [os.open(f"{pipes}/{name}", flags | os.O_CLOEXEC) for name, flags in wanted]


def _find(program: str) -> str:
    for folder in PATH.split(":"):
        path = f"{folder}/{program}"
        if os.access(path, os.X_OK):
            return path
    raise SystemExit(f"there is no {program} here")


def _restrict(instructions: bytes) -> None:
    """Take on a seccomp filter, which nothing that comes of this process can take off again."""
    if not instructions:
        return
    held = ctypes.create_string_buffer(instructions, len(instructions))
    program = _Program(len(instructions) // _INSTRUCTION_BYTES, ctypes.cast(held, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the system call filter was refused")


if __name__ == "__main__":
    main()
