"""A sandbox serves once, and two do not meet, whoever works in them."""

import json

import pytest

from sandbox.contract import MIB, Command, Limits
from tests.conformance.company import Companion, company
from tests.conformance.registry import check
from tests.conformance.walls import SMALL, text


@check
def a_sandbox_serves_once(wall):
    with wall.backend.start((), SMALL) as sandbox:
        sandbox.run(Command(("true",), 20))
        with pytest.raises(RuntimeError, match="one command"):
            sandbox.run(Command(("true",), 20))


@check
def sandboxes_side_by_side_see_nothing_of_each_other(wall):
    """Two solvers and a grader, each leaving its name wherever another could find it, and looking for the others'."""
    names = ("first", "second", "third")
    code = """
import ctypes, json, socket
name, names = sys.argv[2], sys.argv[3:]
libc = ctypes.CDLL(None, use_errno=True)
for folder in ("/work", "/tmp", "/dev/shm"):
    open(f"{folder}/{name}", "w").close()
port = socket.create_server(("127.0.0.1", 45678))
server = socket.socket(socket.AF_UNIX)
server.bind("\\0meeting-" + name)
server.listen()
assert libc.shmget(7000 + names.index(name), 4096, 0o1666) >= 0
ready()
wait()
def answers(name):
    try:
        socket.socket(socket.AF_UNIX).connect("\\0meeting-" + name)
    except OSError:
        return False
    return True
found = {
    "files": sorted({entry for folder in ("/work", "/tmp", "/dev/shm") for entry in os.listdir(folder)}),
    "sockets": [name for name in names if answers(name)],
    "memory": [name for at, name in enumerate(names) if libc.shmget(7000 + at, 0, 0) >= 0],
    "processes": [name for name in names if any(
        f"\\0{name}\\0first\\0second" in open(f"/proc/{pid}/cmdline").read() for pid in os.listdir("/proc") if pid.isdigit())],
}
print(json.dumps(found))
"""
    companions = {
        name: Companion(wall, code, name, *names, role="grader" if name == "third" else "solver") for name in names
    }
    with company(*companions.values()):
        pass
    for name, companion in companions.items():
        assert set(map(tuple, json.loads(text(companion.outcome)).values())) == {(name,)}


@check
def a_neighbour_cannot_be_signalled(wall):
    """Another solver, the same user of the machine, tries every number a process could have, and all at once."""
    killer = """
import os, signal, time
for pid in range(1, 5_000):
    if pid not in (os.getpid(), os.getppid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
try:
    os.kill(-1, signal.SIGKILL)
except OSError:
    pass
"""
    victim = Companion(wall, "ready(); wait(); print('unharmed')")
    with company(victim):
        wall.python(killer)
    assert text(victim.outcome) == "unharmed"


@check
def a_fork_bomb_next_door_does_not_starve(wall):
    bomb = """
ready()
while not os.path.exists("/signs/go"):
    try:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    except OSError:
        time.sleep(0.05)
os._exit(0)
"""
    with company(Companion(wall, bomb)):
        code = "import subprocess; print(subprocess.run(['echo', 'ok'], capture_output=True).stdout)"
        assert text(wall.python(code)) == "b'ok\\n'"


@check
def a_memory_bomb_next_door_does_not_starve(wall):
    bomb = """
ready()
while not os.path.exists("/signs/go"):
    children = [subprocess.Popen([sys.executable, "-c", "x = bytearray(150 << 20); import time; time.sleep(0.3)"]) for _ in "ab"]
    for child in children:
        child.wait()
"""
    with company(Companion(wall, bomb)):
        assert text(wall.python("print(len([bytearray(8 << 20) for _ in range(18)]))")) == "18"


@check
def a_disk_bomb_next_door_does_not_starve(wall):
    bomb = """
for place in ("/work", "/tmp", "/dev/shm"):
    try:
        for number in range(100):
            open(f"{place}/{number}", "wb").write(bytes(1 << 20))
    except OSError:
        pass
ready()
wait()
"""
    limits = Limits(memory=256 * MIB, tmp=16 * MIB, work=32 * MIB)
    with company(Companion(wall, bomb, limits=limits)):
        code = "for place in ('/work', '/tmp', '/dev/shm'): print(open(place + '/x', 'wb').write(bytes(8 << 20)))"
        assert text(wall.python(code)).split() == [str(8 << 20)] * 3


@check
def watchers_cannot_be_used_up_next_door(wall):
    """The kernel counts inotify instances for each user of the machine: nobody may have any."""
    code = "import ctypes; libc = ctypes.CDLL(None); print(libc.inotify_init(), libc.inotify_init1(0))"
    assert text(wall.python(code)) == "-1 -1"


@check
def descriptors_on_their_way_next_door_leave_some(wall):
    """The kernel counts, for each user of the machine, those that were sent through a socket and not yet received."""
    send = "import os, socket\nright, left = socket.socketpair()\n"
    hoard = f"""
{send}
held = [socket.socketpair() for _ in range(20)]
try:
    for one, _ in held:
        socket.send_fds(one, [b"x"], [0] * 250)
except OSError:
    pass
ready()
wait()
"""
    with company(Companion(wall, hoard)):
        assert text(wall.python(f"{send}\nsocket.send_fds(right, [b'x'], [0])\nprint('sent')")) == "sent"


@check
def a_grader_is_another_user_inside(wall):
    code = """
import getpass, os
open("/work/x", "w").close()
open("/tmp/x", "w").close()
print(os.getresuid(), os.getresgid(), os.getgroups() in ([], [os.getgid()]), getpass.getuser())
"""
    assert text(wall.python(code, role="grader")) == "(10002, 10002, 10002) (10002, 10002, 10002) True grader"
    assert text(wall.python(code)) == "(10001, 10001, 10001) (10001, 10001, 10001) True solver"


@check
def a_grader_is_another_user_of_the_machine(wall):
    solver, grader = (Companion(wall, "ready(); wait()", role=role) for role in ("solver", "grader"))
    with company(solver, grader):
        users = (solver.users, grader.users)
    assert [len(each) for each in users] == [1, 1]
    assert not users[0] & users[1]
    assert 0 not in users[0] | users[1]
