"""What `successor plan` foresees of a run, from a store and suites in memory."""

import json
from types import SimpleNamespace

import pytest

from agent.candidate import State
from agent.cli.plan import foreseen
from agent.edits.tree import File
from agent.gate.rules import with_parameter
from agent.loop.allowance import Allowances
from agent.loop.lifecycle import law_of
from agent.loop.store import Entry, Store
from agent.workspace import parse_settings
from tests.evaluate.test_attempts import CodingSuite
from tests.loop.nulls import SETTINGS, Population, base

SEARCHED = 3_000


class Dear(CodingSuite):
    exam = "sha256:" + "3" * 64


class Desk:
    """A workspace whose runs took a second for each trial."""

    def __init__(self, folder):
        self.time = 0
        self.store = Store(folder / ".successor", clock=lambda: self.time)

    def opened(self, looks=60, **parameters):
        tree = base()
        settings = SETTINGS.replace(b"looks = 60", b"looks = %d" % looks)
        law = {path.removeprefix("policies/"): file.content for path, file in tree.items() if "policies/" in path}
        for name, value in parameters.items():
            law = with_parameter(law, name, value)
        for name, content in law.items():
            tree = tree.with_file(f"policies/{name}", File(content))
        tree = tree.with_file("successor.toml", File(settings))
        return SimpleNamespace(base=tree, store=self.store, settings=parse_settings(settings))

    def entry(self, name, run):
        search = {"trials": SEARCHED, "tried": 1, "inherited": 0, "taken": []}
        parts = {"search": self.store.blobs.put(json.dumps(search).encode())}
        made = Entry(name, State.DRAFTED, "codemod", "a" * 40, "sha256:" + "0" * 64, 0, run, SEARCHED, parts)
        assert self.store.draft(made, "")
        return made

    def ran(self):
        run = self.store.begin_run("codemod", 1)
        self.entry("c1", run)
        self.time += 5_000
        self.store.progress_run(run, made=1, trials=5_000)
        self.store.end_run(run, "done", "")


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.store.close()


def plan(opened, candidates=1, suites=(), model=None, budget_usd=None):
    found = SimpleNamespace(suites=(Population(), *suites), shown=lambda tree: tree)
    return foreseen(opened, found, candidates, 50.0, model, budget_usd)["suites"]["search"]


def test_the_level_that_is_said_is_the_level_that_is_granted(desk):
    opened = desk.opened(looks=2)
    said = plan(opened)["level_ppb"]
    granted = Allowances(desk.store).grant(desk.entry("c1", None), [Population()], law_of(opened.base)).level_ppb

    assert said == granted == 25_000_000


def test_why_nothing_could_be_decided_is_said_as_it_is(desk):
    (shared,) = plan(desk.opened(max_run_error_ppb=50), 60)["why"]
    (thin,) = plan(desk.opened(max_heldout_error_ppb=50), 1)["why"]
    opened = desk.opened(looks=1)
    Allowances(desk.store).grant(desk.entry("c1", None), [Population()], law_of(opened.base))
    (used,) = plan(opened)["why"]

    assert shared == "the error of a run leaves none for a test when 60 candidates share it: nothing could be decided"
    assert thin == "the error of 60 held-out looks leaves none for the next: nothing could be decided"
    assert used == "all 1 held-out looks are used: nothing could be decided"


def test_the_time_of_a_run_is_that_of_the_search_too(desk):
    before = plan(desk.opened(), 2)
    desk.ran()
    one, two = plan(desk.opened(), 1), plan(desk.opened(), 2)

    assert (before["finding"]["trials"], before["finding"]["milliseconds"]) == (15_000, 0)
    assert "the most" in before["finding"]["from"]
    assert not any("the time" in why for why in before["why"])
    assert one["finding"]["trials"] == SEARCHED
    assert not any("the time" in why for why in one["why"])
    assert any("the time lasts for about 1 of 2 candidates" in why for why in two["why"])


def test_a_suite_with_a_model_is_paid_for_by_what_is_promoted_and_only_where_there_is_a_model(desk, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    without = plan(desk.opened(), suites=[Dear()])
    with_one = plan(desk.opened(), suites=[Dear()], model="claude-opus-5-5", budget_usd=0.1)

    assert without["better"]["micro_usd"] == without["idle"]["micro_usd"] == 0
    assert with_one["better"]["trials"] == without["better"]["trials"] + 12
    assert with_one["better"]["micro_usd"] > 0 == with_one["idle"]["micro_usd"]
    assert any("the money lasts for about 0 of 1 candidates" in why for why in with_one["why"])


def test_a_run_of_as_many_candidates_as_no_test_can_tell_apart_is_not_worth_starting(desk):
    said = plan(desk.opened(), 1_000_000)

    assert said["smallest_gain_ppm"] is None
    assert any("no gain at all" in why for why in said["why"])
