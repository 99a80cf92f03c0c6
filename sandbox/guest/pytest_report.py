"""Run pytest inside a sandbox and report each test on a channel of its own.

The first line of standard input is one JSON object: `nonce`, `paths` (test files or folders below the root), `root`,
`apart`: whether the scaffold is in another sandbox, and `slow`: whether tests that are marked slow run as well. A
scaffold that is apart is reached through `config.solver`, whose questions are lines `{"ask": ...}` of standard output
and whose answers are the further lines of standard input. Standard output carries JSON lines `{"nonce", "id",
"outcome"}`, one for each collected test that ended and each collector that failed, with outcome `passed`, `failed` or
`skipped`; then one line `{"nonce", "collected", "exit"}`. What tests print goes to standard error.

What this holds and what not: the candidate's code cannot replace pytest or the standard library (it comes last on the
path), cannot read the nonce from environment, arguments or standard input, and cannot end the run unnoticed, because
the host expects every test by name and the last line. But unless they run apart, the scaffold, its tests and this
reporter share one process and one user: code that searches the memory of the process can find the nonce and forge a
line. So what decides is run apart, and what is not is recorded as such.
"""

import base64
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pytest

DEPENDENCIES = "/opt/successor/site"
ANSWER_SECONDS = 100
WIRE = "SUCCESSOR_WIRE"
"""Two descriptors, to read from and to write to, through which a solver is reached (see `attempt.py`)."""


Send = Callable[[dict[str, Any]], None]


def open_channel() -> tuple[dict[str, Any], Send, BinaryIO]:
    """Read the request, and take standard input and output for ourselves: what is printed goes to standard error now.

    The returned function holds the nonce in its closure and nowhere else.
    """
    inward, outward = os.fdopen(os.dup(0), "rb"), os.dup(1)
    request = json.loads(inward.readline())
    nonce = request.pop("nonce")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)

    def send(report: dict[str, Any]) -> None:
        line = json.dumps({"nonce": nonce, **report}).encode() + b"\n"
        while line:
            line = line[os.write(outward, line) :]

    return request, send, inward


@dataclass(frozen=True)
class Ran:
    """What a command came to. `code` is None when it was cut off; `files` holds those that were to be kept."""

    code: int | None
    stdout: bytes
    stderr: bytes
    files: Mapping[str, bytes]


class Solver:
    """The scaffold as kept tests see it: asks the host, which asks the sandbox of the scaffold, a command at a time."""

    def __init__(self, send: Callable[[dict[str, Any]], None], answers: BinaryIO) -> None:
        self._send = send
        self._answers = answers

    def run(
        self,
        argv: Sequence[str],
        stdin: bytes = b"",
        files: Mapping[str, bytes] | None = None,
        env: Mapping[str, str] | None = None,
        keep: Sequence[str] = (),
    ) -> Ran:
        """Run `argv` (`python` is the interpreter) in a fresh folder that holds `files`; send back the files of `keep`.

        Raises `RuntimeError` when the scaffold's sandbox has ended or does not answer in form.
        """
        self._send(
            {
                "ask": {
                    "argv": list(argv),
                    "stdin": base64.b64encode(stdin).decode("ascii"),
                    "files": {
                        path: base64.b64encode(content).decode("ascii") for path, content in (files or {}).items()
                    },
                    "env": dict(env or {}),
                    "keep": list(keep),
                    "seconds": ANSWER_SECONDS,
                }
            }
        )
        answer = json.loads(self._answers.readline() or b'{"broken": "nobody answers"}')
        if "broken" in answer:
            raise RuntimeError(f"the scaffold's sandbox gave no answer: {answer['broken']}")
        content = {path: base64.b64decode(text) for path, text in answer["files"].items()}
        return Ran(answer["code"], base64.b64decode(answer["stdout"]), base64.b64decode(answer["stderr"]), content)

    def pytest_configure(self, config: pytest.Config) -> None:
        """Put ourselves where a fixture finds us: this is also a pytest plugin."""
        config.solver = self  # type: ignore[attr-defined]  # a name of our own


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


def pytest_configure(config: pytest.Config) -> None:
    """Loaded as a plugin by name, in a run of tests that somebody else started: bring a solver along."""
    wire = os.environ.get(WIRE)
    if wire:
        reading, writing = map(int, wire.split(","))

        def send(report: dict[str, Any]) -> None:
            line = json.dumps(report).encode() + b"\n"
            while line:
                line = line[os.write(writing, line) :]

        Solver(send, os.fdopen(os.dup(reading), "rb")).pytest_configure(config)


def arguments(root: str, paths: list[str], *, slow: bool = True) -> list[str]:
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
        *(() if slow else ("-m", "not slow")),
        *(f"{root}/{path}" for path in paths),
    ]


def main() -> int:
    """Run the tests and report the end."""
    request, send, answers = open_channel()
    root = request["root"]
    for name in [name for name in os.environ if name.startswith("PYTEST")]:
        del os.environ[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    # For processes that tests start; this one got the path without the candidate, which thus cannot shadow pytest.
    os.environ["PYTHONPATH"] = f"{root}:{DEPENDENCIES}"
    sys.path.append(root)
    reporter = Reporter(send)
    plugins = [reporter, *([Solver(send, answers)] if request["apart"] else [])]
    code = int(pytest.main(arguments(root, request["paths"], slow=request["slow"]), plugins=plugins))
    send({"collected": reporter.collected, "exit": code})
    return code


if __name__ == "__main__":
    sys.exit(main())
