"""Grade a tree by tests: run them in a fresh sandbox, and count on the host against the list of expected tests.

A run proves only what it reports by name. A test that is expected and did not report is missing, whatever the exit code
says: `os._exit(0)` in a test or in the scaffold ends a run early and silently.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.candidate import TestReport
from sandbox.contract import CANDIDATE_ROOT, DEPENDENCIES, GUEST, Command, Ending, Outcome

COMPLETION = "(the run did not report its end)"
"""Stands among the missing tests of a run whose last line is absent or does not fit its reports."""

MAX_TESTS = 20_000
MAX_ID = 1_000
MAX_LINE = 16 * MAX_ID
OUTCOMES = ("passed", "failed", "skipped")
_SOME_FAILED = 1
_ORDINARY_EXITS = (0, _SOME_FAILED, 5)
"""pytest's exit codes for all passed, some failed, none collected."""


@dataclass(frozen=True, slots=True)
class TestRun:
    """What one run reported: the outcome of each test by its ID, and whether the run came to its end."""

    __test__ = False  # not a pytest class

    outcomes: Mapping[str, str]
    complete: bool
    ended: str
    stderr: bytes = field(default=b"", repr=False)


def new_nonce() -> str:
    """Return a nonce for one run."""
    return secrets.token_hex(16)


def command(folder: str, nonce: str, deadline: float, *, apart: bool = False, slow: bool = True) -> Command:
    """Return the command that runs the tests below a folder of the tree and reports under a nonce.

    The candidate is left off the interpreter's path, so that a `sitecustomize.py` or `pytest.py` of its own is not
    loaded before the reporter has its channel; the reporter puts it last. With `apart` there is no candidate. Without
    `slow`, tests that are marked so are left out.
    """
    request = {"nonce": nonce, "root": CANDIDATE_ROOT, "paths": [folder], "apart": apart, "slow": slow}
    return Command(
        argv=("python", "-P", "-B", f"{GUEST}/pytest_report.py"),
        deadline=deadline,
        stdin=json.dumps(request).encode() + b"\n",
        env={"PYTHONPATH": DEPENDENCIES},
    )


def read_run(outcome: Outcome, nonce: str) -> TestRun:
    """Read the reports of a run, under caps. A test that reported twice has failed: one of the two is forged."""
    reports: Counter[str] = Counter()
    outcomes: dict[str, str] = {}
    ends: list[dict[str, Any]] = []
    for line in outcome.stdout.split(b"\n"):
        report = _parse(line, nonce) if len(line) <= MAX_LINE else None
        if report is None:
            continue
        test = report.get("id")
        if test is None:
            ends.append(report)
        elif isinstance(test, str) and len(test) <= MAX_ID and len(outcomes) < MAX_TESTS:
            name = _printable(test)
            reports[name] += 1
            said = report.get("outcome")
            outcomes[name] = said if said in OUTCOMES and reports[name] == 1 else "failed"
    complete = _came_to_its_end(outcome, ends, reports) and _agrees(outcome, outcomes)
    return TestRun(outcomes, complete, str(outcome.ending), outcome.stderr)


def grade(
    which: Literal["kept", "scaffold"], parent: TestRun, candidate: TestRun, *, apart: bool = False
) -> TestReport:
    """Count the candidate's run against the parent's.

    Expected is every test that the parent's run reported. A skipped test counts as passed only where the parent skipped
    it too. Tests that the parent does not have are unexpected; one of them that fails is a failure.
    """
    expected = parent.outcomes
    passed = [test for test in expected if _passes(expected[test], candidate.outcomes.get(test))]
    missing = [test for test in expected if test not in candidate.outcomes]
    unexpected = [test for test in candidate.outcomes if test not in expected]
    failed = set(expected) - set(passed) - set(missing)
    failed |= {test for test in unexpected if candidate.outcomes[test] == "failed"}
    if not candidate.complete:
        missing.append(COMPLETION)
    return TestReport(
        which=which,
        apart=apart,
        expected=len(expected),
        passed=len(passed),
        failed=tuple(sorted(failed)),
        missing=tuple(sorted(missing)),
        unexpected=tuple(sorted(unexpected)),
        ended=candidate.ended,
    )


def _passes(parent: str, candidate: str | None) -> bool:
    return candidate == "passed" or (candidate == "skipped" and parent == "skipped")


def _came_to_its_end(outcome: Outcome, ends: list[dict[str, Any]], reports: Counter[str]) -> bool:
    """One last line, an ordinary exit that agrees with the process, and as many reports as tests were collected."""
    if outcome.ending is not Ending.EXITED or len(ends) != 1:
        return False
    collected, code = ends[0].get("collected"), ends[0].get("exit")
    return code in _ORDINARY_EXITS and code == outcome.exit_code and collected == reports.total()


def _agrees(outcome: Outcome, outcomes: Mapping[str, str]) -> bool:
    """Whether the exit status tells of failed tests if and only if the reports do: one of the two may be forged."""
    return (outcome.exit_code == _SOME_FAILED) == ("failed" in outcomes.values())


def _printable(test: str) -> str:
    """The ID with everything but printable ASCII escaped: it goes into evidence and before the eyes of people."""
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in test)


def _parse(line: bytes, nonce: str) -> dict[str, Any] | None:
    try:
        report = json.loads(line) if line else None
    except (ValueError, RecursionError):
        return None
    return report if isinstance(report, dict) and report.get("nonce") == nonce else None
