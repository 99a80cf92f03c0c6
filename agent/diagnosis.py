"""What a generation does badly on its development tasks, as values: made by `evaluate`, shown in briefs and to people.

Held-out tasks, tasks that only a refusal answers, and right answers have no place in any of these.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from agent.candidate import Count, LeftOut, Record

Share = Annotated[int, Field(ge=0, le=1_000_000)]


class Suspect(Record):
    """A definition that trials of a group ran through, more than those that passed did."""

    definition: str = Field(description="`path::qualified name`, as the parent's own files have it")
    suspicion_ppm: Share = Field(description="Ochiai coefficient of running it and failing")
    failed: Count = Field(description="trials of the group that ran through it")
    passed: Count = Field(description="trials of the suite that ran through it and passed")


class Weakness(Record):
    """Failed development trials of one suite that share a symptom and the code that they ran through."""

    suite: str
    symptom: str
    tasks: Count = Field(description="how many tasks failed so")
    cost_ppm: Share = Field(description="what they cost: by how much the mean of the suite would rise if they passed")
    suspects: tuple[Suspect, ...] = Field(description="most suspicious first; empty where no definition stands out")
    examples: tuple[str, ...] = Field(description="IDs of some of the tasks")


class SuiteResult(Record):
    """How a generation does on the development tasks of one suite, those that cannot be done left out."""

    suite: str
    objective: bool
    mean_ppm: Share
    outcomes: tuple[tuple[str, Share], ...] = Field(description="ppm by task, the worst first, then by ID")


class Sample(Record):
    """A failed development task as it may be shown: what was asked, and what was said over it with the model."""

    suite: str
    task: str
    question: str = ""
    transcript: str = Field(default="", description="rendered from stored exchanges; text that nobody vouches for")


class Diagnosis(Record):
    """All of it."""

    results: tuple[SuiteResult, ...] = ()
    weaknesses: tuple[Weakness, ...] = Field(default=(), description="the dearest first")
    samples: tuple[Sample, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
