"""A candidate that takes over the first process of its sandbox: of the same user, and under no limits of ours.

Tracing it is refused by the filter, but its memory is a file as well. Written over, it would run what the candidate likes,
with as many processes and as much memory as the machine has.
"""

import pytest

from sandbox.choose import choose
from sandbox.contract import MIB, Command, Limits
from sandbox.errors import BackendUnavailable

LIMITS = Limits(memory=256 * MIB, tmp=16 * MIB, work=32 * MIB)

WRITES = """
import os
for path in ("/proc/1/mem", "/proc/1/task/1/mem"):
    for flags in (os.O_WRONLY, os.O_RDWR):
        try:
            os.open(path, flags)
        except OSError:
            print("refused", end=" ")
    try:
        with open(os.path.dirname(path) + "/maps") as maps, open(path, "rb", buffering=0) as memory:
            memory.seek(int(maps.readline().split("-")[0], 16))
            print("read" if memory.read(4) else "refused", end=" ")
    except (OSError, ValueError):
        print("refused", end=" ")
"""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
def test_the_memory_of_the_first_process_is_out_of_reach(name, cache):
    try:
        backend = choose(name, cache)
    except BackendUnavailable as error:
        pytest.skip(f"{name}: {error}")
    try:
        with backend.start((), LIMITS) as sandbox:
            outcome = sandbox.run(Command(("python", "-I", "-c", WRITES), 20))
    finally:
        backend.close()

    assert outcome.stdout.split() == [b"refused"] * 6
