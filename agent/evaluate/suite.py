"""What a suite is: tasks in two splits, a job that runs them in a sandbox, and a score that the host computes.

Scores are integers in parts per million of a full mark, 0 to 1,000,000.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from agent.digest import canonical_json, sha256
from agent.evaluate.trial import Attempted
from sandbox.broker.desk import Desk
from sandbox.contract import Command, Limits, Mount, Starter

Split = Literal["dev", "heldout"]
"""`dev` tasks may appear in briefs and guide a search; `heldout` tasks never do."""

SPLITS: tuple[Split, ...] = ("dev", "heldout")

FULL = 1_000_000
"""A full mark."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task. Its `id` gives nothing away about the answer; tasks of one `family` share a fate, as one cluster."""

    id: str
    family: str


@dataclass(frozen=True, slots=True)
class SuiteJob:
    """One run of the scaffold over some tasks of one split."""

    mounts: tuple[Mount, ...]
    """Inputs of the suite. The tree under test is mounted by whoever runs the job."""
    command: Command
    score: Callable[[bytes], dict[str, int] | None]
    """From standard output, which nobody has believed yet, to a score for every task of the job; never raises.
    `None` when not one of the tasks was answered."""


class Suite(Protocol):
    """A benchmark whose answers stay on the host."""

    @property
    def name(self) -> str:
        """The name in `successor.toml` and of the file in `suites/`."""
        ...

    @property
    def digest(self) -> str:
        """`sha256:` over everything that decides a score: configuration, inputs, answers, rule of scoring."""
        ...

    @property
    def exam(self) -> str:
        """`sha256:` over what people chose that makes its held-out tasks these and no others.

        Looks at them are counted under it. Unlike `digest` it stays as it is on another machine, behind another wall
        and after an update of Python, for the tasks are then as good as the same.
        """
        ...

    @property
    def objective(self) -> bool:
        """Whether the gain on this suite is what a search is after."""
        ...

    @property
    def entry_points(self) -> tuple[str, ...]:
        """Names by which the suite enters the scaffold, such as the command `rank`."""
        ...

    def tasks(self, split: Split) -> tuple[Task, ...]:
        """All tasks of a split, in a fixed order."""
        ...

    def impossible(self, split: Split) -> frozenset[str]:
        """IDs of the tasks that no honest scaffold can do: a refusal has full marks, all else less. May be empty."""
        ...

    def summary(self, scores: Mapping[str, int]) -> dict[str, int]:
        """Figures for people, in ppm, from the scores of some tasks: `mean` and what else the suite is known by."""
        ...


@runtime_checkable
class SkillSuite(Suite, Protocol):
    """A suite without a model: the scaffold answers many tasks in one command, and the host scores its answers."""

    def job(self, split: Split, task_ids: Sequence[str]) -> SuiteJob:
        """The job that runs these tasks, each once."""
        ...


class ModelTrial(Protocol):
    """One task, once, of a suite that needs a model."""

    def run(self, starter: Starter, limits: Limits) -> Attempted:
        """Let the scaffold solve it, and grade what it leaves. Raises `SandboxError` when a wall broke."""
        ...


@runtime_checkable
class ModelSuite(Suite, Protocol):
    """A suite whose tasks the scaffold solves with a model, each in a sandbox of its own."""

    @property
    def repeats(self) -> int:
        """How often a deciding comparison runs each task: models do not answer twice the same."""
        ...

    @property
    def graded(self) -> Literal["apart", "together"]:
        """Whether tests and answers are in different sandboxes; together, an answer can forge its grade."""
        ...

    @property
    def left_out(self) -> tuple[tuple[str, str], ...]:
        """Tasks that this machine cannot run, and why."""
        ...

    def trial(self, split: Split, task_id: str, scaffold: tuple[Mount, ...], desk: Desk, candidate: str) -> ModelTrial:
        """One run of one task. What it spends is booked on `candidate`."""
        ...


def exam_of(name: str, kind: str, *chosen: int | str) -> str:
    """Return `Suite.exam` of a suite whose held-out tasks follow from what was `chosen`: a seed, or their names."""
    return sha256(canonical_json([name, kind, *chosen]))


def mean_ppm(scores: Sequence[int]) -> int:
    """Mean of scores, rounded half up; 0 of none."""
    return (2 * sum(scores) + len(scores)) // (2 * len(scores)) if scores else 0
