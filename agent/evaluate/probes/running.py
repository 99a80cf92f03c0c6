"""Probes that must see something run: first they say what, then they judge what came of it.

Judging stays pure, so that a test can hand in any outcome. Who runs it all is `agent.evaluate.probing`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.candidate import ProbeResult
from agent.edits.tree import Tree
from agent.evaluate.canaries import Canaries
from agent.evaluate.grading import TestRun
from agent.evaluate.probes.probe import Subject
from agent.evaluate.suite import Suite, SuiteJob
from agent.workspace import Settings


@dataclass(frozen=True, slots=True)
class TestWish:
    """The scaffold's own tests of a tree, run once in a sandbox of their own."""

    __test__ = False  # not a pytest class

    tree: Tree
    folder: str
    patient: bool = False
    """Whether they are given as long as the workspace gives its tests, and not only as long as broken code is worth."""


@dataclass(frozen=True, slots=True)
class TaskWish:
    """One job of a suite, run once by a tree. Two with the same tree and label are the same."""

    tree: Tree
    label: str
    job: SuiteJob


Wish = TestWish | TaskWish


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a job: scores, or `None` when nothing was answered; and every byte that came out, for searching."""

    scores: dict[str, int] | None
    ended: str = "exited"
    output: bytes = field(default=b"", repr=False)


Seen = TestRun | Answered


@dataclass(frozen=True, slots=True)
class Place:
    """Where a probe works: the parent's settings, the suites at hand, and the tokens that only the host knows."""

    settings: Settings
    suites: tuple[Suite, ...]
    canaries: Canaries


class RunningProbe(Protocol):
    """One check for deception that needs a sandbox."""

    @property
    def name(self) -> str:
        """Stable name, as policies use it."""
        ...

    @property
    def blocking(self) -> bool:
        """Whether a finding denies by default."""
        ...

    def wants(self, subject: Subject, place: Place) -> tuple[Wish, ...]:
        """Say what is to be run. The same for the same subject and place, whenever it is asked."""
        ...

    def judge(self, subject: Subject, place: Place, seen: Sequence[Seen]) -> ProbeResult:
        """Judge what came of it, in the order in which it was wanted. Pure, and never raises for what ran."""
        ...
