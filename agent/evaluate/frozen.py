"""The frozen regression set: tasks that an approved generation did in full, to which every later one is held.

`suites/frozen.toml` lists them, by suite and by the digest of the suite as it was then. It is a kept file of the
parent's: a candidate can neither read nor change it. Only development tasks are frozen, so that nothing about held-out
ones is told. No trial is run for it: its tasks are measured with their suites, in the same batch.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.candidate import Digest, Frozen, LeftOut
from agent.digest import canonical_json, sha256
from agent.edits.tree import Tree
from agent.errors import BadSettings
from agent.evaluate.compare import compare
from agent.evaluate.probes.probe import Measured
from agent.evaluate.suite import FULL, Suite
from agent.workspace import read_toml

FROZEN_NAME = "frozen"
"""No suite is called so."""
FROZEN_FILE = f"suites/{FROZEN_NAME}.toml"
MOST_TASKS = 5_000
TaskId = Annotated[str, Field(min_length=1, max_length=128)]

_HEAD = """\
# Tasks that {generation} did in full. Every later one is held to them: policies/statistics.yaml, frozen-held.
# Made by `successor suite freeze`. `digest` is that of the lists below: they are not edited by hand.

schema = 1
kind = "frozen"
digest = "{digest}"
"""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FrozenTasks(_Section):
    """The frozen tasks of one suite."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    suite_digest: Digest
    """Of the suite when they were frozen; another one now, and they say nothing. Tasks that are made from the standard
    library are others under another Python, so a suite may be listed in several states."""
    tasks: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=128)]], Field(min_length=1, max_length=MOST_TASKS)
    ]


class FrozenSet(_Section):
    """The whole of `suites/frozen.toml`."""

    schema_: Literal[1] = Field(alias="schema")
    kind: Literal["frozen"]
    digest: Digest
    suites: list[FrozenTasks]

    @model_validator(mode="after")
    def _says_what_was_frozen(self) -> FrozenSet:
        if len({(one.name, one.suite_digest) for one in self.suites}) < len(self.suites):
            raise ValueError("one state of a suite is frozen twice")
        if any(len(set(one.tasks)) < len(one.tasks) for one in self.suites):
            raise ValueError("a task is frozen twice")
        if self.digest != _digest(self.suites):
            raise ValueError("its digest is not that of its lists; write it anew with: successor suite freeze")
        return self


def read_frozen(base: Tree) -> FrozenSet | None:
    """Return the frozen set of a tree, None where there is none; raise `BadSettings` for a file that is not valid."""
    if FROZEN_FILE not in base:
        return None
    try:
        return FrozenSet.model_validate(read_toml(base[FROZEN_FILE].content.decode("utf-8")))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise BadSettings(f"{FROZEN_FILE}: {place}", why=first["msg"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadSettings(f"{FROZEN_FILE} cannot be read", why="it is not valid TOML in UTF-8") from error


def freeze(scores: Iterable[tuple[Suite, Sequence[Mapping[str, int]]]], before: FrozenSet | None = None) -> FrozenSet:
    """Freeze, of each suite, the development tasks that were done in full each time they were run.

    What was frozen `before` on other suites, or on other states of these, stays.
    """
    scores = tuple(scores)
    anew = {(suite.name, suite.digest) for suite, _ in scores}
    frozen = [one for one in (before.suites if before else ()) if (one.name, one.suite_digest) not in anew]
    for suite, runs in scores:
        full = sorted(task for task in runs[0] if all(run.get(task) == FULL for run in runs))
        if full:
            frozen.append(FrozenTasks(name=suite.name, suite_digest=suite.digest, tasks=full))
    frozen.sort(key=lambda one: (one.name, one.suite_digest))
    return FrozenSet(schema=1, kind="frozen", digest=_digest(frozen), suites=frozen)


def written(frozen: FrozenSet, generation: str) -> bytes:
    """Write a frozen set as its file. `generation`: whose tasks these are, for people."""
    lines = [_HEAD.format(generation=generation, digest=frozen.digest)]
    for one in frozen.suites:
        tasks = "".join(f"    {json.dumps(task)},\n" for task in one.tasks)
        lines.append(f'\n[[suites]]\nname = "{one.name}"\nsuite_digest = "{one.suite_digest}"\ntasks = [\n{tasks}]\n')
    return "".join(lines if frozen.suites else [*lines, "suites = []\n"]).encode()


def held_to(
    frozen: FrozenSet | None,
    measured: Iterable[Measured],
    left_out: Iterable[LeftOut],
    suites: Sequence[Suite],
    seed: int,
) -> tuple[Frozen, ...]:
    """Compare a candidate with its parent on the frozen tasks alone, from what was measured in their batch."""
    dev = {one.suite: one for one in measured if one.split == "dev"}
    away = {one.suite for one in left_out if not one.task}
    families = {suite.name: {task.id: task.family for task in suite.tasks("dev")} for suite in suites}
    here = {suite.name: suite.digest for suite in suites}
    chosen: dict[str, FrozenTasks] = {}
    for one in frozen.suites if frozen else ():
        # Of several states of a suite the one that it is in; where it is in none, any says as much.
        if one.name not in chosen or one.suite_digest == here.get(one.name):
            chosen[one.name] = one
    return tuple(
        _compared(one, dev.get(one.name), families.get(one.name, {}), seed, away=one.name in away)
        for one in chosen.values()
    )


def _compared(one: FrozenTasks, unit: Measured | None, families: Mapping[str, str], seed: int, *, away: bool) -> Frozen:
    if unit is None and away:
        return Frozen(suite=one.name, status="left_out", tasks=len(one.tasks))
    if unit is None or unit.comparison.suite_digest != one.suite_digest or not set(one.tasks) <= unit.replayed.keys():
        return Frozen(suite=one.name, status="stale", tasks=len(one.tasks))
    parent = {task: unit.replayed[task] for task in one.tasks}
    candidate = {task: unit.candidate.get(task, 0) for task in one.tasks}
    difference = compare(parent, candidate, {task: families[task] for task in one.tasks}, seed=seed)
    lost = [task for task in one.tasks if candidate[task] < FULL <= parent[task]]
    return Frozen(
        suite=one.name,
        status="measured",
        tasks=len(one.tasks),
        families=difference.families,
        parent_ppm=difference.parent,
        candidate_ppm=difference.candidate,
        gain_low_ppm=difference.low,
        lost=tuple(lost),
    )


def _digest(suites: Sequence[FrozenTasks]) -> str:
    return sha256(canonical_json([one.model_dump() for one in suites]))
