"""What every wall must do. Each check takes a wall and asserts; its name is the sentence it holds to.

What a wall cannot do is in `EXCEPTIONS`, with the reason: such a check must fail there, or the exception is out of date.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.contract import GUEST, MIB, Ending, Limits, Mount
from sandbox.transfer import stage
from tests.conformance.walls import REPOSITORY, SMALL, Wall, alive, text

Check = Callable[[Wall], None]
CHECKS: list[Check] = []

_NO_CGROUP = "bubblewrap sets no cgroup: a process meets its own address-space limit (MemoryError), nothing kills it"
_NO_INODES = "bubblewrap's tmpfs takes a size and no number of inodes"
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("bubblewrap", "a_memory_bomb_ends_as_out_of_memory"): _NO_CGROUP,
    ("bubblewrap_as_user", "a_memory_bomb_ends_as_out_of_memory"): _NO_CGROUP,
    ("bubblewrap", "an_inode_bomb_meets_its_limit"): _NO_INODES,
    ("bubblewrap_as_user", "an_inode_bomb_meets_its_limit"): _NO_INODES,
}


def check(function: Check) -> Check:
    CHECKS.append(function)
    return function


def staged(wall: Wall, files: dict[str, bytes], target: str) -> Mount:
    folder = wall.scratch / "staged" / secrets.token_hex(8)
    stage({path: (content, False) for path, content in files.items()}, folder)
    folder.parent.chmod(0o755)
    return Mount(folder, target)


# --- no way out -------------------------------------------------------------------------------------------------------


@check
def tcp_leads_nowhere(wall):
    code = """
import socket
for address in (("1.1.1.1", 53), ("8.8.8.8", 443), ("10.0.0.1", 80), ("172.17.0.1", 22), ("169.254.169.254", 80)):
    try:
        socket.create_connection(address, 2)
        print("reached", address)
    except OSError as error:
        assert error.errno, error  # refused by the kernel at once, not a time-out of a network that is there
"""
    assert text(wall.python(code)) == ""


@check
def udp_leads_nowhere(wall):
    code = """
import socket
for family, address in ((socket.AF_INET, ("1.1.1.1", 53)), (socket.AF_INET6, ("2606:4700:4700::1111", 53))):
    try:
        socket.socket(family, socket.SOCK_DGRAM).sendto(b"x", address)
        print("sent", address)
    except OSError:
        pass
"""
    assert text(wall.python(code)) == ""


@check
def names_do_not_resolve(wall):
    code = "import socket\ntry:\n    print(socket.getaddrinfo('example.com', 80))\nexcept OSError:\n    pass"
    assert text(wall.python(code, deadline=20)) == ""


@check
def there_is_only_a_loopback(wall):
    assert text(wall.python("import socket; print([name for _, name in socket.if_nameindex()])")) == "['lo']"


@check
def abstract_sockets_of_the_machine_are_out_of_reach(wall):
    import socket

    name = f"\0successor-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        code = f"import socket\ntry:\n    socket.socket(socket.AF_UNIX).connect({name!r})\n    print('reached')\nexcept OSError:\n    pass"
        assert text(wall.python(code)) == ""


@check
def the_engine_is_out_of_reach(wall):
    code = "import os; print([p for p in ('/var/run/docker.sock', '/run/docker.sock', '/run/containerd') if os.path.lexists(p)])"
    assert text(wall.python(code)) == "[]"


# --- nothing of the machine -------------------------------------------------------------------------------------------


@check
def files_of_the_machine_are_absent(wall):
    secret = wall.scratch / f"secret-{secrets.token_hex(4)}"
    secret.write_text("a secret of the machine")
    hidden = [
        str(secret),
        str(REPOSITORY),
        str(Path.home() / ".profile"),
        "/root",
        "/home",
        "/etc/shadow",
        "/var/lib/dpkg",
    ]
    code = "import os, sys; print([p for p in sys.argv[1:] if os.path.lexists(p)])"
    assert text(wall.python(code, *hidden)) == "[]"


@check
def only_known_folders_are_at_the_root(wall):
    known = {"bin", "cand", "dev", "etc", "lib", "lib64", "opt", "proc", "run", "sbin", "sys", "tmp", "usr", "work"}
    assert set(json.loads(text(wall.python("import os, json; print(json.dumps(os.listdir('/')))")))) <= known | {
        ".dockerenv"
    }


@check
def the_environment_is_ours_alone(wall):
    names = json.loads(text(wall.python("import os, json; print(json.dumps(dict(os.environ)))", env={"EXTRA": "1"})))
    assert names.pop("EXTRA") == "1"
    assert names.pop("HOSTNAME", "sandbox") == "sandbox"
    names.pop("PWD", None)
    assert names == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/work",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "PYTHONPATH": "/cand:/opt/successor/site",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


@check
def no_descriptor_of_ours_is_open(wall):
    code = "import os; print([f for f in os.listdir('/proc/self/fd') if int(f) > 2 and os.path.exists(f'/proc/self/fd/{f}')])"
    assert text(wall.python(code)) == "[]"


@check
def the_host_name_is_not_the_machines(wall):
    assert text(wall.python("import socket; print(socket.gethostname())")) == "sandbox"


@check
def the_hardware_is_not_described(wall):
    code = "import os; print(os.listdir('/sys') if os.path.exists('/sys') else [])"
    assert text(wall.python(code)) == "[]"


@check
def the_kernels_own_memory_is_out_of_reach(wall):
    code = """
for path in ("/proc/kcore", "/proc/kallsyms", "/proc/keys", "/proc/timer_list", "/dev/mem", "/dev/kmsg"):
    try:
        with open(path, "rb") as file:
            content = file.read(4096)
    except OSError:
        continue
    if path == "/proc/kallsyms":
        content = content.translate(None, b"0 \\n") if not content.startswith(b"0000000000000000") else b""
    if content:
        print("read", path, len(content))
"""
    assert text(wall.python(code)) == ""


@check
def settings_of_the_kernel_cannot_be_written(wall):
    code = """
import os
for path in ("kernel/core_pattern", "kernel/modprobe", "vm/drop_caches", "kernel/hostname", "kernel/ns_last_pid"):
    try:
        open("/proc/sys/" + path, "r+").close()
        print("opened", path)
    except OSError:
        pass
for path in ("/proc/sysrq-trigger", "/proc/kcore", "/dev/mem", "/dev/kmsg", "/sys/kernel/uevent_helper"):
    try:
        os.close(os.open(path, os.O_WRONLY))
        print("opened", path)
    except OSError:
        pass
"""
    assert text(wall.python(code)) == ""


@check
def processes_of_the_machine_are_not_seen(wall):
    pids = json.loads(
        text(wall.python("import os, json; print(json.dumps([p for p in os.listdir('/proc') if p.isdigit()]))"))
    )
    assert 1 <= len(pids) <= 6


# --- nothing can be changed -------------------------------------------------------------------------------------------


@check
def the_root_is_read_only(wall):
    code = """
import os
for folder in ("/", "/usr", "/usr/bin", "/etc", "/opt/successor/site", "/opt/successor", "/dev", "/run", "/var", "/cand"):
    try:
        open(os.path.join(folder, "planted"), "w").close()
        print("wrote", folder)
    except OSError:
        pass
"""
    assert text(wall.python(code)) == ""


@check
def a_staged_tree_is_read_and_not_written(wall):
    mount = staged(wall, {"pkg/__init__.py": b"", "pkg/mod.py": b"ANSWER = 42\n", "data.txt": b"plain"}, "/cand")
    code = """
import os, pkg.mod
print(pkg.mod.ANSWER, os.listdir("/cand"))
for attempt in ("open('/cand/data.txt', 'w')", "open('/cand/new', 'w')", "os.unlink('/cand/data.txt')",
                "os.chmod('/cand/data.txt', 0o777)", "os.rename('/cand/pkg', '/cand/other')", "os.symlink('/', '/cand/l')"):
    try:
        eval(attempt)
        print("did", attempt)
    except OSError:
        pass
"""
    shown = text(wall.python(code, mounts=(mount,)))
    assert shown.startswith("42 ")
    assert "did" not in shown
    assert (mount.source / "data.txt").read_bytes() == b"plain"


@check
def several_trees_are_mounted_where_asked(wall):
    mounts = (
        staged(wall, {"a": b"1"}, "/cand"),
        staged(wall, {"b": b"2"}, "/corpus"),
        staged(wall, {"c": b"3"}, "/data/deep"),
    )
    assert text(wall.run("cat", "/cand/a", "/corpus/b", "/data/deep/c", mounts=mounts)) == "123"


@check
def the_guest_code_is_there_and_cannot_be_changed(wall):
    code = f"import os; print('__init__.py' in os.listdir({GUEST!r}), os.access({GUEST!r}, os.W_OK))"
    assert text(wall.python(code)) == "True False"


@check
def the_work_folders_are_writable(wall):
    code = "import os, tempfile\nfor f in ('/work', '/tmp'):\n    open(f + '/x', 'w').write('x')\nprint(os.getcwd(), tempfile.gettempdir())"
    assert text(wall.python(code)) == "/work /tmp"


# --- no power ---------------------------------------------------------------------------------------------------------


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


# --- limits -----------------------------------------------------------------------------------------------------------


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


# --- the deadline, and how a command ended ----------------------------------------------------------------------------


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


# --- bytes in, bytes out ----------------------------------------------------------------------------------------------


@check
def five_megabytes_are_echoed(wall):
    content = secrets.token_bytes(5 * MIB)
    outcome = wall.run("cat", stdin=content)
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 0)
    assert outcome.stdout == content


@check
def input_that_nobody_reads_blocks_nothing(wall):
    outcome = wall.run("echo", "done", stdin=bytes(5 * MIB))
    assert (outcome.ending, outcome.stdout) == (Ending.EXITED, b"done\n")
    outcome = wall.python("import os, time; os.close(0); time.sleep(0.5); print('done')", stdin=bytes(5 * MIB))
    assert (outcome.ending, outcome.stdout) == (Ending.EXITED, b"done\n")


@check
def input_ends(wall):
    assert text(wall.python("import sys; print(len(sys.stdin.buffer.read()))")) == "0"
    assert text(wall.python("import sys; print(len(sys.stdin.buffer.read()))", stdin=b"abc")) == "3"


@check
def outputs_are_kept_apart_and_whole(wall):
    code = "import sys; b = bytes(range(256)) * 4096; sys.stdout.buffer.write(b); sys.stderr.buffer.write(b[::-1])"
    outcome = wall.python(code)
    assert outcome.stdout == bytes(range(256)) * 4096
    assert outcome.stderr == (bytes(range(256)) * 4096)[::-1]


# --- what is inside ---------------------------------------------------------------------------------------------------


@check
def there_is_no_repository(wall):
    assert text(wall.run("find", "/", "-path", "/proc", "-prune", "-o", "-name", ".git*", "-print")) == ""


@check
def the_interpreter_is_the_runtimes(wall):
    code = "import sys, sysconfig; print(sys.version.split()[0], sysconfig.get_path('stdlib'))"
    version, stdlib = text(wall.python(code)).split()
    assert version == wall.runtime.python_version
    assert str(wall.runtime.stripped_stdlib).endswith(stdlib)
    assert text(wall.run("python3", "-c", "import sys; print(sys.version.split()[0])")) == version


@check
def the_standard_library_has_no_docstrings(wall):
    code = """
import argparse, json.decoder, textwrap, tarfile, ast, collections, email.message, asyncio.locks, unittest.case
for thing in (argparse.ArgumentParser, json.decoder.JSONDecoder.decode, textwrap, textwrap.wrap, tarfile.TarFile.add,
              ast.literal_eval, email.message.Message, asyncio.locks.Lock, unittest.case.TestCase.assertRaises):
    if thing.__doc__ is not None:
        print("documented", thing)
"""
    assert text(wall.python(code)) == ""


@check
def sentences_of_docstrings_are_nowhere_to_be_read(wall):
    sentences = (
        "Wrap a single paragraph of text, returning a list of wrapped lines",
        "Object for parsing command line strings into Python objects",
        "Evaluate an expression node or a string containing only a Python",
        "Fail unless an exception of class expected_exception is raised",
    )
    for sentence in sentences:
        whole = any(sentence.encode() in path.read_bytes() for path in wall.runtime.stdlib.rglob("*.py"))
        assert whole, f"{sentence!r} is no longer in the original, choose another"
    pattern = "\\|".join(sentences)
    found = wall.run("grep", "-rls", pattern, "/usr", "/opt", "/etc", "/cand", "/work", deadline=60)
    assert (found.ending, found.stdout) == (Ending.EXITED, b"")
    # The same search does find what is there, so that an empty answer means something.
    assert b"textwrap.py" in wall.run("grep", "-rl", "class TextWrapper", "/usr").stdout


@check
def the_bytecode_is_ready(wall):
    code = "import json.decoder, sys; print(json.decoder.__cached__, sys.dont_write_bytecode)"
    cached, _ = text(wall.python(code)).split()
    shown = wall.runtime.stripped_stdlib / cached.partition(f"{wall.runtime.stripped_stdlib.name}/")[2]
    assert shown.is_file()
    verbose = wall.run("python", "-v", "-c", "import argparse, json, unittest, pytest, libcst")
    read = [line for line in verbose.stderr.split(b"\n") if line.startswith(b"# code object from")]
    assert len(read) > 100
    assert [line for line in read if not line.endswith(b".pyc'")] == []


@check
def the_dependencies_are_inside(wall):
    assert text(wall.python("import pytest, libcst; print(pytest.__file__, libcst.parse_module('x = 1').code)")) == (
        "/opt/successor/site/pytest/__init__.py x = 1"
    )


@check
def pytest_runs(wall):
    mount = staged(wall, {"test_it.py": b"def test_it(tmp_path):\n    assert tmp_path.exists()\n"}, "/cand")
    outcome = wall.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "/cand", mounts=(mount,))
    assert (outcome.exit_code, b"1 passed" in outcome.stdout) == (0, True)


@check
def localhost_has_an_address(wall):
    code = """
import socket
server = socket.create_server(("localhost", 0))
socket.create_connection(("localhost", server.getsockname()[1]), 5).sendall(b"x")
print(server.accept()[0].recv(1))
"""
    assert text(wall.python(code)) == "b'x'"


@check
def common_modules_work(wall):
    code = """
import asyncio, concurrent.futures, ctypes, decimal, hashlib, multiprocessing, sqlite3, ssl, subprocess, zlib, lzma, bz2
import uuid, curses, email, http.server, xml.etree.ElementTree, zoneinfo, logging.config, tomllib, venv, doctest
with concurrent.futures.ProcessPoolExecutor(2) as pool:
    print(sum(pool.map(abs, [-1, 2])), subprocess.run("echo $((1+1)) | sed s/2/3/", shell=True, capture_output=True).stdout)
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(abs, range(4))), sqlite3.connect(":memory:").execute("select 1").fetchone())
"""
    assert text(wall.python(code, limits=Limits())) == "3 b'3\\n'\n6 (1,)"


# --- single use, and side by side -------------------------------------------------------------------------------------


@check
def a_sandbox_serves_once(wall):
    from sandbox.contract import Command

    with wall.backend.start((), SMALL) as sandbox:
        sandbox.run(Command(("true",), 20))
        with pytest.raises(RuntimeError, match="one command"):
            sandbox.run(Command(("true",), 20))


@check
def sandboxes_side_by_side_see_nothing_of_each_other(wall):
    code = """
import os, sys, time, socket
open("/work/" + sys.argv[1], "w").close()
open("/tmp/" + sys.argv[1], "w").close()
server = socket.create_server(("127.0.0.1", 45678))
time.sleep(2)
print(sorted(os.listdir("/work") + os.listdir("/tmp")), len([p for p in os.listdir("/proc") if p.isdigit()]) < 8)
"""
    outcomes = {}

    def run(name: str) -> None:
        outcomes[name] = wall.python(code, name)

    threads = [threading.Thread(target=run, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: text(outcome) for name, outcome in outcomes.items()} == {
        name: f"['{name}', '{name}'] True" for name in ("first", "second")
    }


@check
def a_fork_bomb_next_door_does_not_starve(wall):
    bomb = "import os, time\ntry:\n    while True:\n        if os.fork() == 0: time.sleep(60)\nexcept OSError:\n    time.sleep(6)"
    thread = threading.Thread(target=wall.python, args=(bomb,), kwargs={"deadline": 6})
    thread.start()
    time.sleep(2)
    try:
        assert (
            text(wall.python("import subprocess; print(subprocess.run(['echo', 'ok'], capture_output=True).stdout)"))
            == "b'ok\\n'"
        )
    finally:
        thread.join()
