"""The second system call filter is in force: asked with arguments with which the kernel itself would serve a caller."""

import errno
import json
import platform
from pathlib import Path

from sandbox.contract import Limits
from sandbox.system_calls import table
from tests.conformance.calls import ask, numbers
from tests.conformance.registry import check
from tests.conformance.walls import text


@check
def system_calls_are_filtered(wall):
    assert text(wall.run("grep", "^Seccomp:", "/proc/self/status")) == "Seccomp:\t2"


@check
def the_filter_stands_beside_that_of_the_engine(wall):
    """Seccomp_filters (Linux 5.9 and later): one of the engine and one of ours; bubblewrap brings none of its own."""
    counted = [
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Seccomp_filters")
    ]
    if counted:
        ours = 2 if wall.name == "docker" else int(counted[0].split()[1]) + 1
        assert text(wall.run("grep", "^Seccomp_filters:", "/proc/self/status")) == f"Seccomp_filters:\t{ours}"


@check
def every_call_of_the_table_is_refused(wall):
    machine = platform.machine()
    wanted = {one.name: errno.errorcode[one.error] for one in table() if machine in one.numbers and one.when is None}
    said = json.loads(
        text(ask(wall, f"print(json.dumps({{name: call(name, *[0] * 6) for name in {list(wanted)!r}}}))"))
    )
    assert said == wanted
    assert len(said) > 50


@check
def the_filter_holds_in_every_process_and_thread(wall):
    code = """
import threading
said = []
thread = threading.Thread(target=lambda: said.append(call("io_uring_setup", 1, zeros())))
thread.start()
thread.join()
if os.fork() == 0:
    print(call("io_uring_setup", 1, zeros()), flush=True)
    os._exit(0)
os.wait()
print(*said, call("io_uring_setup", 1, zeros()))
"""
    assert text(ask(wall, code)).split() == ["EPERM"] * 3


@check
def io_uring_cannot_be_set_up(wall):
    assert text(ask(wall, "print(call('io_uring_setup', 1, zeros()))")) == "EPERM"


@check
def the_kernels_keyring_is_closed(wall):
    code = """
print(call("keyctl", 0, -4, 1),                          # KEYCTL_GET_KEYRING_ID of the user's keyring
      call("add_key", b"user", b"meeting", b"secret", 6, -3),
      call("request_key", b"user", b"meeting", 0, -3))
"""
    assert text(ask(wall, code)).split() == ["EPERM"] * 3


@check
def no_process_can_be_traced_or_read(wall):
    """Neither a child, nor the process that supervises this one, nor the first."""
    code = """
secret = ctypes.create_string_buffer(b"x" * 16)
child = os.fork()
if child == 0:
    time.sleep(60)
local, remote = zeros(16), secret
vector = lambda buffer: ctypes.create_string_buffer(struct.pack("PN", ctypes.addressof(buffer), 16))
PTRACE_ATTACH, PTRACE_TRACEME = 16, 0
for pid in (child, os.getppid(), 1):
    print(call("ptrace", PTRACE_ATTACH, pid, 0, 0), end=" ")
    print(call("process_vm_readv", pid, vector(local), 1, vector(remote), 1, 0), end=" ")
    print(call("process_vm_writev", pid, vector(local), 1, vector(remote), 1, 0), end=" ")
print(call("ptrace", PTRACE_TRACEME, 0, 0, 0), call("pidfd_getfd", os.pidfd_open(child), 0, 0))
os.kill(child, signal.SIGKILL)
"""
    assert text(ask(wall, code)).split() == ["EPERM"] * 11


@check
def programs_and_probes_of_the_kernel_are_closed(wall):
    code = """
BPF_MAP_CREATE, PERF_TYPE_SOFTWARE, USER_MODE_ONLY = 0, 1, 1
array = ctypes.create_string_buffer(struct.pack("IIII", 2, 4, 4, 1), 128)
clock = ctypes.create_string_buffer(struct.pack("IIQQQQQ", PERF_TYPE_SOFTWARE, 112, 0, 0, 0, 0, 0b1100000), 112)
print(call("bpf", BPF_MAP_CREATE, array, 128), call("perf_event_open", clock, 0, -1, -1, 0),
      call("userfaultfd", USER_MODE_ONLY))
"""
    assert text(ask(wall, code)).split() == ["EPERM"] * 3


@check
def nothing_can_be_mounted(wall):
    code = """
print(call("mount", b"none", b"/work", b"tmpfs", 0, 0), call("umount2", b"/work", 2), call("chroot", b"/work"),
      call("pivot_root", b"/work", b"/work"), call("fsopen", b"tmpfs", 0), call("open_tree", -100, b"/work", 1),
      call("move_mount", -1, b"", -1, b"", 0), call("mount_setattr", -100, b"/", 0, zeros(), 32))
"""
    assert text(ask(wall, code)).split() == ["EPERM"] * 8


@check
def no_new_namespace_can_be_made(wall):
    """By any of the four ways; `clone3` must seem not to exist, so that the C library falls back to `clone`."""
    code = """
SIGCHLD = 17
FLAGS = (0x10000000, 0x00020000, 0x40000000, 0x20000000, 0x08000000, 0x04000000, 0x02000000)
for flag in FLAGS:
    said = {call("unshare", flag), call("clone", flag | SIGCHLD, 0, 0, 0, 0), call("setns", 0, flag)}
    if said != {"EPERM"}:
        print("namespace", hex(flag), said)
for ours in (f"/proc/self/ns/{name}" for name in os.listdir("/proc/self/ns")):
    if call("setns", os.open(ours, os.O_RDONLY), 0) != "EPERM":
        print("entered", ours)
print(call("clone3", ctypes.create_string_buffer(struct.pack("8Q", 0x10000000, 0, 0, 0, SIGCHLD, 0, 0, 0)), 64))
"""
    assert text(ask(wall, code)) == "ENOSYS"


@check
def words_cannot_be_put_into_a_terminal(wall):
    code = "print(call('ioctl', 0, 0x5412, b'x'), call('ioctl', 0, 0x541C, b'x'), call('ioctl', 0, 1 << 32 | 0x5412, b'x'))"
    assert text(ask(wall, code)).split() == ["EPERM"] * 3


@check
def the_clock_cannot_be_set(wall):
    code = """
print(call("clock_settime", 0, zeros()), call("settimeofday", zeros(), 0), call("adjtimex", zeros()))
for change in (lambda: time.clock_settime(time.CLOCK_REALTIME, 0), lambda: time.clock_settime(time.CLOCK_MONOTONIC, 0)):
    try:
        change()
        print("set")
    except OSError:
        pass
"""
    assert text(ask(wall, code)).split() == ["EPERM"] * 3


@check
def the_second_numbering_of_x86_is_refused(wall):
    if platform.machine() == "x86_64":
        code = f"NUMBERS['x32'] = 0x40000000 + {numbers()['io_uring_setup']}; print(call('x32', 1, zeros()))"
        assert text(ask(wall, code)) == "ENOSYS"


@check
def threads_processes_and_pipes_still_work(wall):
    code = """
import asyncio, concurrent.futures, multiprocessing, threading
with concurrent.futures.ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(abs, range(100))))
for method in ("fork", "spawn", "forkserver"):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        print(sum(pool.map(abs, [-1, 2])))
    queue = context.Queue()
    queue.put(method)
    print(queue.get())
print(subprocess.run("echo $((1+1)) | cat", shell=True, capture_output=True, text=True).stdout.strip())
async def child():
    process = await asyncio.create_subprocess_exec("echo", "3", stdout=-1)
    return (await process.communicate())[0].decode().strip()
print(asyncio.run(child()))
print(os.posix_spawn("/bin/true", ["true"], {}) > 0, len(socket.socketpair()), socket.if_nameindex())
"""
    shown = text(ask(wall, code, limits=Limits()))
    assert shown.split("\n")[:8] == ["4950", "3", "fork", "3", "spawn", "3", "forkserver", "2"]
    assert shown.split("\n")[8:] == ["3", "True 2 [(1, 'lo')]"]
