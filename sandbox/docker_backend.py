"""The default wall: single-use containers of a Docker engine on this machine.

Its level is `container`, or `hardened` under a runtime that was seen to have a kernel of its own (`docker_runtime`).

A container is made asleep, runs one command by `exec`, is killed with everything in it, and only then is what came out
looked at. `docker_settings` says with what it is made; `docker_engine` speaks to the engine.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sandbox.cache import CacheUse
from sandbox.contract import (
    GUEST,
    MIB,
    Command,
    Ending,
    Level,
    Limits,
    Mount,
    Progress,
    Role,
    Runtime,
    TaskImage,
    Wanted,
)
from sandbox.docker_container import SECONDS_TO_LIVE, Container, Maker, Shape
from sandbox.docker_engine import Engine
from sandbox.docker_image import THIS_MACHINE, Images
from sandbox.docker_runtime import Kernel, demand_offered, demand_own_kernel, described
from sandbox.docker_sandbox import DockerSandbox
from sandbox.errors import BackendUnavailable, SandboxBroken, SandboxError
from sandbox.host_python import inside_of_this_machine
from sandbox.inside import PROGRAM, Inside, find_inside, guest_folder, make_inside, program_folder
from sandbox.ownership import APP, APP_VALUE, abandoned, labels, this_process
from sandbox.pool import Pool
from sandbox.scratch import sweep
from sandbox.slots import PREFIX, Slots
from sandbox.surroundings import TOOLS
from sandbox.task_image import TaskImages
from sandbox.task_room import python_of

SHARING = ("runc", "crun", "youki", "io.containerd.runc.v2")
"""Runtimes that share this machine's kernel, under which what is put into a mounted folder is seen at once. One with a
kernel of its own remembers what a folder held, so that nothing can be put into the slots of a container of it."""

_COLLECTING = Limits(memory=2048 * MIB, tmp=64 * MIB, work=64 * MIB, output=512 * MIB, file_size=512 * MIB)
_COLLECT_SECONDS = 600


class DockerBackend:
    """Sandboxes in containers. `base` is an image reference, by digest for a result that never changes.

    `runtime` is one of the engine's, by name; one with a kernel of its own, or else nothing can be prepared. Of what is
    asked for again and again, up to `warm` containers stand ready. Safe to use from several threads; `cache`
    may be shared by several processes. To be closed.
    """

    def __init__(
        self,
        cache: Path,
        base: str | None = None,
        engine: Engine | None = None,
        *,
        warm: int = 0,
        runtime: str = "",
    ) -> None:
        self._runtime = runtime
        self._kernel: Kernel | None = None
        self._use: CacheUse | None = None
        self._cache = cache
        self._base = base
        self._engine = engine or Engine()
        self._run = secrets.token_hex(8)
        self._ready: tuple[Inside, str, Path] | None = None
        self._direct = False
        self._slots = Slots()
        self._maker = Maker(self._engine, self._slots, self._labels, runtime)
        self._pool = Pool(self._maker.make, self.reap, warm)

    @property
    def name(self) -> str:
        """`docker`."""
        return "docker"

    @property
    def level(self) -> Level:
        """`hardened` once a kernel of its own was seen inside, which `prepare` does; else `container`."""
        return "hardened" if self._kernel else "container"

    def check(self) -> tuple[str, ...]:
        """Ask the engine what it is. Raises `BackendUnavailable` when none answers on this machine."""
        info = self._engine.describe()
        if self._runtime:
            demand_offered(self._runtime, info)
        security = ", ".join(option.split(",")[0].removeprefix("name=") for option in info.get("SecurityOptions") or [])
        return (
            f"Docker engine {info.get('ServerVersion')}, cgroup version {info.get('CgroupVersion', 1)}",
            f"security options: {security or 'none reported'}",
            f"storage {info.get('Driver')}, runtime {self._runtime or info.get('DefaultRuntime')}",
        )

    def prepare(self, progress: Progress = lambda _: None) -> Runtime:
        """Make the image, or find it; remove what killed processes of ours left on the engine.

        Raises `BackendUnavailable`, also when a runtime was asked for that turns out to share this machine's kernel.
        """
        info = self._engine.describe()
        if self._runtime:
            demand_offered(self._runtime, info)
        self._use = CacheUse(self._cache)
        self.reap()
        inside = self._inside(progress)
        image, guest = Images(self._engine, self._cache).of(inside, progress), guest_folder(self._cache)
        self._ready = (inside, image, guest)
        # An engine that maps users walks to the pipes as another user, and may not come through.
        mapped = any("userns" in option or "rootless" in option for option in info.get("SecurityOptions") or [])
        shares = not self._runtime and info.get("DefaultRuntime") in SHARING
        self._direct = shares and not mapped
        if not shares:
            self._pool.size = 0
        if self._runtime and self._kernel is None:
            progress(f"looking whether {self._runtime} has a kernel of its own")
            self._kernel = demand_own_kernel(self, self._runtime, info)
        # Whatever a trial can see of the wall is in its name: also the runtime that the engine chooses by itself, and
        # the folder of the pipes.
        ways = (self.name, self._runtime or str(info.get("DefaultRuntime")), "pipes" if self._direct else "stream")
        found = inside.runtime(" ".join(ways), guest)
        return replace(found, wall=described(info, self._runtime, self._kernel))

    def reap(self) -> tuple[str, ...]:
        """Remove containers of ours whose owner is gone or whose time is over, and no other; return their IDs.

        Folders that such an owner mounted in its containers are removed with them.
        """
        me, now = this_process(), time.time()
        found = self._engine.containers(f"{APP}={APP_VALUE}")
        doomed = tuple(str(one["Id"]) for one in found if abandoned(one.get("Labels") or {}, now, me))
        for container in doomed:
            self._engine.remove(container)
        sweep(PREFIX, Path(tempfile.gettempdir()))
        return doomed

    @contextmanager
    def start(self, mounts: tuple[Mount, ...], limits: Limits, role: Role = "solver") -> Iterator[DockerSandbox]:
        """Give a sandbox; leaving the context kills everything in it, and has it removed soon after."""
        inside, image, _ = self._prepared()
        changing = {mount.target for mount in mounts if not mount.lasting}
        shape = Shape(image, inside.python, limits, role, self._shown(mounts), self._direct)
        with self._container(shape, changing) as container:
            yield DockerSandbox(self._engine, container, limits, inside.python)

    def image(self, wanted: Wanted, progress: Progress = lambda _: None) -> TaskImage:
        """Make an image ready to be worked in, or find it. Raises `ImageRefused`."""
        return self._images().ready(wanted, progress)

    def inside(self, image: str) -> InImage:
        """Return what starts sandboxes in an image that was made ready. Raises `BackendUnavailable`."""
        found = self._images().found(image)
        if found is None:
            raise BackendUnavailable("the engine has lost the image of a task", mend="Begin again: it is made anew")
        return InImage(partial(self._started, found))

    @contextmanager
    def _started(self, image: str, mounts: tuple[Mount, ...], limits: Limits, role: Role) -> Iterator[DockerSandbox]:
        """Give a sandbox in an image of a task, made when it is asked for."""
        python = python_of(self._prepared()[0])
        container = self._maker.make(Shape(image, python, limits, role, self._shown(mounts), self._direct))
        with self._served(container):
            yield DockerSandbox(self._engine, container, limits, python, TOOLS)

    def _images(self) -> TaskImages:
        inside, _, guest = self._prepared()
        return TaskImages(self._engine, self._cache, inside, (guest / "in_image.py").read_bytes(), self._labels)

    def _prepared(self) -> tuple[Inside, str, Path]:
        if self._ready is None:
            self.prepare()
        assert self._ready is not None
        return self._ready

    def _shown(self, mounts: tuple[Mount, ...]) -> tuple[tuple[str, str], ...]:
        inside, _, guest = self._prepared()
        # Without a network the engine leaves /etc/hosts empty, and then not even `localhost` has an address.
        return tuple({GUEST: str(guest), "/etc/hosts": str(inside.root / "etc" / "hosts"), **_sources(mounts)}.items())

    def close(self) -> None:
        """Give back the containers that stand ready, and wait until those that served are removed."""
        self._pool.close()
        self._slots.close()

    def settled(self) -> bool:
        """Whether all that shall stand ready does, and all that served is removed."""
        return self._pool.settled()

    @contextmanager
    def _container(self, shape: Shape, changing: Collection[str] = ()) -> Iterator[Container]:
        """Give a container that stands ready, with slots in the place of what is `changing`, or else a new one."""
        slotted = tuple((target, None if target in changing else source) for target, source in shape.mounts)
        ready = self._pool.take(replace(shape, mounts=slotted))
        container = ready or self._maker.make(shape)
        with self._served(container):
            if ready is not None:
                ready.show({target: str(source) for target, source in shape.mounts})
            yield container

    @contextmanager
    def _served(self, container: Container) -> Iterator[None]:
        """End what is in a container in the end, and have it removed."""
        try:
            yield
        finally:
            with suppress(SandboxError):  # an engine that does not answer is asked again by the pool
                container.life.kill()
                container.life.end()
            self._pool.bury(container)

    def _labels(self) -> dict[str, str]:
        return labels(this_process(), self._run, int(time.time()) + SECONDS_TO_LIVE)

    def _inside(self, progress: Progress) -> Inside:
        images = Images(self._engine, self._cache)
        base = images.base(self._base, progress)
        if base == THIS_MACHINE:
            return inside_of_this_machine(self._cache, progress)
        found = find_inside(self._cache, base)
        if found is not None:
            return found
        if self._engine.image(base) is None:
            images.forget_base(self._base)
            base = images.base(self._base, progress)
        return make_inside(self._cache, base, partial(self._collect, base), progress)

    def _collect(self, base: str, given: tuple[str, ...], stdin: bytes) -> bytes:
        """Run `collect.py` in a container of the base, behind the same wall as any candidate."""
        command = Command(
            argv=("python3", "-s", "-m", "sandbox.image.collect", *given),
            deadline=_COLLECT_SECONDS,
            stdin=stdin,
            env={"PYTHONPATH": PROGRAM},
        )
        mounts = ((PROGRAM, str(program_folder(self._cache))), (GUEST, str(guest_folder(self._cache))))
        try:
            with self._container(Shape(base, "python3", _COLLECTING, "solver", mounts)) as container:
                outcome = DockerSandbox(self._engine, container, _COLLECTING, "python3").run(command)
        except SandboxBroken as error:
            raise BackendUnavailable(
                f"the base could not be collected: {error.what}", mend="Use another base"
            ) from error
        if outcome.ending is not Ending.EXITED or outcome.exit_code != 0:
            last = outcome.stderr.decode("utf-8", "replace").strip().split("\n")[-1][:300]
            raise BackendUnavailable(
                f"the base could not be collected: {outcome.ending} {last}", mend="Use another base"
            )
        return outcome.stdout


@dataclass(frozen=True, slots=True)
class InImage:
    """Starts sandboxes in one image of a task."""

    started: Callable[[tuple[Mount, ...], Limits, Role], AbstractContextManager[DockerSandbox]]

    def start(
        self, mounts: tuple[Mount, ...], limits: Limits, role: Role = "solver"
    ) -> AbstractContextManager[DockerSandbox]:
        """Give a sandbox; leaving the context kills everything in it, and has it removed soon after."""
        return self.started(mounts, limits, role)


def _sources(mounts: tuple[Mount, ...]) -> dict[str, str]:
    for mount in mounts:
        if not mount.source.is_dir():
            raise SandboxBroken(f"the folder to mount at {mount.target} is not there", mend="Stage it before starting")
    return {mount.target: str(mount.source.resolve()) for mount in mounts}
