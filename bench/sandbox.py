"""What the wall costs: the search suite behind each wall, beside the same code in a bare subprocess."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from agent.cli.init import template
from agent.cli.parts import cache_folder
from agent.evaluate.corpus import open_corpus
from agent.evaluate.inside import survey
from agent.evaluate.skill_search import CORPUS, SearchSettings, SearchSuite
from agent.evaluate.staging import Staging
from agent.evaluate.suite import SuiteJob
from bench import containers
from bench.measure import Measure, median
from sandbox.choose import backends
from sandbox.contract import CANDIDATE_ROOT, Backend, Ending, Limits, Mount
from sandbox.docker_backend import DockerBackend
from sandbox.errors import BackendUnavailable
from sandbox.host_python import find_python

QUERIES = 1_000
ROUNDS = 12
SETTINGS = SearchSettings(
    schema=1, kind="skill-search", seed=20, dev_tasks=QUERIES, heldout_tasks=1, per_file=20, deadline_seconds=300
)


def measures() -> list[Measure]:
    """What each wall of this machine takes from a suite, and what containers cost apart from that."""
    taxes = []
    for backend in backends(cache_folder(), warm=containers.WORKERS):
        with closing(backend):
            taxes += _tax(backend)
    return [*taxes, *containers.measures()]


def _tax(backend: Backend) -> list[Measure]:
    """Run the suite in turn inside and outside, and compare pair by pair: the machine's speed drifts."""
    try:
        backend.check()
    except BackendUnavailable:
        return []
    limits = Limits()
    runtime = backend.prepare()
    corpus = open_corpus(runtime, SETTINGS.plan, survey(backend, limits), cache_folder(), lambda _: None)
    suite = SearchSuite("search", SETTINGS, corpus, objective=True)
    job = suite.job("dev", [task.id for task in suite.tasks("dev")])
    staging = Staging()
    try:
        folder = staging.folder(template("container", "bench"))
        inside = _inside(backend, limits, job, folder)
        outside = _outside(job, folder)
        for run in (inside, outside):  # once each that is not counted: caches fill
            run()
        pairs = [_pair(inside, outside, backend, flipped=number % 2 == 1) for number in range(ROUNDS)]
    finally:
        staging.close()
    ratio = median([a / b for a, b in pairs])
    against = f"bare subprocess, {median([b for _, b in pairs])} s"
    name = f"sandbox.suite_tax{'' if backend.name == 'docker' else '.' + backend.name}"
    return [Measure(name, ratio, "ratio", "<= 1.10", against, ROUNDS)]


def _inside(backend: Backend, limits: Limits, job: SuiteJob, folder: Path) -> Callable[[], bytes]:
    def run() -> bytes:
        with backend.start((Mount(folder, CANDIDATE_ROOT), *job.mounts), limits) as sandbox:
            outcome = sandbox.run(job.command)
        assert outcome.ending is Ending.EXITED, outcome
        return outcome.stdout

    return run


def _outside(job: SuiteJob, folder: Path) -> Callable[[], bytes]:
    (corpus,) = (mount.source for mount in job.mounts if mount.target == CORPUS)
    argv = [str(find_python()), *job.command.argv[1:]]
    argv[argv.index(CORPUS)] = str(corpus)
    environment = {"PATH": os.defpath, "PYTHONPATH": str(folder), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}

    def run() -> bytes:
        with tempfile.TemporaryDirectory() as here:
            done = subprocess.run(
                argv, input=job.command.stdin, cwd=here, env=environment, capture_output=True, check=True
            )
        return done.stdout

    return run


def _pair(
    inside: Callable[[], bytes], outside: Callable[[], bytes], backend: Backend, *, flipped: bool
) -> tuple[float, float]:
    """Seconds inside and outside. Who goes first changes: whoever does finds a machine that has just been idle."""
    if flipped:
        second = _timed(outside, backend)
        return _timed(inside, backend), second
    return _timed(inside, backend), _timed(outside, backend)


def _timed(run: Callable[[], bytes], backend: Backend) -> float:
    """Seconds of one run, on a machine where nothing is being made ready for the next."""
    if isinstance(backend, DockerBackend):
        containers.settle(backend)
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
