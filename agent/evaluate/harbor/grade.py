"""Grading an answer: the task's own verifier in a fresh sandbox, and its reward read on the host.

Apart, the verifier's sandbox holds the tests and not a byte of the answer, and the other holds the answer and no test.
Together, one sandbox holds both.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from agent.evaluate.apart import Solver, run_apart
from agent.evaluate.harbor.places import Place
from agent.evaluate.harbor.reward import JSON, TEXT, NoReward, score_of
from agent.evaluate.harbor.shelf import Shelf
from agent.evaluate.harbor.task import HarborTask
from sandbox.attempt import GIVEN, Left, Work, attempt, command, left
from sandbox.contract import CANDIDATE_ROOT, DEPENDENCIES, GUEST, WORK, Limits, Mount, Starter
from sandbox.surroundings import PYTHON

TESTS = "/tests"
_LOGS = f"{WORK}/logs/verifier"
_VERIFY = ("bash", f"{TESTS}/test.sh")
_SAID = 300


@dataclass(frozen=True, slots=True)
class Grader:
    """Grades answers to one task."""

    task: HarborTask
    shelf: Shelf
    graded: Literal["apart", "together"]
    seconds: float
    place: Place

    def score(self, starter: Starter, limits: Limits, answer: Path) -> int:
        """Return the score of the answer in a folder, in ppm. Raises `NoReward`, or `SandboxError`."""
        return self.verdict(starter, limits, answer)[0]

    def verdict(self, starter: Starter, limits: Limits, answer: Path) -> tuple[int, str]:
        """Return the score, and the last line that the verifier said, for whoever looks after the task."""
        if self.graded == "apart":
            found = self._apart(starter, limits, answer)
        else:
            found = attempt(starter, limits, (self._tests,), self._work(answer), "grader")
        if found.files is None:
            raise NoReward(found.why)
        files = {name: content for name, (content, _) in found.files.items()}
        try:
            return score_of(files.get(JSON), files.get(TEXT)), _last(found)
        except NoReward as error:
            end = "it was cut off" if found.code is None else f"it ended with {found.code}"
            raise NoReward(f"{error}; {end}: {_last(found)}", late=found.code is None) from error

    @property
    def _tests(self) -> Mount:
        return Mount(self.shelf.folder(self.task.below("tests")), TESTS)

    def _work(self, files: Path) -> Work:
        return Work(
            files, _VERIFY, self.seconds, env={**self.place.env, **self._steady()}, out=_LOGS, keep=(JSON, TEXT)
        )

    def _steady(self) -> Mapping[str, str]:
        """Variables that tests are run with: the plugin that brings a solver, where there is one, and no other."""
        own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **self.task.verifier_env}
        plugin, folders = ({"PYTEST_PLUGINS": "pytest_report"}, [GUEST]) if self.graded == "apart" else ({}, [])
        if self.place.image:  # whose own pytest it is; where it has no Python at all, ours
            own["PATH"] = f"{self.place.env['PATH']}:{PYTHON}"
            folders = [*folders, *filter(None, [self.place.python_path])]
        else:
            folders = [DEPENDENCIES, *folders]
        return {**own, **plugin, **({"PYTHONPATH": ":".join(folders)} if folders else {})}

    def _around(self) -> Mapping[str, str]:
        """Variables where the answer is asked: its own Python finds it there, as ours does."""
        if not self.place.image:
            return {}
        folders = filter(None, [CANDIDATE_ROOT, self.place.python_path])
        return {**self.place.env, "PYTHONPATH": ":".join(folders)}

    def _apart(self, starter: Starter, limits: Limits, answer: Path) -> Left:
        word = secrets.token_hex(16)
        nothing = self.shelf.folder({})
        outcome = run_apart(
            starter,
            limits,
            (self._tests, Mount(nothing, GIVEN)),
            command(self._work(nothing), word),
            Solver((Mount(answer, CANDIDATE_ROOT),), self._around()),
        )
        return left(outcome, word)


def _last(found: Left) -> str:
    """The last line of what the verifier said, for a person."""
    lines = found.outcome.stderr.decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")[:_SAID]
