"""Grading apart from solving: kept tests run in one sandbox, the scaffold that they judge in another.

The two never meet. The tests ask for a command, this module carries the question to the solver's sandbox and the answer
back, and what the tests report is kept aside until everything in both sandboxes is dead. The solver's lines are a
candidate's words: each is read under a cap and passed on only as the four values that an answer has.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.contract import GUEST, MIB, Command, Limits, Mount, Outcome, Starter

MOST_PASSED = 64 * MIB
"""Bytes that may pass between a sandbox and us, each way, in one run."""
MOST_REPORTED = 16 * MIB
MOST_FILES = 1_000
_QUOTES = 2 * (2 * MOST_FILES + 16)
_PATIENCE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Solver:
    """The other side of a run of tests: what is mounted where the scaffold answers, and variables there."""

    mounts: tuple[Mount, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def solver_command(deadline: float, env: Mapping[str, str] | None = None) -> Command:
    """Return the command that carries out what tests ask for. Isolated, so that no file of the scaffold steers it."""
    return Command(argv=("python", "-I", "-B", f"{GUEST}/solve.py"), deadline=deadline, env=env or {})


def run_apart(backend: Starter, limits: Limits, mounts: tuple[Mount, ...], command: Command, solver: Solver) -> Outcome:
    """Run `command`, a run of tests, in a grader's sandbox, against a solver's.

    Returns the grader's outcome, its reports as standard output. A solver that ends early or talks nonsense leaves its
    tests failed. Raises `SandboxError` when either wall broke.
    """
    wide = replace(limits, output=MOST_PASSED)
    seconds = command.deadline + _PATIENCE_SECONDS
    with (
        _wire(seconds) as (grader, grader_end),
        _wire(seconds) as (answers, solver_end),
        backend.start(mounts, wide, "grader") as judging,
        backend.start(solver.mounts, wide) as solving,
        ThreadPoolExecutor(2, thread_name_prefix="apart") as pool,
    ):
        judged = pool.submit(judging.run, replace(command, wire=grader_end))
        judged.add_done_callback(lambda _: grader_end.close())
        solved = pool.submit(solving.run, replace(solver_command(command.deadline, solver.env), wire=solver_end))
        solved.add_done_callback(lambda _: solver_end.close())
        try:
            reports = _Relay(grader, answers).run()
        finally:
            # Ends what either side still waits for: a grader that is not heard any more, a solver that nobody asks.
            grader.close()
            answers.close()
        try:
            outcome = judged.result()
        finally:
            solving.kill()  # whoever goes on there would hold us until the deadline, and has nobody left to answer
        solved.result()
    return replace(outcome, stdout=reports)


@contextmanager
def _wire(seconds: float) -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(seconds)
        yield ours, theirs


class _Relay:
    """Carries questions and answers between a grader and a solver, and keeps the reports."""

    def __init__(self, grader: socket.socket, solver: socket.socket) -> None:
        self._grader = grader
        self._solver = solver
        self._heard = grader.makefile("rb")
        self._answers = solver.makefile("rb")
        self._broken = ""

    def run(self) -> bytes:
        """Carry on until the grader has no more to say; return its reports, whole lines."""
        reports = bytearray()
        with self._heard, self._answers, suppress(OSError):
            while line := self._heard.readline(MOST_PASSED):
                question = _question(line)
                if question is not None:
                    self._grader.sendall(json.dumps(self._ask(question)).encode() + b"\n")
                elif len(reports) + len(line) <= MOST_REPORTED:
                    reports += line
        return bytes(reports)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return the solver's answer, or why there is none: after one failure there is never another answer."""
        # A name that the solver cannot know before it is asked, so that nothing it sends ahead is an answer.
        name = secrets.token_hex(8)
        if not self._broken:
            try:
                self._solver.sendall(json.dumps({**question, "id": name}).encode() + b"\n")
                answer = _answer(self._answers.readline(MOST_PASSED), name, _kept(question))
            except OSError:
                answer = None
            if answer is not None:
                return answer
            self._broken = "it ended, or answered out of form"
        return {"broken": self._broken}


def _question(line: bytes) -> dict[str, Any] | None:
    """Return what is asked, when this line of the grader asks."""
    said = _parse(line)
    question = said.get("ask") if said is not None else None
    return question if isinstance(question, dict) else None


def _kept(question: dict[str, Any]) -> frozenset[str]:
    """Return the paths of the files that are asked for."""
    keep = question.get("keep")
    return frozenset(path for path in keep if isinstance(path, str)) if isinstance(keep, list) else frozenset()


def _answer(line: bytes, name: str, keep: frozenset[str]) -> dict[str, Any] | None:
    """Return the four values of an answer to the question of that name, with no file that `keep` does not name; None
    for anything else."""
    # An answer is two objects of strings, and never a list. Whatever cannot be that is not parsed at all: small values
    # grow fifty times when they are read, and the line may be as long as everything that may pass.
    if b"[" in line or line.count(b"{") > 2 or line.count(b'"') > _QUOTES:
        return None
    said = _parse(line)
    if said is None or said.get("id") != name:
        return None
    code, files = said.get("code"), said.get("files")
    if not (code is None or (type(code) is int and -256 < code < 256)):
        return None
    # A name that nobody asked for (`/work/x`, `../x`) is a place that a test may write to when it keeps its files.
    if not isinstance(files, dict) or not keep.issuperset(files):
        return None
    texts = {"stdout": said.get("stdout"), "stderr": said.get("stderr")}
    if not all(_is_base64(text) for text in (*texts.values(), *files.values())):
        return None
    return {"code": code, **texts, "files": files}


def _is_base64(text: object) -> bool:
    try:
        return isinstance(text, str) and base64.b64decode(text, validate=True) is not None
    except (binascii.Error, ValueError):
        return False


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
