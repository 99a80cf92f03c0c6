"""A sandbox sees nothing of the machine."""

import json
import secrets
from pathlib import Path

from sandbox.inside import LINKS
from tests.conformance.registry import check
from tests.conformance.walls import REPOSITORY, text


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
        ".dockerenv",
        *LINKS,
    }


@check
def links_at_the_root_lead_into_the_work_folder(wall):
    code = "import os, sys; print([os.path.realpath(p) for p in sys.argv[1:]])"
    assert text(wall.python(code, *(f"/{name}" for name in LINKS))) == str([f"/{path}" for path in LINKS.values()])


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
