"""Raw system calls from inside a sandbox, by the numbers of the machine's own table: for checks of the filter."""

import json
import platform

from sandbox.system_calls import table

PREAMBLE = """
import ctypes, errno, json, os, signal, socket, struct, subprocess, sys, time
NUMBERS = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(name, *arguments):
    \"\"\"Say what the kernel answers: the name of an error, or `did` and the call.\"\"\"
    kept = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    answer = libc.syscall(ctypes.c_long(NUMBERS[name]), *kept)
    said = errno.errorcode[ctypes.get_errno()] if answer == -1 else f"did {name}: {answer}"
    return said
def zeros(size=256):
    return ctypes.create_string_buffer(size)
"""


def numbers() -> dict[str, int]:
    """Return the number of each call of the table on this machine."""
    machine = platform.machine()
    return {refusal.name: refusal.numbers[machine] for refusal in table() if machine in refusal.numbers}


def ask(wall, code, **given):
    """Run `code`, which may use `call`, in a sandbox of `wall`."""
    return wall.python(PREAMBLE + code, json.dumps(numbers()), **given)
