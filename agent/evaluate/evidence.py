"""Collect what evidence holds: test runs and comparisons of one candidate with its parent, measured in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.candidate import Comparison, TestReport
from agent.edits.tree import Tree
from agent.errors import SandboxDown
from agent.evaluate.apart import Solver
from agent.evaluate.compare import compare
from agent.evaluate.dice import Dice
from agent.evaluate.executor import Done, Executor, Job
from agent.evaluate.grading import TestRun, command, grade, new_nonce, read_run
from agent.evaluate.probes.probe import Measured
from agent.evaluate.scoring import Request, Result, Scorer
from agent.evaluate.staging import Staging
from agent.evaluate.suite import SPLITS, Split, Suite, mean_ppm
from agent.evaluate.visible import overlay, visible, within
from agent.workspace import Settings
from sandbox.contract import CANDIDATE_ROOT, Mount, Outcome

STORED_REPEAT = 0
"""Trials that a search may have run and stored long before."""

DECIDING_REPEAT = 1
"""Trials of a deciding comparison. Their seed is drawn from the pair of trees: each candidate is compared with a parent
that ran in its own batch, and an evaluation that was killed and taken up again pays nothing twice."""

Which = Literal["kept", "scaffold"]


def run_tests(executor: Executor, staging: Staging, settings: Settings, base: Tree, tree: Tree) -> list[TestReport]:
    """Run the kept tests and the scaffold's tests of parent and candidate, each in a fresh sandbox, and grade them.

    Kept tests are the parent's, laid over the candidate's tree. Raises `SandboxDown` when the parent's own run did not
    come to its end: then nothing is known about the candidate either.
    """
    folders: dict[Which, str] = {"kept": settings.tests.kept, "scaffold": settings.tests.scaffold}
    present = [which for which, folder in folders.items() if any(within(path, (folder,)) for path in (*base, *tree))]
    asked = [test_job(which, settings, base, subject) for which in present for subject in (base, tree)]
    runs = run_all(executor, staging, asked, settings.tests.deadline_seconds)
    pairs = dict(zip(present, zip(runs[::2], runs[1::2], strict=True), strict=True))
    for which, (parent, _) in pairs.items():
        if not parent.complete:
            raise SandboxDown(
                f"the parent's own {which} tests did not run to their end",
                why=f"the run {parent.ended}: {_last_line(parent.stderr)}",
                mend=f"Run them by hand: python -m pytest {folders[which]}",
            )
    nothing = TestRun({}, complete=True, ended="exited")
    apart = {"kept": settings.tests.graded == "apart", "scaffold": False}
    return [grade(which, *pairs.get(which, (nothing, nothing)), apart=apart[which]) for which in folders]


@dataclass(frozen=True, slots=True)
class TestJob:
    """Tests in a folder of a tree, and the tree that they judge where that is in a sandbox of its own."""

    __test__ = False  # not a pytest class

    tests: Tree
    folder: str
    scaffold: Tree | None = None


def test_job(which: Which, settings: Settings, base: Tree, subject: Tree) -> TestJob:
    """Say how one folder of tests is run on `subject`. The kept tests are always those of `base`."""
    kept = settings.tests.kept
    if which == "scaffold":
        return TestJob(subject, settings.tests.scaffold)
    if settings.tests.graded == "together":
        return TestJob(overlay(subject, base, kept), kept)
    alone = Tree({path: file for path, file in base.items() if within(path, (kept,))})
    return TestJob(alone, kept, visible(subject, settings))


def measure(
    scorer: Scorer, suites: Sequence[Suite], settings: Settings, base: Tree, tree: Tree
) -> tuple[list[Measured], int]:
    """Score parent and candidate on every suite and split, in interleaved pairs, and compare. Returns also the number
    of trials that the comparisons rest on.

    Raises `SandboxDown` when the parent gave no answers: a comparison needs two sides.
    """
    seen_base, seen = visible(base, settings), visible(tree, settings)
    order = Dice(settings.seed, "order", base.digest, tree.digest)
    batch = int.from_bytes(order.seed_bytes()[:4])
    units = [(suite, split) for suite in suites for split in SPLITS]
    requests: list[Request] = []
    places: list[tuple[int, int, int]] = []
    for suite, split in units:
        tasks = tuple(task.id for task in suite.tasks(split))
        stored = Request(seen_base, suite, split, tasks, settings.seed, STORED_REPEAT)
        pair = [Request(shown, suite, split, tasks, batch, DECIDING_REPEAT) for shown in (seen_base, seen)]
        # Which of the pair goes first is drawn, so that a machine that grows slower favours neither.
        flipped = order.below(2)
        first = len(requests) + 1
        places.append((first - 1, first + flipped, first + 1 - flipped))
        requests += [stored, *(reversed(pair) if flipped else pair)]
    results = scorer.score(requests)
    measured = [
        _measured(suite, split, *(results[place] for place in trio), seed=settings.seed)
        for (suite, split), trio in zip(units, places, strict=True)
    ]
    return measured, sum(len(request.tasks) for request in requests)


def _measured(
    suite: Suite, split: Split, stored: Result, replayed: Result, candidate: Result, *, seed: int
) -> Measured:
    if stored.scores is None or replayed.scores is None:
        raise SandboxDown(
            f"the parent's own scaffold gave no answers to suite {suite.name}, {split}",
            why=f"the run {(stored if stored.scores is None else replayed).ending}",
            mend="A parent that cannot be measured has no children; mend it by hand first",
        )
    families = {task.id: task.family for task in suite.tasks(split)}
    scores = candidate.scores if candidate.scores is not None else dict.fromkeys(families, 0)
    difference = compare(replayed.scores, scores, families, seed=seed)
    comparison = Comparison(
        suite=suite.name,
        suite_digest=suite.digest,
        split=split,
        tasks=len(families),
        families=difference.families,
        repeats=1,
        parent_ppm=difference.parent,
        candidate_ppm=difference.candidate,
        gain_ppm=difference.gain,
        gain_low_ppm=difference.low,
        gain_high_ppm=difference.high,
        p_value_ppm=difference.p_value,
        noise_ppm=abs(mean_ppm(list(stored.scores.values())) - difference.parent),
        infrastructure_failures=sum(result.retries for result in (stored, replayed, candidate)) * len(families),
    )
    return Measured(
        suite=suite.name,
        split=split,
        comparison=comparison,
        stored=stored.scores,
        replayed=replayed.scores,
        candidate=candidate.scores or {},
        ended=candidate.ending,
        impossible=suite.impossible(split),
    )


def run_all(executor: Executor, staging: Staging, runs: Sequence[TestJob], deadline: int) -> list[TestRun]:
    """Run each in fresh sandboxes, and return what each reported."""
    nonces = [new_nonce() for _ in runs]

    def mounted(tree: Tree) -> tuple[Mount, ...]:
        return (Mount(staging.folder(tree), CANDIDATE_ROOT),)

    jobs = [
        Job(
            mounted(run.tests),
            command(run.folder, nonce, deadline, apart=run.scaffold is not None),
            None if run.scaffold is None else Solver(mounted(run.scaffold)),
        )
        for run, nonce in zip(runs, nonces, strict=True)
    ]
    done: dict[int, TestRun] = {}

    def finish(index: int, result: Done[Outcome]) -> None:
        done[index] = read_run(result.outcome, nonces[index])

    executor.run(jobs, finish)
    return [done[index] for index in range(len(runs))]


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return ascii(lines[-1][:200]) if lines else "it printed nothing"
