"""Run probes over cases, behind a real wall, and count what they find."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.candidate import Comparison, ProbeResult
from agent.edits.tree import Tree
from agent.evaluate.canaries import Canaries
from agent.evaluate.catalogue import load_suites
from agent.evaluate.compare import compare
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.executor import Executor
from agent.evaluate.limits import limits_of
from agent.evaluate.probes.catalogue import PATCH, PROBES, RUNNING, cumulative
from agent.evaluate.probes.probe import Measured, Subject
from agent.evaluate.probes.running import Place
from agent.evaluate.probing import Probing
from agent.evaluate.staging import Staging
from agent.evaluate.suite import SPLITS, Split, Suite
from agent.evaluate.trial import MemoryTrials
from agent.workspace import SETTINGS_FILE, Settings, parse_settings
from bench.probes.case import Case, Ground, template
from sandbox.choose import choose

SECRET = b"the bench's own"


@dataclass(frozen=True, slots=True)
class Judged:
    """A case, and what every probe that looked at it found."""

    case: Case
    results: tuple[ProbeResult, ...]

    @property
    def blocked(self) -> bool:
        """Whether a probe that blocks found something."""
        return any(found.blocking and not found.passed for found in self.results)

    @property
    def caught(self) -> bool:
        """Whether the probe that the attack is meant for found it."""
        return any(found.name == self.case.probe and not found.passed for found in self.results)


class Range:
    """Where cases are run: an evaluator for their scores, and probes of our own choice for each."""

    def __init__(self, evaluator: Evaluator, executor: Executor, staging: Staging, ground: Ground) -> None:
        self._evaluator = evaluator
        self._executor = executor
        self._staging = staging
        self.ground = ground
        self._probings: dict[tuple[str, ...], Probing] = {}

    def judge(self, case: Case) -> Judged:
        """Let all probes look that the case concerns: every one, but for what only measuring shows where nothing that
        is measured changed. An attack on the patch alone is not run."""
        tree = case.build(self.ground)
        measured = tuple(map(case.alter, self._measured(case.base, tree))) if case.measured else ()
        still = case.probe in {probe.name for probe in PATCH} | {"cumulative"}
        probing = self._probing(case.tests, measured=case.measured, still=still)
        return Judged(case, probing.look(Subject(case.base, tree, measured, case.reviewed)))

    def _probing(self, tests: str, *, measured: bool, still: bool) -> Probing:
        key = (tests, str(measured), str(still))
        if key not in self._probings:
            plain = parse_settings(template()[SETTINGS_FILE].content)
            settings = plain.model_copy(update={"tests": plain.tests.model_copy(update={"scaffold": tests})})
            shipped = tests == plain.tests.scaffold
            place = Place(settings, tuple(self.ground.suites.values()) if shipped else (), self.ground.canaries)
            self._probings[key] = Probing(
                self._executor, self._staging, place, PROBES if measured else PATCH, () if still else RUNNING
            )
        return self._probings[key]

    def _measured(self, base: Tree, tree: Tree) -> Iterator[Measured]:
        for suite in self.ground.suites.values():
            for split in SPLITS:
                families = {task.id: task.family for task in suite.tasks(split)}
                tasks = tuple(families)
                known, mine = (self._evaluator.score([each], suite.name, split, tasks)[0] for each in (base, tree))
                assert known is not None
                yield Measured(
                    suite.name, split, _comparison(suite, split, known, mine or dict.fromkeys(families, 0), families),
                    known, known, mine or {}, "exited", suite.impossible(split),
                )  # fmt: skip


def _comparison(
    suite: Suite, split: Split, parent: dict[str, int], candidate: dict[str, int], families: dict[str, str]
) -> Comparison:
    found = compare(parent, candidate, families, seed=0)
    return Comparison(
        suite=suite.name, suite_digest=suite.digest, split=split, tasks=len(families), families=found.families,
        repeats=1, parent_ppm=found.parent, candidate_ppm=found.candidate, gain_ppm=found.gain,
        gain_low_ppm=found.low, gain_high_ppm=found.high, moved=sum(parent[task] != candidate[task] for task in families),
        p_value_ppm=found.p_value, noise_ppm=0,
        infrastructure_failures=0,
    )  # fmt: skip


@contextmanager
def open_range(kind: str = "auto") -> Iterator[Range]:
    """Open the wall and the shipped suites."""
    default = Path("/var/cache/successor") if os.geteuid() == 0 else Path.home() / ".cache" / "successor"
    cache = Path(os.environ.get("SUCCESSOR_CACHE", default))
    backend = choose(kind, cache)  # type: ignore[arg-type]
    base = template()
    settings: Settings = parse_settings(base[SETTINGS_FILE].content)
    try:
        runtime = backend.prepare()
        suites, left_out = load_suites(
            base, settings, runtime, cache, lambda _: None, backend=backend, no_model="a bench has none"
        )
        staging = Staging()
        executor = Executor(backend, limits_of(settings.sandbox), 2, lambda: None)
        with Evaluator(backend, runtime, suites, settings, MemoryTrials(), left_out=left_out) as evaluator:
            ground = Ground({suite.name: suite for suite in suites}, Canaries(SECRET))
            yield Range(evaluator, executor, staging, ground)
        staging.close()
    finally:
        backend.close()


def judged(cases: Iterable[Case]) -> list[Judged]:
    """Judge all cases; say on standard error which is at work, and which went wrong, as they do."""
    results = []
    with open_range() as there:
        for number, case in enumerate(cases, start=1):
            print(f"· {number}: {case.name}", file=sys.stderr)
            one = there.judge(case)
            results.append(one)
            wrong = not one.caught if case.probe else one.blocked
            found = [f"{r.name}: {r.findings[0]}" for r in one.results if not r.passed]
            if wrong:
                print(f"{'missed' if case.probe else 'blocked'}: {case.name} {found}", file=sys.stderr)
    return results


def read(cases: Iterable[Case]) -> list[Judged]:
    """Let the probes that read a patch look at all cases, and run nothing."""
    ground = Ground({}, Canaries(SECRET))
    scans = (*PATCH, cumulative())
    subjects = [(case, Subject(case.base, case.build(ground), (), case.reviewed)) for case in cases]
    return [Judged(case, tuple(scan.look(subject) for scan in scans)) for case, subject in subjects]
