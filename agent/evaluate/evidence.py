"""Collect what evidence holds: test runs and comparisons of one candidate with its parent, measured in one batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.candidate import Comparison, Spending, TestReport
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
from agent.evaluate.suite import SPLITS, ModelSuite, Split, Suite, mean_ppm
from agent.evaluate.trial import Attempted
from agent.evaluate.visible import overlay, visible, within
from agent.workspace import Settings
from sandbox.broker.ledger import Spent
from sandbox.contract import CANDIDATE_ROOT, Mount, Outcome

STORED_REPEAT = 0
"""Trials that a search may have run and stored long before."""

DECIDING_REPEAT = 1
"""Trials of a deciding comparison. Their seed is drawn from the pair of trees: each candidate is compared with a parent
that ran in its own batch, and an evaluation that was killed and taken up again pays nothing twice."""

KINDS_OF_REPEAT = 2
"""Where a task is run several times, the further repeats of each kind follow in these steps."""

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
    requests: list[Request] = []
    places: list[tuple[Suite, Split, list[_Round]]] = []
    for suite, split in [(suite, split) for suite in suites for split in SPLITS]:
        tasks = tuple(task.id for task in suite.tasks(split))
        rounds = []
        # Which of a pair goes first is drawn, so that a machine that grows slower favours neither.
        flipped = order.below(2)
        for turn in range(suite.repeats if isinstance(suite, ModelSuite) else 1):
            number = KINDS_OF_REPEAT * turn
            stored = Request(seen_base, suite, split, tasks, settings.seed, STORED_REPEAT + number, seen.digest)
            pair = [
                Request(shown, suite, split, tasks, batch, DECIDING_REPEAT + number, seen.digest)
                for shown in (seen_base, seen)
            ]
            first = len(requests) + 1
            rounds.append(_Round(first - 1, first + flipped, first + 1 - flipped))
            requests += [stored, *(reversed(pair) if flipped else pair)]
        places.append((suite, split, rounds))
    results = scorer.score(requests)
    measured = [_measured(suite, split, rounds, results, seed=settings.seed) for suite, split, rounds in places]
    return measured, sum(len(request.tasks) for request in requests)


@dataclass(frozen=True, slots=True)
class _Round:
    """Where the results of one round lie: the parent as it is known, the parent beside the candidate, the candidate."""

    stored: int
    replayed: int
    candidate: int


def _measured(
    suite: Suite, split: Split, rounds: Sequence[_Round], results: Sequence[Result], *, seed: int
) -> Measured:
    families = {task.id: task.family for task in suite.tasks(split)}
    sides = {side: [results[getattr(each, side)] for each in rounds] for side in ("stored", "replayed", "candidate")}
    stored, replayed = (_demand_scores(suite, split, sides[side]) for side in ("stored", "replayed"))
    candidate = _mean_scores(sides["candidate"])
    difference = compare(replayed, candidate or dict.fromkeys(families, 0), families, seed=seed)
    comparison = Comparison(
        suite=suite.name,
        suite_digest=suite.digest,
        split=split,
        tasks=len(families),
        families=difference.families,
        repeats=len(rounds),
        parent_ppm=difference.parent,
        candidate_ppm=difference.candidate,
        gain_ppm=difference.gain,
        gain_low_ppm=difference.low,
        gain_high_ppm=difference.high,
        p_value_ppm=difference.p_value,
        noise_ppm=abs(mean_ppm(list(stored.values())) - difference.parent),
        infrastructure_failures=sum(one.retries for side in sides.values() for one in side) * len(families),
        graded=suite.graded if isinstance(suite, ModelSuite) else "host",
        model=next((one.model for one in sides["candidate"]), ""),
        parent_spent=spending(attempt for one in sides["replayed"] for attempt in one.attempts),
        candidate_spent=spending(attempt for one in sides["candidate"] for attempt in one.attempts),
    )
    return Measured(
        suite=suite.name,
        split=split,
        comparison=comparison,
        stored=stored,
        replayed=replayed,
        candidate=candidate or {},
        ended=next((one.ending for one in sides["candidate"] if one.scores is None), sides["candidate"][0].ending),
        impossible=suite.impossible(split),
    )


def _demand_scores(suite: Suite, split: Split, results: Sequence[Result]) -> dict[str, int]:
    """Return the parent's scores; raise `SandboxDown` when it gave none."""
    scores = _mean_scores(results)
    if scores is None:
        raise SandboxDown(
            f"the parent's own scaffold gave no answers to suite {suite.name}, {split}",
            why=f"the run {next(one.ending for one in results if one.scores is None)}",
            mend="A parent that cannot be measured has no children; mend it by hand first",
        )
    return scores


def _mean_scores(results: Sequence[Result]) -> dict[str, int] | None:
    """Return each task's mean over the rounds; None when a round was not answered."""
    scores = [result.scores for result in results if result.scores is not None]
    if len(scores) < len(results):
        return None
    return {task: mean_ppm([each[task] for each in scores]) for task in scores[0]}


def spending(attempts: Iterable[Attempted]) -> Spending:
    """Add up what trials asked of a model."""
    total = Spent()
    for attempt in attempts:
        total = total + attempt.spent
    usage = total.usage
    return Spending(
        calls=total.calls,
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.read,
        cache_write_tokens=usage.write_5m + usage.write_1h,
        micro_usd=total.micro_usd,
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
