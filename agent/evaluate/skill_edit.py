"""The `edit` skill: apply an edit as a model wrote it, or refuse. The score is the exact result or an honest refusal.

A wrong file written is worse than a refusal, because somebody will trust it:

    | the task | exact result | refused | anything else |
    | --- | --- | --- | --- |
    | solvable | 1,000,000 | 250,000 | 0 |
    | impossible | | 1,000,000 | 0 |
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.digest import canonical_json, sha256
from agent.evaluate.answers import read_answers
from agent.evaluate.edit_tasks import EditTask, make_tasks
from agent.evaluate.modules import list_modules, split_families
from agent.evaluate.suite import FULL, SPLITS, Split, SuiteJob, Task, exam_of, mean_ppm
from agent.evaluate.twins import Twin, by_task, labels, rename_edit, surroundings
from sandbox.contract import Command, Runtime

ENTRY = "edit"
MOVED = "vendored"
"""Folder in which a re-labelled twin's file lies."""
RULE = "exact-or-refused/v1"
HONEST_REFUSAL = FULL // 4
LINE_CAP = 262_144
REASON_CAP = 2_000


class EditSettings(BaseModel):
    """`suites/<name>.toml` with `kind = "skill-edit"`. The seed of the search suite gives the same split of files."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_: Literal[1] = Field(alias="schema")
    kind: Literal["skill-edit"]
    seed: int
    dev_tasks: int = Field(gt=0, le=5_000)
    heldout_tasks: int = Field(gt=0, le=5_000)
    deadline_seconds: int = Field(gt=0, le=3_600)


class EditSuite:
    """Edits to real files, each with one right result or none."""

    def __init__(
        self, name: str, settings: EditSettings, tasks: Mapping[Split, Sequence[EditTask]], *, objective: bool
    ) -> None:
        self.name = name
        self.objective = objective
        self._settings = settings
        self._tasks = {split: {task.id: task for task in tasks[split]} for split in SPLITS}
        contents = {split: [asdict(task) for task in self._tasks[split].values()] for split in SPLITS}
        self.digest = sha256(canonical_json({"rule": RULE, "tasks": contents, "deadline": settings.deadline_seconds}))
        self.exam = exam_of(name, settings.kind, settings.seed)

    @property
    def entry_points(self) -> tuple[str, ...]:
        """The one command that the suite calls."""
        return (ENTRY,)

    def tasks(self, split: Split) -> tuple[Task, ...]:
        """All edits of a split, in the order of their IDs."""
        return tuple(Task(task.id, task.family) for task in self._tasks[split].values())

    def job(self, split: Split, task_ids: Sequence[str]) -> SuiteJob:
        """Apply each edit to the content it comes with; nothing is mounted."""
        return self._job([self._tasks[split][task] for task in task_ids])

    def twin(self, split: Split, task_ids: Sequence[str], twin: Twin) -> SuiteJob:
        """The same edits with other identifiers; or under other labels and in another folder."""
        names, plain = labels(task_ids, twin), twin.kind == "relabelled"
        tasks = [(self._tasks[split][task], label) for task, label in names.items()]
        job = self._job(
            [
                replace(task, id=label, path=f"{MOVED}/{task.path}") if plain else rename_edit(task, twin.seed)
                for task, label in tasks
            ]
        )
        command = replace(job.command, env=surroundings(twin))
        return replace(job, command=command, score=lambda out: by_task(job.score(out), names))

    def _job(self, tasks: Sequence[EditTask]) -> SuiteJob:
        chosen = {task.id: task for task in tasks}
        lines = [
            json.dumps({"id": task.id, "path": task.path, "content": task.content, "edit": task.edit})
            for task in chosen.values()
        ]
        command = Command(
            argv=("python", "-m", "scaffold", ENTRY),
            deadline=self._settings.deadline_seconds,
            stdin="".join(line + "\n" for line in lines).encode(),
        )
        expected = {task.id: task.expected for task in chosen.values()}
        return SuiteJob((), command, lambda out: score(out, expected))

    def impossible(self, split: Split) -> frozenset[str]:
        """The edits that only a refusal answers."""
        return frozenset(task.id for task in self._tasks[split].values() if task.expected is None)

    def kinds(self, split: Split) -> dict[str, str]:
        """Kind of noise by task ID, for displays and reports."""
        return {task.id: task.kind for task in self._tasks[split].values()}

    def symptom(self, task: str, score: int) -> str:
        """What was done instead of the edit, and what made the edit hard."""
        what = "refused, though it can be done" if score == HONEST_REFUSAL else "a wrong file was written, or nothing"
        return f"{what}: {self._tasks['dev'][task].kind}"

    def question(self, task: str) -> str:
        """The edit of a development task as a model wrote it; nothing for one that only a refusal answers."""
        chosen = self._tasks["dev"][task]
        return chosen.edit if chosen.expected is not None else ""

    def summary(self, scores: Mapping[str, int]) -> dict[str, int]:
        """Mean; shares of solvable edits done exactly, refused and done wrongly; share of impossible ones refused."""
        twins = {split: self.impossible(split) for split in SPLITS}
        impossible = [value for task, value in scores.items() if any(task in twins[split] for split in SPLITS)]
        solvable = [value for task, value in scores.items() if not any(task in twins[split] for split in SPLITS)]
        return {
            "mean": mean_ppm(list(scores.values())),
            "exact": mean_ppm([FULL * (value == FULL) for value in solvable]),
            "refused": mean_ppm([FULL * (value == HONEST_REFUSAL) for value in solvable]),
            "wrong": mean_ppm([FULL * (value == 0) for value in solvable]),
            "impossible_refused": mean_ppm(impossible),
        }


def open_edit_suite(name: str, settings: EditSettings, runtime: Runtime, *, objective: bool) -> EditSuite:
    """Make the suite from the stripped standard library of a runtime."""
    modules = list_modules(runtime.stripped_stdlib, runtime.frozen)
    sides = split_families(modules, settings.seed)
    counts: dict[Split, int] = {"dev": settings.dev_tasks, "heldout": settings.heldout_tasks}
    tasks = {
        split: make_tasks([module for module in modules if sides[module.family] == split], counts[split], settings.seed)
        for split in SPLITS
    }
    return EditSuite(name, settings, tasks, objective=objective)


def score(stdout: bytes, expected: Mapping[str, str | None]) -> dict[str, int] | None:
    """Return the score of each edit in ppm, or `None` when none was answered."""
    given = read_answers(stdout, expected, line_cap=LINE_CAP)
    if not given:
        return None
    return {task: _mark(given.get(task), right) for task, right in expected.items()}


def _mark(given: dict[str, Any] | None, right: str | None) -> int:
    if given is None or ("content" in given) == ("refused" in given):
        return 0
    if "refused" in given:
        reason = given["refused"]
        honest = isinstance(reason, str) and len(reason) <= REASON_CAP
        return (FULL if right is None else HONEST_REFUSAL) if honest else 0
    return FULL if right is not None and given["content"] == right else 0
