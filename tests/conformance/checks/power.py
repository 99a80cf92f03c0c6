"""Whoever works in a sandbox has no power over anything."""

from tests.conformance.registry import check
from tests.conformance.walls import text


@check
def the_user_is_not_root(wall):
    code = "import os; print(os.getresuid(), os.getresgid(), set(os.getgroups()) <= {10001})"
    assert text(wall.python(code)) == "(10001, 10001, 10001) (10001, 10001, 10001) True"


@check
def there_are_no_capabilities(wall):
    status = text(wall.run("grep", "-E", "^(Cap|NoNewPrivs)", "/proc/self/status"))
    assert {line.split()[1].strip("0") for line in status.splitlines() if line.startswith("Cap")} == {""}
    assert "NoNewPrivs:\t1" in status


@check
def system_calls_are_filtered(wall):
    assert text(wall.run("grep", "^Seccomp:", "/proc/self/status")) == "Seccomp:\t2"


@check
def no_program_has_a_setuid_bit(wall):
    assert text(wall.run("find", "/", "-path", "/proc", "-prune", "-o", "-perm", "/6000", "-type", "f", "-print")) == ""


@check
def no_new_namespace_can_be_made(wall):
    code = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for name, flag in (("user", 0x10000000), ("mount", 0x00020000), ("net", 0x40000000), ("pid", 0x20000000)):
    if libc.unshare(flag) == 0:
        print("unshared", name)
if libc.mount(b"none", b"/work", b"tmpfs", 0, None) == 0:
    print("mounted")
"""
    assert text(wall.python(code)) == ""


@check
def the_supervising_process_cannot_be_signalled(wall):
    code = """
import os, signal
for pid in [int(p) for p in os.listdir("/proc") if p.isdigit()]:
    if b"sleep\\x003600" in open(f"/proc/{pid}/cmdline", "rb").read():
        try:
            os.kill(pid, signal.SIGSTOP)
            print("stopped", pid)
        except PermissionError:
            pass
"""
    assert text(wall.python(code)) == ""
