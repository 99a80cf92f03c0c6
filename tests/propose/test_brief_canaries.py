"""A whole brief, made as a run makes it, over suites, a store and settings in which everything that is secret is marked.

That the marks are not found proves something only because they are when a guard is taken away: see the last tests.
"""

import json
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest

from agent.candidate import State
from agent.edits.edit import FileAdded
from agent.edits.patch import Patch
from agent.evaluate.checkup import Checkup
from agent.evaluate.corpus import Corpus, Query
from agent.evaluate.edit_tasks import EditTask
from agent.evaluate.evaluator import Evaluator
from agent.evaluate.scoring import Request
from agent.evaluate.skill_edit import EditSettings, EditSuite
from agent.evaluate.skill_search import SearchSettings, SearchSuite
from agent.evaluate.trial import MemoryTrials
from agent.loop import run as loop
from agent.loop.judging import part_of
from agent.loop.store import Store
from agent.propose.brief import write
from agent.workspace import Budget, Zones, parse_settings
from tests.evaluate.world import SETTINGS, answering, json_lines, said, tiny_tree
from tests.loop.test_store import entry

SECRETS = (
    "canary-heldout-id", "canary-heldout-query", "canary-heldout-answer", "canary-heldout-edit", "canary-heldout-path",
    "canary-heldout-content", "canary-impossible-id", "canary-impossible-edit", "canary-impossible-content",
    "canary-dev-answer", "canary-reason", "canary-rationale", "7770001", "7770002", "7770003", "canary-policy",
    "canary-suite-seed", "canary-kept-test",
    "canary-heldout-name", "canary-frozen", "7770004", "7770005", "7770006", "canary-screened",
)  # fmt: skip
SHOWN = ("canary-dev-query", "canary-dev-edit")


def edit(split, **given):
    fields = {name: f"canary-{split}-{name}" for name in ("id", "path", "content", "edit")}
    return EditTask(**{**fields, "family": "f", "kind": "elided", "expected": f"canary-{split}-answer", **given})


def query(split):
    return Query(f"canary-{split}-id", f"canary-{split}-query", f"canary-{split}-answer", "f")


@pytest.fixture
def suites(tmp_path):
    folder = tmp_path / "corpus"
    folder.mkdir()
    splits = ("dev", "heldout")
    corpus = Corpus(
        "sha256:" + "1" * 64,
        dict.fromkeys(splits, folder),
        dict.fromkeys(splits, ()),
        {split: (query(split),) for split in splits},
    )
    sizes = {"seed": 1, "dev_tasks": 1, "heldout_tasks": 1, "deadline_seconds": 9, "schema": 1}
    edits = {
        "dev": (edit("dev"), edit("impossible", kind="missing", expected=None)),
        "heldout": (edit("heldout"),),
    }
    return (
        SearchSuite("search", SearchSettings(kind="skill-search", **sizes), corpus, objective=True),
        EditSuite("edit", EditSettings(kind="skill-edit", **sizes), edits, objective=False),
    )


@pytest.fixture
def wrong(tmp_path):
    """A wall behind which every answer is wrong, and whatever is asked is said again on standard error."""

    def answer(_, command):
        tasks = [json.loads(line) for line in command.stdin.splitlines()]
        lines = json_lines(*({"id": task["id"], "ranking": [], "content": ""} for task in tasks))
        return replace(said(lines), stderr=command.stdin)

    return answering(answer, tmp_path)


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / ".successor", clock=lambda: 5)
    names = ("scaffold/canary-shown.py", "suites/canary-heldout-name/task.toml")
    edits = tuple(FileAdded(name, b"", executable=False) for name in names)
    parts = {"rationale": b"canary-rationale", "patch": Patch(edits).to_json()}
    made.draft(entry("c1", parts={name: made.blobs.put(part) for name, part in parts.items()}), "canary-reason")
    made.advance("c1", State.DENIED, note="kept-paths-untouched: canary-reason")
    with made.writing() as db:
        db.execute("INSERT INTO error_budgets VALUES ('run 1', '7770004')")
        db.execute("INSERT INTO heldout_looks VALUES ('d', 'search', 7770005, 1)")
        db.execute("INSERT INTO allowances VALUES ('c1', '7770006')")
    made.attach("c1", {"evidence.json": made.blobs.put(b'{"why": "canary-screened"}')})
    yield made
    made.close()


@pytest.fixture
def brief(suites, wrong, store):
    budget = Budget(trials=7770001, seconds=7770002, search_trials=7770003)
    settings = parse_settings(SETTINGS).model_copy(update={"budget": budget})
    base = tiny_tree(
        {
            "policies/law.yaml": b"canary-policy",
            "suites/search.toml": b"canary-suite-seed",
            "suites/frozen.toml": b"canary-frozen",
            "tests/kept/test_kept.py": b"canary-kept-test",
        }
    )

    def brief():
        with Evaluator(wrong, wrong.prepare(), suites, settings, MemoryTrials()) as evaluator:
            lifecycle = SimpleNamespace(bench=evaluator, store=store, part=partial(part_of, store))
            checkpoint = SimpleNamespace(budget=budget)
            run = loop.Run(lifecycle, settings, None, "claude", checkpoint, 3, 400, diagnoses=True)
            return run._brief(base, 3)

    return brief


def found(brief):
    text = write(brief)
    return [secret for secret in SECRETS if secret in text]


def test_nothing_secret_is_in_a_brief_and_what_may_be_shown_is(brief):
    made = brief()

    assert found(made) == []
    assert all(word in write(made) for word in (*SHOWN, "denied", "elided", "canary-dev-id", "canary-shown"))


def test_an_impossible_task_that_was_not_barred_would_be_found(brief, monkeypatch):
    def everything(self, tree, suite):
        return Request(tree, suite, "dev", tuple(task.id for task in suite.tasks("dev")), self._seed, 0)

    monkeypatch.setattr(Checkup, "_request", everything)

    assert "canary-impossible-id" in found(brief())


def test_heldout_tasks_that_were_looked_at_would_be_found(brief, monkeypatch):
    def heldout(self, tree, suite):
        return Request(tree, suite, "heldout", tuple(task.id for task in suite.tasks("heldout")), self._seed, 0)

    monkeypatch.setattr(Checkup, "_request", heldout)
    monkeypatch.setattr(Checkup, "_trace", lambda self, request: {})  # which refuses them by itself
    monkeypatch.setattr(EditSuite, "symptom", lambda self, task, score: self._tasks["heldout"][task].edit)
    monkeypatch.setattr(SearchSuite, "question", lambda self, task: self._queries["heldout"][task].text)
    monkeypatch.setattr(EditSuite, "question", lambda self, task: self._tasks["heldout"][task].content)

    leaked = {"canary-heldout-id", "canary-heldout-edit", "canary-heldout-query", "canary-heldout-content"}
    assert leaked <= set(found(brief()))


def test_an_answer_that_was_told_with_the_question_would_be_found(brief, monkeypatch):
    monkeypatch.setattr(EditSuite, "question", lambda self, task: f"{self._tasks['dev'][task].expected}")

    assert found(brief()) == ["canary-dev-answer"]


def test_a_reason_that_was_told_with_the_code_would_be_found(brief, store):
    made = replace(brief(), history=tuple(store.transitions("c1")[-1].note for _ in range(2)))

    assert found(made) == ["canary-reason"]


def test_a_heldout_task_that_people_brought_would_be_found(brief, monkeypatch):
    monkeypatch.setattr(Zones, "zone", lambda self, path: "mind")

    assert found(brief()) == ["canary-heldout-name"]


def test_budgets_that_were_written_would_be_found(brief):
    made = brief()

    assert found(replace(made, objective=f"{made.objective} {made.trial_budget} trials are left")) == ["7770003"]
