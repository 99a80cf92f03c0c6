"""Look at a generation's development trials for what it does badly. Held-out tasks are not touched here.

Tasks that only a refusal answers are left out as well: to say that one failed is to say what the right answer is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from agent.candidate import LeftOut
from agent.diagnosis import Diagnosis, Sample, SuiteResult, Weakness
from agent.edits.tree import Tree
from agent.evaluate.diagnosis import Observed, dearest_first, weaknesses
from agent.evaluate.executor import Executor
from agent.evaluate.pairs import STORED_REPEAT
from agent.evaluate.scoring import Request, Scorer
from agent.evaluate.staging import Staging
from agent.evaluate.suite import FULL, ModelSuite, SkillSuite, Suite, mean_ppm
from agent.evaluate.tracing import Ran, definitions, listen, read_trace
from agent.evaluate.trial import Attempted
from sandbox.broker.rendering import last_tool_error, render

SILENT = "the scaffold did not answer: it crashed, hung or printed something else"
SAMPLES = 12
"""Failed tasks of one suite that are shown as samples."""
TRANSCRIPT_CAP = 12_000


@runtime_checkable
class Telling(Protocol):
    """What a suite may offer for a diagnosis, about its development tasks only."""

    def symptom(self, task: str, score: int) -> str:
        """How a task that did not get its full mark failed: words of the suite's own, the same for what is alike."""
        ...

    def question(self, task: str) -> str:
        """What was asked, without the answer; nothing for a task that only a refusal answers."""
        ...


class Checkup:
    """Runs what is not known yet, once more under a trace where there is no model, and draws the conclusions."""

    def __init__(
        self,
        executor: Executor,
        staging: Staging,
        scorer: Scorer,
        seed: int,
        *,
        exchange: Callable[[str], bytes] | None = None,
    ) -> None:
        """`exchange` returns a stored exchange by its digest, or raises `KeyError`; without it there is no model."""
        self._executor, self._staging, self._scorer = executor, staging, scorer
        self._seed, self._exchange = seed, exchange

    def look(self, tree: Tree, suites: Sequence[Suite], left_out: Sequence[LeftOut] = ()) -> Diagnosis:
        """Diagnose a tree that holds only what trials may see; `left_out` is known before to be left out."""
        results: list[SuiteResult] = []
        found: list[Weakness] = []
        samples: list[Sample] = []
        for suite in suites:
            request = self._request(tree, suite)
            scores = self._scorer.score([request])[0].scores
            accounts = self._scorer.accounts(request) if isinstance(suite, ModelSuite) else {}
            ran = self._trace(request) if isinstance(suite, SkillSuite) and scores is not None else {}
            said = {task: self._exchanges(account) for task, account in accounts.items()}
            symptoms = {task: _symptom(suite, task, scores, accounts, said) for task in request.tasks}
            observed = [_observed(task, scores, symptoms[task], ran) for task in request.tasks]
            results.append(_result(suite, observed))
            found += weaknesses(suite.name, observed)
            samples += self._samples(suite, observed, accounts, said)
        return Diagnosis(
            results=tuple(results),
            weaknesses=dearest_first(found),
            samples=tuple(samples),
            left_out=tuple(left_out),
        )

    def _request(self, tree: Tree, suite: Suite) -> Request:
        barred = suite.impossible("dev")
        tasks = tuple(task.id for task in suite.tasks("dev") if task.id not in barred)
        return Request(tree, suite, "dev", tasks, self._seed, STORED_REPEAT)

    def _trace(self, request: Request) -> Ran:
        """Run the tasks once more and hear what they went through; nothing is scored, and silence is no failure."""
        assert isinstance(request.suite, SkillSuite)
        told, nonce = listen(self._executor, self._staging, request.tree, request.suite, request.tasks)
        return read_trace(told, nonce, definitions(request.tree), request.tasks)

    def _exchanges(self, account: Attempted) -> tuple[bytes, ...]:
        found = []
        for digest in account.exchanges:
            try:
                found.append(self._exchange(digest) if self._exchange else b"")
            except KeyError:
                found.append(b"")
        return tuple(found)

    def _samples(
        self,
        suite: Suite,
        observed: Sequence[Observed],
        accounts: Mapping[str, Attempted],
        said: Mapping[str, tuple[bytes, ...]],
    ) -> list[Sample]:
        """Show the worst failed tasks, one of each symptom before a second one of any."""
        turns: dict[str, int] = {}
        ordered = []
        for trial in sorted(observed, key=lambda trial: (trial.score, trial.task)):
            if trial.score < FULL:
                turns[trial.symptom] = turns.get(trial.symptom, 0) + 1
                ordered.append((turns[trial.symptom], trial.score, trial.task))
        return [
            Sample(
                suite=suite.name,
                task=task,
                question=suite.question(task) if isinstance(suite, Telling) else "",
                transcript=_transcript(accounts.get(task), said.get(task, ())),
            )
            for _, _, task in sorted(ordered)[:SAMPLES]
        ]


def _observed(task: str, scores: Mapping[str, int] | None, symptom: str, ran: Ran) -> Observed:
    return Observed(task, 0 if scores is None else scores[task], symptom, ran.get(task, frozenset()))


def _result(suite: Suite, observed: Sequence[Observed]) -> SuiteResult:
    outcomes = sorted(((trial.task, trial.score) for trial in observed), key=lambda pair: (pair[1], pair[0]))
    mean = mean_ppm([score for _, score in outcomes])
    return SuiteResult(suite=suite.name, objective=suite.objective, mean_ppm=mean, outcomes=tuple(outcomes))


def _symptom(
    suite: Suite,
    task: str,
    scores: Mapping[str, int] | None,
    accounts: Mapping[str, Attempted],
    said: Mapping[str, tuple[bytes, ...]],
) -> str:
    """Name a failure in words of ours: those of a scaffold, a model or a test have no place in a symptom."""
    if scores is None:
        return SILENT
    if scores[task] >= FULL:
        return ""
    account = accounts.get(task)
    how = suite.symptom(task, scores[task]) if isinstance(suite, Telling) else "not the full mark"
    if account is not None and account.failure == "agent":
        how = "the scaffold crashed, was cut off or left nothing"
    error = last_tool_error(said.get(task, ()))
    return f"{how}; last error of a tool: {error}" if error else how


def _transcript(account: Attempted | None, said: Sequence[bytes]) -> str:
    """What was said, and how the scaffold ended. What a verifier said last may be the right answer, and is not told."""
    if account is None:
        return ""
    note = f"outcome: {account.note}" if account.note and account.failure == "agent" else ""
    return "\n".join(part for part in (note, render(said, TRANSCRIPT_CAP)) if part)
