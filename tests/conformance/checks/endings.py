"""A deadline holds, and how a command ended is told rightly."""

import secrets

import pytest

from sandbox.bubblewrap_backend import BubblewrapBackend
from sandbox.contract import Ending, Mount
from sandbox.docker_backend import DockerBackend
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable, SandboxBroken
from tests.conformance.registry import check
from tests.conformance.walls import SMALL, alive


@check
def after_the_deadline_nothing_is_alive(wall):
    marker = secrets.token_hex(8)
    code = """
import os, signal, subprocess, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass  # those that the C library keeps for itself
stubborn = "import time; print('up', flush=True); time.sleep(600)"  # masks and ignored signals pass to a new program
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, ["python", "-c", stubborn, sys.argv[1]])
        os._exit(0)
time.sleep(600)
"""
    outcome = wall.python(code, marker, deadline=2)
    assert outcome.ending is Ending.TIMED_OUT
    assert outcome.exit_code is None
    assert outcome.stdout.count(b"up") == 2
    assert 2 <= outcome.seconds < 15
    assert alive(marker) == []


@check
def what_a_command_leaves_running_dies_with_it(wall):
    marker = secrets.token_hex(8)
    code = """
import os, subprocess, sys
daemon = "import os, time; print('daemon', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", daemon, sys.argv[1]], start_new_session=True, stdout=subprocess.PIPE)
child.stdout.readline()
quiet = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", sys.argv[1]], start_new_session=True)
print("done", flush=True)
os._exit(3)
"""
    outcome = wall.python(code, marker, deadline=30)
    assert (outcome.ending, outcome.exit_code, outcome.stdout) == (Ending.EXITED, 3, b"done\n")
    assert outcome.seconds < 15
    assert alive(marker) == []


@check
def a_command_that_stops_its_supervisors_meets_the_deadline(wall):
    """And then itself: the clock does not stand still with it."""
    code = """
import os, signal, time
for pid in sorted(int(p) for p in os.listdir("/proc") if p.isdigit()):
    if pid != os.getpid():
        try:
            os.kill(pid, signal.SIGSTOP)
        except OSError:
            pass
os.kill(os.getpid(), signal.SIGSTOP)
"""
    outcome = wall.python(code, deadline=2)
    assert outcome.ending is Ending.TIMED_OUT
    assert outcome.seconds < 15


@check
def closing_its_outputs_does_not_end_a_command(wall):
    code = "import os, time; os.write(1, b'x'); os.close(0); os.close(1); os.close(2); time.sleep(1); os._exit(5)"
    outcome = wall.python(code)
    assert (outcome.ending, outcome.exit_code, outcome.stdout) == (Ending.EXITED, 5, b"x")
    assert outcome.seconds >= 1
    assert wall.python(code.replace("sleep(1)", "sleep(600)"), deadline=2).ending is Ending.TIMED_OUT


@check
def exit_codes_are_passed_on(wall):
    for code in (0, 1, 77, 124, 125, 255):
        outcome = wall.run("sh", "-c", f"exit {code}")
        assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, code)


@check
def a_crash_is_not_a_timeout(wall):
    outcome = wall.python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 139)
    assert wall.python("import os, signal; os.kill(os.getpid(), signal.SIGKILL)").ending is Ending.KILLED


@check
def an_unknown_program_is_the_commands_own_failure(wall):
    outcome = wall.run("no-such-program")
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 127)


@check
def a_sandbox_whose_folder_is_gone_is_broken_and_not_failed(wall):
    missing = Mount(wall.scratch / "never-staged", "/cand")
    with pytest.raises(SandboxBroken, match="not there"), wall.backend.start((missing,), SMALL):
        pass


@check
def a_wall_that_is_not_there_is_unavailable_and_says_what_to_do(wall):
    """Neither a candidate that failed nor a sandbox that broke: nothing was started."""
    with pytest.raises(BackendUnavailable) as caught:
        absent(wall).check()
    assert caught.value.mend


def absent(wall):
    """The same kind of wall where there is none: an engine that does not answer, a bubblewrap that is not installed."""
    if wall.name == "docker":
        return DockerBackend(wall.scratch, engine=Engine(f"unix://{wall.scratch}/no-engine.sock"))
    backend = BubblewrapBackend(wall.scratch)
    backend.check = with_path("/nonexistent", backend.check)
    return backend


def with_path(path, function):
    def call():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PATH", path)
            return function()

    return call


@check
def a_fork_bomb_does_not_outlive_its_deadline(wall):
    """It forks while it is being killed."""
    marker = secrets.token_hex(8)
    bomb = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
    outcome = wall.python(bomb, marker, deadline=1.5)
    assert outcome.ending in {Ending.TIMED_OUT, Ending.OUT_OF_MEMORY}
    assert alive(marker) == []


@check
def four_ends_are_four_endings(wall):
    """The same program ended by itself, by a fault, by a signal of its own and by its deadline."""
    code = "import os, sys; print('before', flush=True); "
    ends = {
        "sys.exit(9)": (Ending.EXITED, 9),
        "os.kill(os.getpid(), 11)": (Ending.EXITED, 139),
        "os.kill(os.getpid(), 9)": (Ending.KILLED, None),
        "os.read(os.pipe()[0], 1)": (Ending.TIMED_OUT, None),
    }
    for end, (ending, code_of_exit) in ends.items():
        outcome = wall.python(code + end, deadline=1.5)
        assert (outcome.ending, outcome.stdout) == (ending, b"before\n")
        if code_of_exit is not None or wall.name == "docker":
            assert outcome.exit_code == code_of_exit
