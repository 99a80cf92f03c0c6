"""Run pytest inside a sandbox and report each test on a channel of its own.

Standard input holds one JSON object: `nonce`, `paths` (test files or folders below the root), `root`. Standard output
carries JSON lines `{"nonce", "id", "outcome"}`, one for each collected test that ended and each collector that failed,
with outcome `passed`, `failed` or `skipped`; then one line `{"nonce", "collected", "exit"}`. What tests print goes to
standard error.

What this holds and what not: the candidate's code cannot replace pytest or the standard library (it comes last on the
path), cannot read the nonce from environment, arguments or standard input, and cannot end the run unnoticed, because
the host expects every test by name and the last line. But tests and this reporter share one process and one user: code
that searches the memory of the process can find the nonce and forge a line. Running the tests as another user, with
the reporter outside their reach, is the next step of the wall.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

DEPENDENCIES = "/opt/successor/site"


Send = Callable[[dict[str, Any]], None]


def open_channel() -> tuple[dict[str, Any], Send]:
    """Read the request, and take standard output for the reports alone; what is printed goes to standard error now.

    The returned function holds the nonce in its closure and nowhere else.
    """
    request = json.loads(sys.stdin.buffer.read())
    nonce = request.pop("nonce")
    channel = os.dup(1)
    os.dup2(2, 1)

    def send(report: dict[str, Any]) -> None:
        line = json.dumps({"nonce": nonce, **report}).encode() + b"\n"
        while line:
            line = line[os.write(channel, line) :]

    return request, send


class Reporter:
    """A pytest plugin that sends one line when a test has been set up, called and torn down."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._outcomes: dict[str, list[str]] = {}
        self.collected = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Count what is going to run."""
        self.collected = len(session.items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be collected is a failed test of that name."""
        if report.failed:
            self._send({"id": report.nodeid, "outcome": "failed"})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember how each phase ended."""
        self._outcomes.setdefault(report.nodeid, []).append(report.outcome)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Passed only if every phase passed."""
        outcomes = self._outcomes.pop(nodeid, [])
        # No phase at all is a failure: a hook of the tests swallowed the reports.
        worst = next((outcome for outcome in ("failed", "skipped", "passed") if outcome in outcomes), "failed")
        self._send({"id": nodeid, "outcome": worst})


def arguments(root: str, paths: list[str]) -> list[str]:
    """Options under which nothing but the named tests and their own conftest files has a say."""
    return [
        "-q",
        "--no-header",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        f"--rootdir={root}",
        f"--confcutdir={root}/{paths[0]}",
        "--import-mode=importlib",
        *(f"{root}/{path}" for path in paths),
    ]


def main() -> int:
    """Run the tests and report the end."""
    request, send = open_channel()
    root = request["root"]
    for name in [name for name in os.environ if name.startswith("PYTEST")]:
        del os.environ[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    # For processes that tests start; this one got the path without the candidate, which thus cannot shadow pytest.
    os.environ["PYTHONPATH"] = f"{root}:{DEPENDENCIES}"
    sys.path.append(root)
    reporter = Reporter(send)
    code = int(pytest.main(arguments(root, request["paths"]), plugins=[reporter]))
    send({"collected": reporter.collected, "exit": code})
    return code


if __name__ == "__main__":
    sys.exit(main())
