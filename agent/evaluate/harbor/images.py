"""Tasks with images of their own: made ready before any trial, each by name or from its Dockerfile.

Where the wall has no images, a task is left out and says so. An image that cannot be made is refused with the suite: a
suite with fewer tasks would be another one, and nobody would be told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent.edits.tree import File
from agent.errors import BadSettings
from agent.evaluate.harbor.places import Place
from agent.evaluate.harbor.settings import HarborSettings
from agent.evaluate.harbor.task import HarborTask
from sandbox.contract import Backend, ImageMaker, Wanted
from sandbox.errors import ImageRefused

DOCKERFILE = "environment/Dockerfile"


def places_of(
    tasks: Mapping[str, HarborTask],
    settings: HarborSettings,
    backend: Backend,
    progress: Callable[[str], None],
) -> tuple[dict[str, Place], tuple[tuple[str, str], ...]]:
    """Return where tasks are worked on, and those that cannot be here, with the reason. Raises `BadSettings`."""
    if not isinstance(backend, ImageMaker):
        why = f"it needs an image of its own, and {backend.name} has none: use docker"
        return {}, tuple((task, why) for task in tasks)
    return {task.id: _place(task, settings, backend, progress) for task in tasks.values()}, ()


def _place(task: HarborTask, settings: HarborSettings, maker: ImageMaker, progress: Callable[[str], None]) -> Place:
    table = task.file.environment
    try:
        if table.docker_image is None and DOCKERFILE not in task.files:
            raise ImageRefused("it has neither a Dockerfile nor the name of an image")
        context = {path: (file.content, file.executable) for path, file in task.below("environment").items()}
        made = maker.image(
            Wanted(
                {} if table.docker_image else context,
                name=table.docker_image or "",
                workdir=table.workdir or "",
                seconds=table.build_timeout_sec,
                network=settings.build_network,
            ),
            lambda said: progress(f"{task.id}: {said}"),
        )
    except ImageRefused as error:
        raise BadSettings(
            f"{settings.tasks}/{task.id}: its image is not possible", why=error.what, mend=error.mend
        ) from error
    files = {path: File(content, executable) for path, (content, executable) in made.files.items()}
    return Place(files=files, env={**made.env, **task.env}, image=made.digest)
