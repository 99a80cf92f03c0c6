"""The second system call filter: what it refuses on each machine, and that it refuses nothing else."""

import errno
import platform
import re
import struct
from collections import Counter
from pathlib import Path

import pytest

from sandbox.errors import BackendUnavailable
from sandbox.system_calls import ALLOW, ARCHITECTURES, KILL, REFUSE, X32, digest, program, table

MACHINES = tuple(ARCHITECTURES)
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
NEWER_THAN_SOME_HEADERS = {"open_tree_attr": 467}
NEWUSER, NEWNET, SIGCHLD, THREAD = 0x10000000, 0x40000000, 17, 0x3D0F00
HIGH = 0xABCD << 32


def evaluate(code: bytes, number: int, arguments: tuple[int, ...] = (), architecture: int = 0) -> int:
    """Run a classic BPF program over a `struct seccomp_data`, as the kernel does; refuse what the kernel would not load."""
    filled = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("<IIQ6Q", number, architecture, 0x7F0000001000, *filled)
    steps = list(struct.iter_unpack("<HBBI", code))
    held, at = 0, 0
    while True:
        operation, yes, no, value = steps[at]
        at += 1
        match operation:
            case 0x20:
                assert value % 4 == 0
                (held,) = struct.unpack_from("<I", data, value)
            case 0x06:
                return value
            case 0x15:
                at += yes if held == value else no
            case 0x35:
                at += yes if held >= value else no
            case 0x45:
                at += yes if held & value else no
            case _:
                raise AssertionError(f"operation {operation:#x}")


def ask(machine: str, number: int, *arguments: int) -> int:
    return evaluate(program(machine), number, arguments, ARCHITECTURES[machine])


def number_of(name: str, machine: str) -> int:
    return next(refusal.numbers[machine] for refusal in table() if refusal.name == name)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_of_the_table_is_refused_with_its_error(machine):
    plain = [refusal for refusal in table() if machine in refusal.numbers and refusal.when is None]

    assert len(plain) > 50
    wrong = [one.name for one in plain if ask(machine, one.numbers[machine]) != REFUSE | one.error]
    assert wrong == []


@pytest.mark.parametrize("machine", MACHINES)
def test_every_other_call_passes(machine):
    refused = {refusal.numbers.get(machine) for refusal in table()}

    assert [n for n in range(1024) if n not in refused and ask(machine, n) != ALLOW] == []
    assert {ask(machine, number) for number in refused if number is not None} >= {ALLOW, REFUSE | errno.EPERM}


@pytest.mark.parametrize("machine", MACHINES)
def test_another_architecture_ends_the_process(machine):
    others = {0x40000003, 0x40000028, 0, *ARCHITECTURES.values()} - {ARCHITECTURES[machine]}

    assert {evaluate(program(machine), 0, (), other) for other in others} == {KILL}


def test_the_second_numbering_of_x86_is_refused():
    assert {ask("x86_64", number) for number in (X32, X32 + 1, X32 + 520, 0xFFFFFFFF)} == {REFUSE | errno.ENOSYS}
    assert ask("x86_64", X32 - 1) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("clone", (NEWUSER,), errno.EPERM),
        ("clone", (NEWUSER | SIGCHLD,), errno.EPERM),
        ("clone", (HIGH | NEWNET | SIGCHLD,), errno.EPERM),
        ("clone", (SIGCHLD, NEWUSER), None),
        ("clone", (THREAD,), None),
        ("clone", (HIGH | SIGCHLD,), None),
        ("clone3", (0,), errno.ENOSYS),
        *[("socket", (family, 1, 0), errno.EAFNOSUPPORT) for family in (17, 38, 40, 44, 0, 3, 9, 21, 30)],
        *[("socketpair", (family, 1, 0), errno.EAFNOSUPPORT) for family in (30, 40)],
        *[("socket", (family, 3, 0), None) for family in (1, 2, 10, 16)],
        ("socket", (HIGH | 40, 1, 0), errno.EAFNOSUPPORT),
        ("socket", (HIGH | 1, 1, 0), None),
        ("socketpair", (1, 1, 0), None),
        ("ioctl", (0, 0x5412), errno.EPERM),
        ("ioctl", (0, HIGH | 0x5412), errno.EPERM),
        ("ioctl", (0, 0x541C), errno.EPERM),
        ("ioctl", (0x5412, 0x5413), None),
        ("ioctl", (0, 0x5401), None),
        *[("fcntl", (0, command), errno.ENOLCK) for command in (5, 36, 37, 38, 1024, 1026, HIGH | 5)],
        *[("fcntl", (5, command), None) for command in (0, 1, 2, 3, 4, 6, 7, 1030, 1031, 1033)],
    ],
)
def test_a_call_with_a_condition_is_refused_by_the_low_half_of_its_argument(machine, name, arguments, error):
    assert ask(machine, number_of(name, machine), *arguments) == (ALLOW if error is None else REFUSE | error)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_kernels_headers(machine):
    if not HEADERS[machine].is_file():
        pytest.skip("the kernel's headers for this machine are not installed (linux-libc-dev)")
    pairs = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text())
    known = NEWER_THAN_SOME_HEADERS | {name: int(number) for name, number in pairs}

    assert {one.name: one.numbers.get(machine) for one in table()} == {one.name: known.get(one.name) for one in table()}


def test_no_call_or_number_is_named_twice():
    assert [name for name, times in Counter(one.name for one in table()).items() if times > 1] == []
    for machine in MACHINES:
        numbers = Counter(one.numbers[machine] for one in table() if machine in one.numbers)
        assert [number for number, times in numbers.items() if times > 1] == []


def test_every_refusal_gives_its_reason():
    assert all(len(one.reason) > 20 for one in table())


def test_calls_that_no_sandbox_may_lose_are_in_the_table():
    names = "io_uring_setup keyctl ptrace process_vm_readv bpf perf_event_open userfaultfd mount fsopen unshare setns clone3"
    assert {*names.split(), "clone", "socket", "ioctl", "open_by_handle_at", "pidfd_getfd"} <= {o.name for o in table()}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_program_is_one_that_the_kernel_takes(machine):
    steps = list(struct.iter_unpack("<HBBI", program(machine)))

    assert len(steps) <= 4096
    for at, (operation, yes, no, _) in enumerate(steps):
        assert at + 1 + max(yes, no) < len(steps) or operation == 0x06


def test_the_digest_tells_filters_apart():
    assert len({digest(machine) for machine in MACHINES}) == len(MACHINES)
    assert re.fullmatch("[0-9a-f]{64}", digest("x86_64"))


def test_a_machine_without_numbers_is_refused_by_name():
    with pytest.raises(BackendUnavailable, match="no system call filter for a riscv64 machine"):
        program("riscv64")


def test_this_machine_has_a_filter():
    assert program(platform.machine())
