"""A candidate that ends its own container, so that its run looks like a wall that broke: run again, and in the end
nothing that was asked for is measured. Each was tried against a real container first.

The first process cannot be signalled from inside, but it is the largest one left where everything else is smaller:
segments of shared memory and pages of files belong to nobody, and whoever fills them up has the kernel end it.
"""

import base64
import platform
import time
import zlib

import pytest

from sandbox.contract import Command, Ending, Limits
from sandbox.docker_backend import DockerBackend
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(platform.machine() != "x86_64", reason="the program of the attack is made for x86-64"),
]
LIMITS = Limits(memory=256 << 20, tmp=16 << 20, work=32 << 20)

# Of a few hundred bytes, so that nothing is smaller (x86-64, no libc): wait until the parent is gone, then write to
# descriptors 3 and 4 until that fails, then pause.
WRITER = zlib.decompress(
    base64.b64decode(
        "eNqrd/VxY2JkZIABJgY7BhBvA4MDmO8AFe9AKAGKWQDVOTCwMDCD1bKC1UMATB+MngQVh9EwYwKflqSwMRAPBKC04aXgHXlA2qPz"
        "ukfnNX5Wz84Dhgc8emNUPngcd1H54eDED5RyUfnguBOkynGXMpD06TwBV255oJTXp/OCR+d9MP/14/3MIHU7QO7aB/LaLpBVPp0H"
        "+Fk9Wg/Uf/No/s9Swr6fBSj9+qXjDiWwE4DSMANff3Z3BgC7i0B6"
    )
)

CODE = """
import ctypes, os, sys, time
with open("/tmp/writer", "wb") as file:
    file.write(bytes.fromhex(sys.argv[1]))
os.chmod("/tmp/writer", 0o755)
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
libc.shmdt.argtypes = [ctypes.c_void_p]
for _ in range(238):
    place = libc.shmat(libc.shmget(0, 1 << 20, 0o1600), None, 0)
    ctypes.memset(place, 1, 1 << 20)
    libc.shmdt(place)
for descriptor, path in ((13, "/work/x"), (14, "/tmp/x")):
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
if os.fork() == 0:
    os.dup2(13, 3)
    os.dup2(14, 4)
    os.execv("/tmp/writer", ["writer"])
time.sleep(0.2)
print("answer", flush=True)
os._exit(int(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def backend(cache):
    made = DockerBackend(cache)
    try:
        made.check()
    except BackendUnavailable as error:
        pytest.skip(str(error))
    yield made
    made.close()


@pytest.mark.parametrize("code", [0, 3])
def test_a_container_ended_from_inside_is_its_own_doing(backend, monkeypatch, code):
    asked = Engine.command_state

    def late(engine, command):
        time.sleep(1)  # which an engine at work elsewhere takes, and then nothing is left to be killed
        return asked(engine, command)

    monkeypatch.setattr(Engine, "command_state", late)
    with backend.start((), LIMITS) as sandbox:
        outcome = sandbox.run(Command(("python", "-I", "-c", CODE, WRITER.hex(), str(code)), 20))

    assert outcome.ending is Ending.OUT_OF_MEMORY
