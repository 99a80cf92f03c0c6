"""A suite of Harbor tasks: read from the parent's tree, and named by every byte that decides a score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from agent.digest import canonical_json, sha256
from agent.edits.tree import File, Tree
from agent.errors import BadSettings
from agent.evaluate.harbor.environment import APP, NotInside, read_dockerfile
from agent.evaluate.harbor.images import places_of
from agent.evaluate.harbor.places import Place
from agent.evaluate.harbor.settings import HarborSettings
from agent.evaluate.harbor.shelf import Shelf
from agent.evaluate.harbor.task import HarborTask, read_task
from agent.evaluate.harbor.trial import HarborTrial
from agent.evaluate.suite import FULL, Split, Task, exam_of, mean_ppm
from sandbox.broker.desk import Desk
from sandbox.contract import Backend, Mount, Runtime

ENTRY = "solve"
RULE = "harbor-reward/v2"
MOST_TASKS = 5_000


class HarborSuite:
    """Coding tasks, each tried in sandboxes of its own. Safe to use from several threads; to be closed."""

    def __init__(
        self,
        name: str,
        settings: HarborSettings,
        tasks: Mapping[str, HarborTask],
        places: Mapping[str, Place],
        left_out: tuple[tuple[str, str], ...],
        *,
        objective: bool,
    ) -> None:
        self.name = name
        self.objective = objective
        self.settings = settings
        self.left_out = left_out
        """Tasks that this machine cannot run, and why."""
        self._tasks = tasks
        self._places = places
        self._shelf = Shelf()
        self.digest = sha256(canonical_json(_named(settings, tasks, places)))
        self.exam = exam_of(name, settings.kind, *(task.id for task in tasks.values() if task.split == "heldout"))

    @property
    def entry_points(self) -> tuple[str, ...]:
        """The one command that the suite calls."""
        return (ENTRY,)

    @property
    def repeats(self) -> int:
        """How often a deciding comparison runs each task."""
        return self.settings.repeats

    @property
    def graded(self) -> Literal["apart", "together"]:
        """Where tests run."""
        return self.settings.graded

    def tasks(self, split: Split) -> tuple[Task, ...]:
        """The tasks of a split that can be run here, in the order of their names."""
        return tuple(Task(task.id, task.family) for task in self._runnable(split))

    def impossible(self, split: Split) -> frozenset[str]:
        """The tasks that no honest answer earns anything in. Full marks are for who earns nothing."""
        return frozenset(task.id for task in self._runnable(split) if task.impossible)

    def symptom(self, task: str, score: int) -> str:  # noqa: ARG002  # the Protocol's signature
        """What the verifier said."""
        return "not all tests passed" if score else "the tests did not pass"

    def question(self, task: str) -> str:
        """The instruction of a development task; nothing for one that no honest answer earns anything in."""
        chosen = self._tasks[task]
        return chosen.instruction if chosen.split == "dev" and not chosen.impossible else ""

    def summary(self, scores: Mapping[str, int]) -> dict[str, int]:
        """Mean, and the share of tasks that were solved in full; of those that cannot be, the share left unsolved."""
        barred = [score for task, score in scores.items() if self._tasks[task].impossible]
        others = [score for task, score in scores.items() if not self._tasks[task].impossible]
        told = {
            "mean": mean_ppm(list(scores.values())),
            "solved": mean_ppm([FULL * (score == FULL) for score in others]),
        }
        return {**told, "impossible_refused": mean_ppm(barred)} if barred else told

    def task(self, task_id: str) -> HarborTask:
        """Return one task with everything in it, answers included: for checks of the suite, never for a solver."""
        return self._tasks[task_id]

    def place(self, task_id: str) -> Place:
        """Return where a task is worked on."""
        return self._places[task_id]

    @property
    def shelf(self) -> Shelf:
        """Where this suite's files are staged for mounting."""
        return self._shelf

    def trial(self, split: Split, task_id: str, scaffold: tuple[Mount, ...], desk: Desk, candidate: str) -> HarborTrial:
        """One run of one task by a scaffold. What it spends is booked on `candidate`."""
        task = self._tasks[task_id]
        if task.split != split:
            raise BadSettings(f"the task {task_id} is not in the split {split}")
        return HarborTrial(self.settings, task, self._places[task_id], self._shelf, scaffold, desk, candidate)

    def close(self) -> None:
        """Remove what was staged. May be called twice."""
        self._shelf.close()

    def _runnable(self, split: Split) -> tuple[HarborTask, ...]:
        return tuple(task for task in self._tasks.values() if task.split == split and task.id in self._places)


def open_harbor_suite(
    name: str,
    settings: HarborSettings,
    base: Tree,
    runtime: Runtime,
    backend: Backend,
    *,
    objective: bool,
    progress: Callable[[str], None],
) -> HarborSuite:
    """Read the tasks of a suite from `base`, and make what they are solved in.

    Raises `BadSettings` for a task that is not valid or needs what we do not have, by name.
    """
    del runtime  # part of every trial's name already
    tasks = {task: read_task(task, files, f"{settings.tasks}/{task}") for task, files in folders(base, settings.tasks)}
    if not tasks:
        raise BadSettings(f"suites/{name}.toml: tasks", why=f"there is no task in {settings.tasks}/")
    if len(tasks) > MOST_TASKS:
        raise BadSettings(f"{settings.tasks} holds more than {MOST_TASKS} tasks")
    if settings.environment == "image":
        places, left_out = places_of(tasks, settings, backend, progress)
    else:
        places, left_out = {task.id: _inside(task, f"{settings.tasks}/{task.id}") for task in tasks.values()}, ()
    return HarborSuite(name, settings, tasks, places, left_out, objective=objective)


def folders(base: Tree, parent: str) -> list[tuple[str, dict[str, File]]]:
    """Return the task folders below a folder of the workspace: name, and files by relative path."""
    found: dict[str, dict[str, File]] = {}
    for path, file in base.items():
        rest = path.removeprefix(f"{parent}/")
        task, separator, name = rest.partition("/")
        if path.startswith(f"{parent}/") and separator:
            found.setdefault(task, {})[name] = file
    return sorted(found.items())


def _inside(task: HarborTask, origin: str) -> Place:
    """Return where a task without an image of its own is worked on."""
    table = task.file.environment
    try:
        if "environment/Dockerfile" not in task.files:
            raise NotInside("it has an image and no Dockerfile" if table.docker_image else "it is missing")
        if table.workdir not in (None, APP):
            raise NotInside(f"the work folder is {APP}")
        dockerfile = task.files["environment/Dockerfile"].content.decode("utf-8", "replace")
        read = read_dockerfile(dockerfile, task.below("environment"))
    except NotInside as error:
        raise BadSettings(
            f'{origin}/environment/Dockerfile does not fit environment = "inside"',
            why=str(error),
            mend='Change it, or take environment = "image"',
        ) from error
    return Place(files=read.files, env={**read.env, **task.env})


def _named(settings: HarborSettings, tasks: Mapping[str, HarborTask], places: Mapping[str, Place]) -> dict[str, object]:
    """Everything that decides a score."""
    return {
        "rule": RULE,
        # What an image was built with is in its digest.
        "settings": settings.model_dump(by_alias=True, mode="json", exclude={"build_network"}),
        "tasks": {
            task.id: {path: [sha256(file.content), file.executable] for path, file in task.files.items()}
            for task in tasks.values()
        },
        "images": {task: place.image for task, place in places.items() if place.image},
    }
