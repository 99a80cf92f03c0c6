"""The workspace's tests as a guard of a search: what breaks them is dropped before it is measured further.

The guard proves nothing, it saves trials: all tests are run again, and graded, when evidence is collected. So a search
leaves out those that are marked slow (`@pytest.mark.slow`): it asks about every child that gains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.edits.tree import Tree
from agent.evaluate.evidence import Which, run_all, test_job
from agent.evaluate.executor import Executor
from agent.evaluate.grading import TestRun, grade
from agent.evaluate.staging import Staging
from agent.evaluate.visible import within
from agent.workspace import Settings


class Guard:
    """Knows how one base fares in its own tests, and compares other trees with it. The base is run once."""

    def __init__(
        self, executor: Executor, staging: Staging, settings: Settings, base: Tree, *, slow: bool = True
    ) -> None:
        self._executor = executor
        self._staging = staging
        self._settings = settings
        self._base = base
        self._slow = slow
        self._expected: dict[str, TestRun] | None = None

    def sound(self, trees: Sequence[Tree]) -> list[bool]:
        """Return, in the order of `trees`, whether each passes all tests that the base passes."""
        return [not missed for missed in self.missed(trees)]

    def missed(self, trees: Sequence[Tree]) -> list[frozenset[str]]:
        """Return, in the order of `trees`, the tests that the base passes and each of them does not."""
        if self._expected is None:
            self._expected = dict(zip(self._folders(), self._run([self._base]), strict=True))
        runs = self._run(trees)
        count = len(self._expected)
        return [self._shortfall(runs[i * count : (i + 1) * count]) for i in range(len(trees))]

    def _shortfall(self, runs: Sequence[TestRun]) -> frozenset[str]:
        assert self._expected is not None
        reports = [grade("scaffold", base, run) for base, run in zip(self._expected.values(), runs, strict=True)]
        return frozenset(name for report in reports for name in (*report.failed, *report.missing))

    def _run(self, trees: Sequence[Tree]) -> list[TestRun]:
        """Run each folder of tests of each tree."""
        wanted = [test_job(which, self._settings, self._base, tree) for tree in trees for which in self._folders()]
        asked = [replace(job, slow=self._slow) for job in wanted]
        return run_all(self._executor, self._staging, asked, self._settings.tests.deadline_seconds)

    def _folders(self) -> list[Which]:
        folders: dict[Which, str] = {"kept": self._settings.tests.kept, "scaffold": self._settings.tests.scaffold}
        return [which for which, folder in folders.items() if any(within(path, (folder,)) for path in self._base)]
