"""A deadline holds, and how a command ended is told rightly."""

import secrets

from sandbox.contract import Ending
from tests.conformance.registry import check
from tests.conformance.walls import alive


@check
def after_the_deadline_nothing_is_alive(wall):
    marker = secrets.token_hex(8)
    code = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
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
    code = """
import os, signal, time
for pid in sorted(int(p) for p in os.listdir("/proc") if p.isdigit()):
    if pid != os.getpid():
        try:
            os.kill(pid, signal.SIGSTOP)
        except OSError:
            pass
time.sleep(600)
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
