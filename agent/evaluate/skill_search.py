"""The `search` skill: rank the files of a repository for a question. Scored by reciprocal rank."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.digest import canonical_json, sha256
from agent.evaluate.answers import read_answers
from agent.evaluate.corpus import Corpus, CorpusPlan
from agent.evaluate.suite import FULL, Split, SuiteJob, Task, exam_of, mean_ppm
from agent.evaluate.twins import Twin, by_task, labels, reword_question, surroundings
from sandbox.contract import Command, Mount

CORPUS = "/corpus"
MOVED_CORPUS = "/library"
"""Where a re-labelled twin finds it."""
ENTRY = "rank"
RULE = "reciprocal-rank/v1"
RANKED = 20
"""The ranking that is asked for. A longer one is refused, because somebody who ranks everything finds everything."""
LINE_CAP = 32_768
PATH_CAP = 512
PLACES = (
    (1, "the right file was ranked first"),
    (3, "the right file was ranked second or third"),
    (10, "the right file was ranked fourth to tenth"),
    (RANKED, f"the right file was ranked eleventh to number {RANKED}"),
    (RANKED + 1, f"the right file was not among the first {RANKED}"),
)
"""Last place, and what a ranking is called in which the right file stands there or before."""


class SearchSettings(BaseModel):
    """`suites/<name>.toml` with `kind = "skill-search"`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_: Literal[1] = Field(alias="schema")
    kind: Literal["skill-search"]
    seed: int
    dev_tasks: int = Field(gt=0, le=5_000)
    heldout_tasks: int = Field(gt=0, le=5_000)
    per_file: int = Field(default=6, gt=0)
    """At most this many questions about one file."""
    deadline_seconds: int = Field(gt=0, le=3_600)

    @property
    def plan(self) -> CorpusPlan:
        """What decides the corpus."""
        return CorpusPlan(self.seed, self.dev_tasks, self.heldout_tasks, self.per_file)


class SearchSuite:
    """Questions from docstrings, answers on the host, only stripped files inside."""

    def __init__(self, name: str, settings: SearchSettings, corpus: Corpus, *, objective: bool) -> None:
        self.name = name
        self.objective = objective
        self._settings = settings
        self._corpus = corpus
        self._queries = {split: {query.id: query for query in corpus.queries[split]} for split in corpus.queries}
        facts = {
            "rule": RULE,
            "ranked": RANKED,
            "corpus": corpus.digest,
            "settings": settings.model_dump(by_alias=True),
        }
        self.digest = sha256(canonical_json(facts))
        self.exam = exam_of(name, settings.kind, settings.seed)

    @property
    def entry_points(self) -> tuple[str, ...]:
        """The one command that the suite calls."""
        return (ENTRY,)

    def tasks(self, split: Split) -> tuple[Task, ...]:
        """One task for each question, in the order of their IDs."""
        return tuple(Task(query.id, query.family) for query in self._corpus.queries[split])

    def job(self, split: Split, task_ids: Sequence[str]) -> SuiteJob:
        """Index the corpus of the split once and rank it for each question."""
        return self._job(split, {task: self._queries[split][task].text for task in task_ids})

    def twin(self, split: Split, task_ids: Sequence[str], twin: Twin) -> SuiteJob:
        """The same questions in other words; or under other labels, and the corpus at another place."""
        names, queries = labels(task_ids, twin), self._queries[split]
        plain = twin.kind == "relabelled"
        asked = {
            label: queries[task].text if plain else reword_question(queries[task].text, twin.seed)
            for task, label in names.items()
        }
        job = self._job(split, asked, names, corpus=MOVED_CORPUS if plain else CORPUS)
        command = replace(job.command, env=surroundings(twin))
        return replace(job, command=command, score=lambda out: by_task(job.score(out), names))

    def _job(
        self, split: Split, asked: Mapping[str, str], names: Mapping[str, str] | None = None, corpus: str = CORPUS
    ) -> SuiteJob:
        """Ask questions by label; `names` maps tasks to labels where the two differ."""
        lines = [json.dumps({"id": label, "query": text}) for label, text in asked.items()]
        command = Command(
            argv=("python", "-m", "scaffold", ENTRY, "--corpus", corpus, "--limit", str(RANKED)),
            deadline=self._settings.deadline_seconds,
            stdin="".join(line + "\n" for line in lines).encode(),
        )
        known = self._queries[split]
        answers = {label: known[task].answer for task, label in (names or {task: task for task in asked}).items()}
        mount = Mount(self._corpus.folders[split], corpus, lasting=corpus == CORPUS)
        return SuiteJob((mount,), command, lambda out: score(out, answers))

    def impossible(self, split: Split) -> frozenset[str]:  # noqa: ARG002  # the Protocol's signature
        """None: every question has an answer."""
        return frozenset()

    def symptom(self, task: str, score: int) -> str:  # noqa: ARG002  # the Protocol's signature
        """Where the right file stood in the ranking."""
        place = round(FULL / score) if score else RANKED + 1
        return next(words for last, words in PLACES if place <= last)

    def question(self, task: str) -> str:
        """The question of a development task."""
        return self._queries["dev"][task].text

    def summary(self, scores: Mapping[str, int]) -> dict[str, int]:
        """Mean reciprocal rank, and the share of questions answered within the first 1, 5 and 10 places."""
        values = list(scores.values())
        within = {k: [FULL if value >= FULL // k else 0 for value in values] for k in (1, 5, 10)}
        return {"mean": mean_ppm(values)} | {f"hit@{k}": mean_ppm(hits) for k, hits in within.items()}


def score(stdout: bytes, answers: Mapping[str, str]) -> dict[str, int] | None:
    """Return the reciprocal rank of each answer in ppm, or `None` when no task was answered."""
    given = read_answers(stdout, answers, line_cap=LINE_CAP)
    if not given:
        return None
    return {task: _reciprocal_rank(given.get(task), answer) for task, answer in answers.items()}


def _reciprocal_rank(given: dict[str, Any] | None, answer: str) -> int:
    ranking = given.get("ranking") if given is not None else None
    if not isinstance(ranking, list) or len(ranking) > RANKED:
        return 0
    if not all(isinstance(path, str) and len(path) <= PATH_CAP for path in ranking):
        return 0
    return FULL // (ranking.index(answer) + 1) if answer in ranking else 0
