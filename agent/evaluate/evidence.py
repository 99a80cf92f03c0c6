"""Run the tests of parent and candidate, in one batch, and grade them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from agent.candidate import TestReport
from agent.edits.tree import Tree
from agent.errors import SandboxDown
from agent.evaluate.apart import Solver
from agent.evaluate.executor import Done, Executor, Job
from agent.evaluate.grading import TestRun, command, grade, new_nonce, read_run
from agent.evaluate.staging import Staging
from agent.evaluate.visible import overlay, visible, within
from agent.workspace import Settings
from sandbox.contract import CANDIDATE_ROOT, Mount, Outcome

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
    """Tests in a folder of a tree, and the tree that they judge where that is in a sandbox of its own.

    slow: whether tests that are marked slow run as well.
    """

    __test__ = False  # not a pytest class

    tests: Tree
    folder: str
    scaffold: Tree | None = None
    slow: bool = True


def test_job(which: Which, settings: Settings, base: Tree, subject: Tree) -> TestJob:
    """Say how one folder of tests is run on `subject`. The kept tests are always those of `base`."""
    kept = settings.tests.kept
    if which == "scaffold":
        return TestJob(subject, settings.tests.scaffold)
    if settings.tests.graded == "together":
        return TestJob(overlay(subject, base, kept), kept)
    alone = Tree({path: file for path, file in base.items() if within(path, (kept,))})
    return TestJob(alone, kept, visible(subject, settings))


def run_all(executor: Executor, staging: Staging, runs: Sequence[TestJob], deadline: int) -> list[TestRun]:
    """Run each in fresh sandboxes, and return what each reported."""
    nonces = [new_nonce() for _ in runs]

    def mounted(tree: Tree) -> tuple[Mount, ...]:
        return (Mount(staging.folder(tree), CANDIDATE_ROOT),)

    jobs = [
        Job(
            mounted(run.tests),
            command(run.folder, nonce, deadline, apart=run.scaffold is not None, slow=run.slow),
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
