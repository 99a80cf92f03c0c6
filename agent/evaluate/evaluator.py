"""The evaluator: what a tree is worth, as facts. The one object that the rest of the house is used through."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.candidate import Deciding, Evidence, LeftOut, ProbeResult, SandboxRecord, Spending
from agent.diagnosis import Diagnosis
from agent.digest import sha256
from agent.edits.patch import Patch
from agent.edits.tree import Tree
from agent.errors import UnknownId
from agent.evaluate.canaries import Canaries
from agent.evaluate.checkup import Checkup
from agent.evaluate.deciding import Grant
from agent.evaluate.evidence import run_tests
from agent.evaluate.executor import Executor
from agent.evaluate.frozen import held_to, read_frozen
from agent.evaluate.guard import Guard
from agent.evaluate.identity import check_same
from agent.evaluate.limits import digest_of, limits_of
from agent.evaluate.measuring import measure
from agent.evaluate.pairs import KINDS_OF_REPEAT, STORED_REPEAT, Pairs, spending
from agent.evaluate.probes.probe import Probe, Subject
from agent.evaluate.probes.running import Place
from agent.evaluate.probing import Probing
from agent.evaluate.replay import Replayed, ReplayWork, replay
from agent.evaluate.scoring import Request, Scorer
from agent.evaluate.staging import Staging
from agent.evaluate.suite import ModelSuite, SkillSuite, Split, Suite
from agent.evaluate.tracing import Ran, definitions, listen, read_coverage
from agent.evaluate.trial import TrialStore
from agent.evaluate.visible import visible
from agent.workspace import Settings
from sandbox.broker.desk import Desk
from sandbox.contract import CANDIDATE_ROOT, Backend, Mount, Runtime


class Evaluator:
    """Scores trees and collects evidence, in sandboxes of one backend. Leaving its context removes staged trees."""

    def __init__(
        self,
        backend: Backend,
        runtime: Runtime,
        suites: Sequence[Suite],
        settings: Settings,
        trials: TrialStore,
        *,
        desk: Desk | None = None,
        left_out: Sequence[LeftOut] = (),
        reviewed: Tree | None = None,
        canaries: Canaries | None = None,
        monitor: Probe | None = None,
        workers: int = 2,
        checkpoint: Callable[[], None] = lambda: None,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._backend = backend
        self._desk = desk
        self._diagnosed: tuple[tuple[str, ...], Diagnosis] | None = None
        self._runtime = runtime
        self._suites = {suite.name: suite for suite in suites}
        self._settings = settings
        self._progress = progress
        self._limits = limits_of(settings.sandbox)
        self._staging = Staging()
        self._executor = Executor(backend, self._limits, workers, checkpoint)
        self._left_out = tuple(left_out)
        self._trials = trials
        self._reviewed = reviewed
        self._monitor = monitor
        place = Place(settings, tuple(suites), canaries or Canaries())
        self._probing = Probing(self._executor, self._staging, place)
        self._scorer = Scorer(
            self._executor, self._staging, trials, runtime.digest, digest_of(self._limits, backend), desk
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove what was staged. The evaluator may be used again; it stages anew."""
        self._staging.close()

    @property
    def trials_run(self) -> int:
        """Trials actually paid, that is not answered from the store."""
        return self._scorer.trials_run

    @property
    def suites(self) -> tuple[Suite, ...]:
        """The suites that can be measured here."""
        return tuple(self._suites.values())

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What of the workspace's suites cannot be measured here, and why."""
        return self._left_out

    def dev_tasks(self, suite: str) -> tuple[str, ...]:
        """IDs of the dev tasks of a suite, in a fixed order."""
        return tuple(task.id for task in self._suite(suite).tasks("dev"))

    def score(
        self, trees: Sequence[Tree], suite: str, split: Split, tasks: Sequence[str], turn: int = 0
    ) -> list[dict[str, int] | None]:
        """Score each tree on some tasks: ppm by task ID, or `None` when the scaffold crashed, was cut off or silent.

        Scored trials are kept in the store and never paid twice. `turn`: the how manieth time, from 0, where it does
        not come out the same each time. Raises `SandboxDown` when a wall broke three times.
        """
        chosen = self._suite(suite)
        self._check_known(chosen, split, tasks)
        unique = {tree.digest: tree for tree in (visible(tree, self._settings) for tree in trees)}
        requests = [
            Request(tree, chosen, split, tuple(tasks), self._settings.seed, STORED_REPEAT + KINDS_OF_REPEAT * turn)
            for tree in unique.values()
        ]
        results = dict(zip(unique, self._scorer.score(requests), strict=True))
        return [results[visible(tree, self._settings).digest].scores for tree in trees]

    def ran(self, tree: Tree, suite: str, tasks: Sequence[str]) -> Ran:
        """What each answer to some dev tasks can come from, as the tree's own process tells it; a hint, no evidence.

        They are run once more for it, and not scored. Nothing is known of a suite with a model.
        """
        chosen, seen = self._suite(suite), visible(tree, self._settings)
        self._check_known(chosen, "dev", tasks)
        if not isinstance(chosen, SkillSuite) or not tasks:
            return {}
        told, nonce = listen(self._executor, self._staging, seen, chosen, tasks)
        return read_coverage(told, nonce, definitions(seen), tasks)

    def spending(self, tree: Tree, suite: str, tasks: Sequence[str]) -> Spending:
        """What the known trials of a tree on some development tasks asked of a model."""
        chosen = self._suite(suite)
        request = Request(
            visible(tree, self._settings), chosen, "dev", tuple(tasks), self._settings.seed, STORED_REPEAT
        )
        return spending(self._scorer.accounts(request).values())

    def replay(self, tree: Tree, document: Callable[[str], bytes]) -> list[Replayed]:
        """Run all trials of a tree with a model again, on the answers that they had.

        `document` returns a stored exchange by its digest, or raises `KeyError`.
        """
        seen = visible(tree, self._settings)
        scaffold = (Mount(self._staging.folder(seen), CANDIDATE_ROOT),)
        by_digest = {suite.digest: suite for suite in self._suites.values()}
        here = {"runtime": self._runtime.digest, "limits": digest_of(self._limits, self._backend)}
        work, missing = [], []
        for key, then in self._trials.attempts_of(seen.digest).items():
            suite = by_digest.get(key.suite_digest)
            why = "" if isinstance(suite, ModelSuite) else "the suite is another one now"
            why = why or "".join(f"the {name} is another one now" for name in here if getattr(key, name) != here[name])
            documents: tuple[bytes, ...] = ()
            try:
                documents = tuple(map(document, then.exchanges))
            except KeyError:
                why = why or "what was said is not there any more"
            if why:
                missing.append(Replayed(key, then.score, why=why))
            elif then.score is not None:
                assert isinstance(suite, ModelSuite)
                work.append(ReplayWork(key, then, suite, scaffold, documents))
        done = replay(self._executor, work, lambda one: self._progress(f"{one.key.split} {one.key.task} replayed"))
        return sorted([*missing, *done], key=lambda one: one.key)

    def summary(self, suite: str, scores: Mapping[str, int]) -> dict[str, int]:
        """Figures for people, in ppm, from the scores of some tasks of a suite: `mean`, and what it is known by."""
        return self._suite(suite).summary(scores)

    def diagnose(self, tree: Tree, suites: Collection[str] | None = None) -> Diagnosis:
        """Say what a tree does badly on the dev tasks of some suites, or of all; what is not known yet is run.

        The last answer is kept, because a parent has many children.
        """
        chosen = [self._suite(name) for name in (self._suites if suites is None else suites)]
        seen, left_out = visible(tree, self._settings), () if suites else self._left_out
        asked = (seen.digest, *(suite.name for suite in chosen))
        if self._diagnosed is None or self._diagnosed[0] != asked:
            self._progress("looking for what the development tasks that fail have in common")
            exchange = self._desk.exchange if self._desk else None
            checkup = Checkup(self._executor, self._staging, self._scorer, self._settings.seed, exchange=exchange)
            self._diagnosed = asked, checkup.look(seen, chosen, left_out)
        return self._diagnosed[1]

    def shown(self, tree: Tree) -> Tree:
        """What of a tree its own scaffold may see: neither the law, nor suites, kept tests and settings."""
        return visible(tree, self._settings)

    def stage(self, tree: Tree) -> Path:
        """Return a folder with the files of a tree, for sandboxes to be shown, until the evaluator is closed."""
        return self._staging.folder(tree)

    def entry_points(self, suite: str) -> tuple[str, ...]:
        """Names by which a suite enters the scaffold."""
        return self._suite(suite).entry_points

    def guard(self, base: Tree, *, slow: bool = True) -> Guard:
        """Return the tests of `base` as a guard of a search, with or without those that are marked slow."""
        return Guard(self._executor, self._staging, self._settings, base, slow=slow)

    def evaluate(
        self,
        base_commit: str,
        base: Tree,
        tree: Tree,
        patch: Patch,
        diff: bytes,
        search_trials: int,
        candidates_tried: int,
        *,
        grant: Grant,
    ) -> Evidence:
        """Measure a candidate against its parent and return the facts; what they are worth is decided elsewhere.

        `search_trials`, `candidates_tried`: what the proposer spent, as counted by the host. `grant` gives the error of
        the tests, and is asked only when the first trial of a test is about to be run. Raises `EditConflict` when patch
        and diff do not both lead from `base` to `tree`, `SandboxDown` when something could not be measured.
        """
        check_same(base, tree, patch, diff)
        frozen = read_frozen(base)
        self._progress("running the tests of parent and candidate")
        tests = run_tests(self._executor, self._staging, self._settings, base, tree)
        pairs = Pairs(self._scorer, self._settings, base, tree)
        found = measure(pairs, self.suites, tests, grant, self._settings.seed, self._progress)
        left_out = (*self._left_out, *found.left_out)
        probes = self._probed(Subject(base, tree, found.measured, self._reviewed), found.decisions)
        return Evidence(
            base_commit=base_commit,
            base_tree=base.digest,
            tree=tree.digest,
            diff=sha256(diff),
            tests=tuple(tests),
            comparisons=tuple(one.comparison for one in found.measured),
            decisions=found.decisions,
            frozen=held_to(frozen, found.measured, left_out, self.suites, self._settings.seed),
            left_out=left_out,
            probes=probes,
            sandbox=self._record(),
            trials=pairs.trials,
            search_trials=search_trials,
            candidates_tried=candidates_tried,
        )

    def _probed(self, subject: Subject, decisions: Sequence[Deciding]) -> tuple[ProbeResult, ...]:
        """Return what the probes found. The monitor costs money: it is asked only about what people may come to see."""
        found = self._probing.look(subject, self._progress)
        if self._monitor is None or not decisions or any(one.outcome != "promote" for one in decisions):
            return found
        self._progress("the monitor reads the change")
        return (*found, self._monitor.look(subject))

    def _record(self) -> SandboxRecord:
        return SandboxRecord(
            backend=self._backend.name,
            level=self._backend.level,
            runtime=self._runtime.digest,
            network="none",
            limits=digest_of(self._limits, self._backend),
            details=(f"python {self._runtime.python_version}", *self._runtime.wall),
        )

    def _suite(self, name: str) -> Suite:
        if name not in self._suites:
            raise UnknownId(f"no suite is named {name!a}", why=f"there are: {', '.join(self._suites) or 'none'}")
        return self._suites[name]

    @staticmethod
    def _check_known(suite: Suite, split: Split, tasks: Sequence[str]) -> None:
        unknown = set(tasks) - {task.id for task in suite.tasks(split)}
        if unknown:
            raise UnknownId(f"suite {suite.name} has no {split} task {min(unknown)[:40]!a}")
