"""What a suite is: tasks in two splits, a job that runs them in a sandbox, and a score that the host computes.

Scores are integers in parts per million of a full mark, 0 to 1,000,000.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from sandbox.contract import Command, Mount

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

    def job(self, split: Split, task_ids: Sequence[str]) -> SuiteJob:
        """The job that runs these tasks, each once."""
        ...

    def impossible(self, split: Split) -> frozenset[str]:
        """IDs of the tasks that no honest scaffold can do: only a refusal is right. May be empty."""
        ...

    def summary(self, scores: Mapping[str, int]) -> dict[str, int]:
        """Figures for people, in ppm, from the scores of some tasks: `mean` and what else the suite is known by."""
        ...


def mean_ppm(scores: Sequence[int]) -> int:
    """Mean of scores, rounded half up; 0 of none."""
    return (2 * sum(scores) + len(scores)) // (2 * len(scores)) if scores else 0
