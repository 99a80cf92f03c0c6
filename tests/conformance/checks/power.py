"""Whoever works in a sandbox has no power over anything."""

from tests.conformance.registry import check
from tests.conformance.walls import text


@check
def the_user_is_not_root(wall):
    code = "import os; print(os.getresuid(), os.getresgid(), set(os.getgroups()) <= {10001})"
    assert text(wall.python(code)) == "(10001, 10001, 10001) (10001, 10001, 10001) True"


@check
def nobody_becomes_another_user(wall):
    code = """
import os
for user in (0, 1, 10_000, 10_002, 65_534):
    for change in (os.setuid, os.seteuid, os.setgid, os.setegid, lambda u: os.setresuid(u, u, u), lambda u: os.setgroups([u])):
        try:
            change(user)
            print("became", user)
        except OSError:
            pass
"""
    for role in ("solver", "grader"):
        assert text(wall.python(code.replace("10_002", "10_001") if role == "grader" else code, role=role)) == ""


@check
def there_are_no_capabilities(wall):
    status = text(wall.run("grep", "-E", "^(Cap|NoNewPrivs)", "/proc/self/status"))
    assert {line.split()[1].strip("0") for line in status.splitlines() if line.startswith("Cap")} == {""}
    assert "NoNewPrivs:\t1" in status


@check
def no_program_has_a_setuid_bit(wall):
    assert text(wall.run("find", "/", "-path", "/proc", "-prune", "-o", "-perm", "/6000", "-type", "f", "-print")) == ""


@check
def a_setuid_bit_of_ones_own_gives_nothing(wall):
    """Set on a copy of a program in the only places where something can be written."""
    code = """
import os, shutil, subprocess
for folder in ("/work", "/tmp", "/dev/shm"):
    shutil.copy("/usr/bin/id" if os.path.exists("/usr/bin/id") else "/bin/cat", folder + "/it")
    try:
        os.chmod(folder + "/it", 0o6755)
        os.mknod(folder + "/memory", 0o666 | 0o020000, os.makedev(1, 1))
        print("made a device")
    except OSError:
        pass
    try:
        shown = subprocess.run([folder + "/it", "/proc/self/status"], capture_output=True, text=True).stdout
    except OSError:
        continue
    if "Uid:\\t0" in shown or "euid=" in shown:
        print("gained", folder)
"""
    assert text(wall.python(code)) == ""


@check
def processes_of_others_cannot_be_signalled(wall):
    """Not the first process either: it is of another user, or the kernel takes no such signal for it."""
    code = """
import os, signal
others = 0
for pid in [int(p) for p in os.listdir("/proc") if p.isdigit()]:
    if pid == 1 or os.stat(f"/proc/{pid}").st_uid != os.getuid():
        others += 1
        for number in (signal.SIGSTOP, signal.SIGKILL):
            try:
                os.kill(pid, number)
                if pid != 1:
                    print("signalled", pid)
            except PermissionError:
                pass
print(others > 0)
"""
    assert text(wall.python(code)) == "True"


@check
def priorities_cannot_be_raised(wall):
    code = """
import os, resource
for change in (lambda: os.nice(-5), lambda: os.setpriority(os.PRIO_PROCESS, 0, -1),
               lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
               lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096)),
               lambda: os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY), b"-1000")):
    try:
        change()
        print("raised")
    except (OSError, ValueError):
        pass
"""
    assert text(wall.python(code)) == ""
