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


@check
def bombs_on_both_outputs_at_once_end_as_output_limit(wall):
    limits = Limits(memory=256 * MIB, tmp=16 * MIB, work=32 * MIB, output=256 * 1024)
    outcome = wall.run("sh", "-c", "yes & yes >&2", limits=limits, deadline=30)
    assert outcome.ending is Ending.OUTPUT_LIMIT
    assert max(len(outcome.stdout), len(outcome.stderr)) == limits.output
    assert outcome.seconds < 20


@check
def a_file_with_a_hole_is_no_larger_than_another(wall):
    """A sparse file takes no room, so that only the limit on its length holds it."""
    code = """
import errno, os
for folder in ("/work", "/tmp", "/dev/shm"):
    file = os.open(folder + "/hole", os.O_RDWR | os.O_CREAT)
    for grow in (lambda: os.truncate(file, 1 << 40), lambda: os.pwrite(file, b"x", 1 << 40),
                 lambda: os.posix_fallocate(file, 0, 1 << 40)):
        try:
            grow()
            print("grown", folder)
        except OSError as error:
            assert error.errno in (errno.EFBIG, errno.ENOSPC), error
"""
    assert text(wall.python(code)) == ""


@check
def nobody_stays_a_zombie(wall):
    """Children whose parents are gone are let go by the first process; 60 of them come and go."""
    code = """
import os, time
before = len(os.listdir("/proc"))
for _ in range(30):
    if (middle := os.fork()) == 0:
        if os.fork() == 0:
            time.sleep(0.05)
        os._exit(0)
    os.waitpid(middle, 0)
until = time.monotonic() + 5
while len(os.listdir("/proc")) > before and time.monotonic() < until:
    time.sleep(0.05)
print(len(os.listdir("/proc")) - before)
"""
    assert text(wall.python(code)) == "0"


@check
def descriptors_used_up_by_one_process_leave_some_to_the_next(wall):
    code = """
import os, subprocess, sys
hog = "import os, time\\nfds = []\\ntry:\\n    while True: fds.append(os.dup(0))\\nexcept OSError:\\n    print('full', flush=True); time.sleep(60)"
hogs = [subprocess.Popen([sys.executable, "-c", hog], stdout=subprocess.PIPE) for _ in range(5)]
print([one.stdout.readline() for one in hogs] == [b"full\\n"] * 5, len([os.open("/dev/null", 0) for _ in range(100)]), flush=True)
os._exit(0)
"""
    assert text(wall.python(code)) == "True 100"


@check
def a_sandbox_gets_no_more_than_its_share_of_the_cores(wall):
    """Measured by the time that the kernel says its processes were given: a busy machine can only make that less."""
    code = """
import os, resource, time
started = time.monotonic()
for _ in range(2):
    if os.fork() == 0:
        while time.monotonic() < started + 1.5:
            pass
        os._exit(0)
for _ in range(2):
    os.wait()
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print((used.ru_utime + used.ru_stime) / (time.monotonic() - started))
"""
    limits = Limits(memory=256 * MIB, tmp=16 * MIB, work=32 * MIB, cpus=0.2)
    assert float(text(wall.python(code, limits=limits))) < 0.35


@check
def address_space_runs_out_before_the_machines(wall):
    """A mapping that nobody touches takes no memory; all the same none may be larger than what there is."""
    code = """
import mmap
try:
    mmap.mmap(-1, 64 << 40)
    print("mapped")
except (OSError, ValueError, OverflowError):
    pass
"""
    assert text(wall.python(code)) == ""
