"""The process that every command in a container starts from, run here as it is inside."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import docker_settings, system_calls

PROGRAM = Path(__file__).parents[2] / "sandbox" / "guest" / "start.py"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "A": "ä"}


def become(*argv, stdin=b"", filtered=False, change=lambda asked: asked):
    instructions = system_calls.program(platform.machine()) if filtered else b""
    asked = docker_settings.request(argv, ENVIRONMENT, 20, instructions).replace(b'"/work"', b'"/usr/" ')
    asked = f"{len(asked) - 8:08x}".encode() + asked[8:]
    line = [sys.executable, "-I", "-S", "-B", str(PROGRAM)]
    return subprocess.run(line, input=change(asked) + stdin, capture_output=True, check=False, timeout=60)


def test_the_command_gets_its_input_whole_and_its_outputs_to_itself():
    content = bytes(range(256)) * 4096
    done = become("sh", "-c", "echo heard >&2; cat", stdin=content)
    assert (done.returncode, done.stdout, done.stderr) == (0, content, b"ready\nbegin\nheard\n")


def test_the_command_finds_only_the_environment_and_the_folder_it_was_given():
    done = become("sh", "-c", "env; pwd")
    assert set(done.stdout.decode().split()) - {"PWD=/usr", "_=/usr/bin/env", "SHLVL=0", "OLDPWD"} == {
        "PATH=/usr/bin:/bin",
        "A=ä",
        "/usr",
    }


def test_no_signal_is_ignored_because_python_ignores_it():
    ignored = become("grep", "SigIgn", "/proc/self/status").stdout
    assert int(ignored.split()[1], 16) & (1 << 12 | 1 << 24) == 0  # SIGPIPE and SIGXFSZ


def test_the_filter_is_in_force_before_the_command():
    lines = become("grep", "-E", "^(Seccomp|NoNewPrivs):", "/proc/self/status", filtered=True).stdout.split(b"\n")
    assert {b"NoNewPrivs:\t1", b"Seccomp:\t2"} <= set(lines)


def test_a_deadline_ends_the_command():
    done = become("sleep", "30", change=lambda asked: asked.replace(b'"deadline": 20', b'"deadline":0.2'))
    assert done.returncode == 124


def test_an_unknown_program_is_the_commands_own_failure():
    done = become("no-such-program")
    assert done.returncode == 127
    assert done.stderr.startswith(b"ready\nbegin\n")


@pytest.mark.parametrize(
    "change",
    [
        lambda _: b"",
        lambda asked: asked[:20],
        lambda asked: b"nonsense" + asked[8:],
        lambda asked: asked.replace(b'"cwd": "/usr/"', b'"cwd": "/nope"'),
        lambda asked: asked.replace(b'"filter": ""', b'"filter":0 '),
    ],
    ids=["nothing", "cut-short", "no-number", "no-folder", "no-filter"],
)
def test_what_goes_wrong_before_the_command_is_told_apart(change):
    done = become("true", change=change)
    assert done.returncode != 0
    assert done.stderr.startswith(b"ready\n")
    assert b"begin" not in done.stderr


def test_a_filter_that_the_kernel_refuses_ends_before_the_command():
    refused = docker_settings.request(("true",), ENVIRONMENT, 20, b"\xff" * 8).replace(b'"/work"', b'"/usr/"')
    done = become("true", change=lambda _: refused)
    assert b"begin" not in done.stderr
    assert b"was refused" in done.stderr


def test_the_pipes_it_is_given_become_the_streams_of_the_command_and_nothing_else_is_open(tmp_path):
    from sandbox.direct import Pipes

    pipes = Pipes(tmp_path)
    asked = docker_settings.request(
        ("sh", "-c", "cat; echo e >&2; ls /proc/self/fd"), ENVIRONMENT, 20, b"", str(pipes.folder)
    )
    asked = asked.replace(b'"/work"', b'"/usr/"')
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", str(PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        process.stdin.write(asked)
        process.stdin.flush()
        assert process.stderr.read() == b"ready\nbegin\n"  # to the end: the command has not got it
        pipes.begin()
        os.write(pipes.descriptor("in"), b"given\n")
        pipes.shut("in")
        assert process.wait(20) == 0
    said = {name: os.read(pipes.descriptor(name), 100) for name in ("out", "err")}
    assert said == {"out": b"given\n0\n1\n2\n3\n", "err": b"e\n"}  # 3 is the folder that `ls` reads
    pipes.close()


def test_pipes_that_are_not_there_are_told_apart():
    missing = docker_settings.request(("true",), ENVIRONMENT, 20, b"", "/no/such").replace(b'"/work"', b'"/usr/"')
    done = become("true", change=lambda _: missing)
    assert (done.returncode != 0, b"begin" in done.stderr) == (True, False)
