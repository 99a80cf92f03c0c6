"""What a sandbox uses is limited."""

from sandbox.contract import MIB, Ending, Limits
from tests.conformance.registry import check
from tests.conformance.walls import SMALL, text


@check
def a_fork_bomb_meets_its_limit(wall):
    code = """
import os, time
made = 0
try:
    while made < 400:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        made += 1
except OSError:
    pass
os.write(1, str(made).encode())
os._exit(0)
"""
    outcome = wall.python(code, deadline=60)
    assert 8 <= int(text(outcome)) <= SMALL.processes
    assert outcome.seconds < 50


@check
def a_memory_bomb_ends_as_out_of_memory(wall):
    assert wall.python("x = [bytearray(8 << 20) for _ in range(200)]").ending is Ending.OUT_OF_MEMORY


@check
def a_memory_bomb_gets_no_further_than_its_limit(wall):
    code = """
held = []
for _ in range(100):
    held.append(bytearray(8 << 20))
    print(len(held) * 8, flush=True)
"""
    outcome = wall.python(code)
    assert outcome.exit_code != 0
    assert 64 <= int(outcome.stdout.split()[-1]) <= SMALL.memory // MIB


@check
def a_disk_bomb_meets_its_limit(wall):
    code = """
import errno
for place, cap in (("/work", 32), ("/tmp", 16), ("/dev/shm", 16)):
    written = 0
    try:
        for number in range(40):
            with open(f"{place}/{number}", "wb") as file:
                file.write(bytes(1 << 20))
            written += 1
        print("no limit", place)
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
    assert written <= cap, (place, written)
    import shutil, os
    for name in os.listdir(place):
        os.unlink(f"{place}/{name}")
"""
    assert text(wall.python(code)) == ""


@check
def an_inode_bomb_meets_its_limit(wall):
    code = """
import errno
for place in ("/work", "/tmp"):
    try:
        for number in range(5000):
            open(f"{place}/{number}", "w").close()
        print("no limit", place)
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
"""
    assert text(wall.python(code)) == ""


@check
def a_file_may_not_grow_past_its_limit(wall):
    limits = Limits(memory=256 * MIB, tmp=16 * MIB, work=64 * MIB, file_size=4 * MIB)
    outcome = wall.python("open('/work/x', 'wb').write(bytes(8 << 20))", limits=limits)
    assert (outcome.ending, outcome.exit_code) != (Ending.EXITED, 0)
    assert b"File too large" in outcome.stderr


@check
def descriptors_run_out(wall):
    code = "import os\nfds = []\ntry:\n    while True: fds.append(os.dup(0))\nexcept OSError:\n    print(len(fds))"
    assert int(text(wall.python(code))) < SMALL.open_files


@check
def no_core_is_dumped(wall):
    assert text(wall.python("import resource; print(resource.getrlimit(resource.RLIMIT_CORE))")) == "(0, 0)"


@check
def an_output_bomb_ends_as_output_limit(wall):
    limits = Limits(memory=256 * MIB, tmp=16 * MIB, work=32 * MIB, output=256 * 1024)
    outcome = wall.run("yes", limits=limits, deadline=30)
    assert outcome.ending is Ending.OUTPUT_LIMIT
    assert len(outcome.stdout) == limits.output
    assert outcome.seconds < 20


@check
def an_error_output_bomb_ends_as_output_limit(wall):
    limits = Limits(memory=256 * MIB, tmp=16 * MIB, work=32 * MIB, output=256 * 1024)
    outcome = wall.run("sh", "-c", "yes >&2", limits=limits, deadline=30)
    assert outcome.ending is Ending.OUTPUT_LIMIT
    assert len(outcome.stderr) == limits.output
