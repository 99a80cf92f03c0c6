"""The second system call filter, as a classic BPF program made from one table (`system_calls.toml`).

An engine's own filter stays in force; the kernel asks both and takes the stricter answer. The program is for seccomp
(Linux, Documentation/userspace-api/seccomp_filter.rst): it reads `struct seccomp_data` (call, architecture, arguments)
and returns what to do. bubblewrap takes the bytes by descriptor; in a container the guest runner loads them.
"""

from __future__ import annotations

import errno
import hashlib
import struct
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from sandbox.errors import BackendUnavailable

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
"""What the kernel calls each machine (linux/audit.h): the ELF number, with bits for 64-bit and little-endian."""

X32 = 0x40000000
"""On x86_64, numbers from here on are the x32 ABI: the same calls by other numbers, which a filter must not forget."""

ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
"""Answers to the kernel (linux/seccomp.h). `REFUSE` carries the error number in its low bits."""

_LOAD, _RETURN = 0x20, 0x06  # BPF_LD | BPF_W | BPF_ABS and BPF_RET | BPF_K (linux/bpf_common.h)
_IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT = 0x15, 0x35, 0x45  # BPF_JMP | BPF_JEQ, BPF_JGE, BPF_JSET, each with BPF_K
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

Kind = Literal["any_bit", "equal", "other_than"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A call is refused only when the low 32 bits of `argument` (from 0) are as `kind` says of `values`."""

    argument: int
    kind: Kind
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused call: its number by machine, the error number its caller is told, and when."""

    name: str
    numbers: dict[str, int]
    error: int
    reason: str
    when: Condition | None = None


@cache
def table() -> tuple[Refusal, ...]:
    """Return every refused call, in the order of the table."""
    groups = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["group"]
    return tuple(
        Refusal(name, numbers, getattr(errno, group["error"]), group["reason"], _condition(group.get("when")))
        for group in groups
        for name, numbers in group["calls"].items()
    )


def _condition(written: dict[str, Any] | None) -> Condition | None:
    if written is None:
        return None
    kinds: tuple[Kind, ...] = ("any_bit", "equal", "other_than")
    (kind,) = (kind for kind in kinds if kind in written)
    values = written[kind]
    return Condition(written["argument"], kind, tuple(values) if isinstance(values, list) else (values,))


@cache
def program(machine: str) -> bytes:
    """Return the filter for `machine` (as `platform.machine()` names it): an array of `struct sock_filter`.

    Raises `BackendUnavailable` for a machine that the table has no numbers for.
    """
    if machine not in ARCHITECTURES:
        raise BackendUnavailable(
            f"there is no system call filter for a {machine} machine", mend="Use an x86_64 or aarch64 machine"
        )
    here = [(refusal.numbers[machine], refusal) for refusal in table() if machine in refusal.numbers]
    code = [_Step(_LOAD, _ARCHITECTURE), _Step(_IF_EQUAL, ARCHITECTURES[machine], no=KILL), _Step(_LOAD, _NUMBER)]
    if machine == "x86_64":
        code.append(_Step(_IF_AT_LEAST, X32, yes=REFUSE | errno.ENOSYS))
    for number, refusal in sorted(here, key=lambda one: one[0]):
        answer = REFUSE | refusal.error
        if refusal.when is None:
            code.append(_Step(_IF_EQUAL, number, yes=answer))
        else:
            code += _conditional(number, refusal.when, answer)
    return _assembled([*code, _Step(_RETURN, ALLOW)])


def digest(machine: str) -> str:
    """Return the SHA-256 of the filter, in hexadecimal. Raises as `program` does."""
    return hashlib.sha256(program(machine)).hexdigest()


@dataclass(frozen=True, slots=True)
class _Step:
    """One instruction. `yes` and `no`: answers to go to; else the next step follows, or the one after `skip_if_not`."""

    operation: int
    value: int
    yes: int | None = None
    no: int | None = None
    skip_if_not: int = 0


def _conditional(number: int, when: Condition, answer: int) -> list[_Step]:
    """Return the test of a call with a condition. Once its argument is loaded, every way ends in an answer."""
    test = _IF_ANY_BIT if when.kind == "any_bit" else _IF_EQUAL
    found, otherwise = (ALLOW, answer) if when.kind == "other_than" else (answer, ALLOW)
    body = [
        _Step(_LOAD, _ARGUMENTS + 8 * when.argument),  # the low half comes first: all our machines are little-endian
        *(_Step(test, value, yes=found) for value in when.values),
        _Step(_RETURN, otherwise),
    ]
    return [_Step(_IF_EQUAL, number, skip_if_not=len(body)), *body]


def _assembled(code: Sequence[_Step]) -> bytes:
    """Return the instructions, followed by one return for each answer that is gone to."""
    answers = sorted({answer for step in code for answer in (step.yes, step.no) if answer is not None})

    def distance(at: int, answer: int | None) -> int:
        return 0 if answer is None else len(code) + answers.index(answer) - at - 1

    return b"".join(
        struct.pack(
            "<HBBI", step.operation, distance(at, step.yes), step.skip_if_not or distance(at, step.no), step.value
        )
        for at, step in enumerate([*code, *(_Step(_RETURN, answer) for answer in answers)])
    )
