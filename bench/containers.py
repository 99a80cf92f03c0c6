"""What containers cost: from the request to the first instruction, how many in a second, and what is left of them.

Each is measured beside the engine's own calls, driven directly with the very settings that the wall uses.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from agent.cli.init import template
from agent.cli.parts import cache_folder
from agent.evaluate.executor import Executor, Job
from agent.evaluate.staging import Staging
from bench.measure import Measure, median
from sandbox import docker_settings
from sandbox.contract import CANDIDATE_ROOT, GUEST, WORK, Command, Ending, Limits, Mount
from sandbox.docker_backend import DockerBackend
from sandbox.docker_engine import Engine
from sandbox.errors import BackendUnavailable
from sandbox.inside import USERS
from sandbox.ownership import APP, APP_VALUE, labels, this_process
from sandbox.slots import PREFIX

WORKERS = 2
STARTS = 30
TRIALS = 200
BLOCKS = 4
LEAK_TRIALS = 500
CLOCK = ("date", "+%s%N")
LIMITS = Limits()


def measures() -> list[Measure]:
    """The measures of this file, where a Docker engine answers."""
    staging = Staging()
    try:
        with closing(DockerBackend(cache_folder(), warm=WORKERS)) as backend:
            backend.check()
            backend.prepare()
            mounts = (Mount(staging.folder(template("container", "bench")), CANDIDATE_ROOT),)
            plain = _Plain(backend, mounts)
            return [*_starts(backend, plain, mounts), *_throughput(backend, plain, mounts), *_leaks(backend, mounts)]
    except BackendUnavailable:
        return []
    finally:
        staging.close()


class _Plain:
    """One container after the other, by the engine's own calls: create, start, exec, remove."""

    def __init__(self, backend: DockerBackend, mounts: tuple[Mount, ...]) -> None:
        assert backend._ready is not None
        inside, image, guest = backend._ready
        shown = {GUEST: str(guest), "/etc/hosts": str(inside.root / "etc" / "hosts")}
        self._mounts = shown | {mount.target: str(mount.source) for mount in mounts}
        self._image = image
        self._engine = Engine()

    def cycle(self, argv: tuple[str, ...]) -> bytes:
        """Run `argv` in a container made for it; return what it printed, once the container is removed."""
        given = labels(this_process(), "bench", int(time.time()) + 600)
        name = self._engine.create(docker_settings.container(self._image, self._mounts, LIMITS, given, 600))
        try:
            self._engine.start(name)
            setting = {
                **docker_settings.command("python"),
                "cmd": list(argv),
                "user": str(USERS["solver"]),
                "workdir": WORK,
            }
            stream = self._engine.open(self._engine.prepare_command(name, setting))
            stream.connection.settimeout(60)
            said = stream.early
            while piece := stream.connection.recv(4096):
                said += piece
            stream.close()
        finally:
            self._engine.remove(name)
        return said[8:]


def _starts(backend: DockerBackend, plain: _Plain, mounts: tuple[Mount, ...]) -> list[Measure]:
    """From the request to the first instruction, each round beside a whole plain cycle and a bare subprocess."""

    def warm() -> bytes:
        with backend.start(mounts, LIMITS) as sandbox:
            return sandbox.run(Command(CLOCK, 30)).stdout

    def bare() -> bytes:
        return subprocess.run(CLOCK, capture_output=True, check=True).stdout

    for run in (warm, warm, bare):  # not counted: the pool learns what is wanted
        run()
    plain.cycle(CLOCK)
    firsts: dict[str, list[float]] = {"warm": [], "plain": [], "bare": [], "cycle": []}
    for _ in range(STARTS):
        settle(backend)
        firsts["warm"].append(_first(warm))
        settle(backend)
        started = time.perf_counter()
        firsts["plain"].append(_first(lambda: plain.cycle(CLOCK)))
        firsts["cycle"].append(time.perf_counter() - started)
        firsts["bare"].append(_first(bare))
    return _compared(firsts)


def _compared(firsts: Mapping[str, list[float]]) -> list[Measure]:
    ms = {name: median([1000 * value for value in values]) for name, values in firsts.items()}
    ratio = round(ms["warm"] / ms["cycle"], 3)
    name = "sandbox.warm_start_ratio"
    return [
        Measure(
            name, ratio, "ratio", "<= 0.2", f"create+start+exec+remove {ms['cycle']} ms; warm {ms['warm']} ms", STARTS
        ),
        Measure(
            f"{name}.first",
            round(ms["warm"] / ms["plain"], 3),
            "ratio",
            "",
            f"first instruction of that cycle {ms['plain']} ms",
            STARTS,
        ),
        Measure(
            f"{name}.bare", round(ms["warm"] / ms["bare"], 3), "ratio", "", f"bare subprocess {ms['bare']} ms", STARTS
        ),
    ]


def _first(run: Callable[[], bytes]) -> float:
    """Seconds from now until the command that `run` runs read the clock, which is all it does."""
    asked = time.time_ns()
    return (int(run()) - asked) / 1e9


def settle(backend: DockerBackend) -> None:
    while not backend.settled():
        time.sleep(0.01)


def _throughput(backend: DockerBackend, plain: _Plain, mounts: tuple[Mount, ...]) -> list[Measure]:
    """Trials in a second through the executor, in turn with as many plain cycles on as many threads."""
    ours, ceiling = [], []
    for _ in range(BLOCKS):
        settle(backend)
        ours.append(TRIALS / BLOCKS / _timed(lambda: _through_the_executor(backend, mounts, TRIALS // BLOCKS)))
        settle(backend)
        ceiling.append(TRIALS / BLOCKS / _timed(lambda: _directly(plain, TRIALS // BLOCKS)))
    ratio = median([a / b for a, b in zip(ours, ceiling, strict=True)])
    against = f"the engine's own {median(ceiling)} a second with {WORKERS} threads; {median(ours)} through the executor"
    return [Measure("sandbox.throughput_ratio", ratio, "ratio", ">= 0.9", against, TRIALS)]


def _through_the_executor(backend: DockerBackend, mounts: tuple[Mount, ...], count: int) -> None:
    ended: list[Ending] = []
    jobs = [Job(mounts, Command(("true",), 30))] * count
    Executor(backend, LIMITS, WORKERS, lambda: None).run(jobs, lambda _, done: ended.append(done.outcome.ending))
    # As many stand ready at the end as at the beginning, and all that served are removed: nothing is put off.
    settle(backend)
    assert ended == [Ending.EXITED] * count


def _directly(plain: _Plain, count: int) -> None:
    def work() -> None:
        for _ in range(count // WORKERS):
            plain.cycle(("true",))

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _timed(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _leaks(backend: DockerBackend, mounts: tuple[Mount, ...]) -> list[Measure]:
    """What is there after many trials that was not there before; what others leave in passing does not count."""
    _through_the_executor(backend, mounts, 20)
    backend.close()
    before, resident = _things(), _resident()
    _through_the_executor(backend, mounts, LEAK_TRIALS)
    backend.close()
    left = _things() - before
    for _ in range(20):  # whatever is in passing goes
        if not left:
            break
        time.sleep(0.5)
        left &= _things()
    grown = round((_resident() - resident) / 1024, 1)
    against = f"before; host memory grew by {grown} MiB" + "".join(f"; {thing}" for thing in sorted(left)[:5])
    return [
        Measure("sandbox.leaks", len(left), "things", "= 0", against, LEAK_TRIALS),
        Measure("sandbox.leaks.memory", grown, "MiB", "<= 4", "resident memory before", LEAK_TRIALS),
    ]


def _things() -> set[str]:
    """Containers of this process, mounts of this machine, descriptors (sockets among them), slots."""
    me = str(os.getpid())
    containers = {
        one["Id"] for one in Engine().containers(f"{APP}={APP_VALUE}") if one["Labels"]["successor.owner.pid"] == me
    }
    mounted = {line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()}
    count = len(list(Path("/proc/self/fd").iterdir()))
    slots = {str(path) for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*")}
    return containers | mounted | {f"descriptor {number}" for number in range(count)} | slots


def _resident() -> int:
    """Resident memory of this process in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])
