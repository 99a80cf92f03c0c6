"""What a model may cost is held: nothing is sent beyond it, and what was paid for is not paid again."""

import sqlite3

from tests.broker.scripted import USAGE, Say, tool_use
from tests.journeys.conftest import IDENTITY, adopt
from tests.journeys.stand_in import (
    BETTER,
    MICRO_USD,
    SELF_IMPROVEMENT,
    Rules,
    edit,
    oracles,
    reached,
    standing_in,
    words,
)

MARK = "You write code with care."


def dear(usd, name="read", given=None):
    """An answer at this price, with a call that changes nothing."""
    usage = {**USAGE, "input_tokens": int(usd * 250_000) - 25, "output_tokens": 5}
    return Say([tool_use(name, given or {"path": "README.md"})], "tool_use", usage)


def settled(desk, old, new):
    """Make a workspace anew with other settings."""
    path = desk.folder / "successor.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    desk.git(*IDENTITY, "commit", "-qam", "other settings")
    desk.git("update-ref", "-d", "refs/heads/gate-log")
    (desk.folder / ".successor").rename(desk.folder.parent / "aside")
    return type(desk)(desk.folder, desk.people, desk.wall, adopt(desk.folder, desk.people))


def attempts(desk):
    """Trials with a model in the store: how often each was measured."""
    with sqlite3.connect(desk.folder / ".successor" / "state.db") as db:
        return db.execute("SELECT count(*) FROM attempts GROUP BY tree, suite, split, task, seed, repeat").fetchall()


def is_proposing(body):
    return SELF_IMPROVEMENT in words(body["messages"][0]["content"])


def within(said, server, usd):
    """The run ended for want of money, in good order, and what was sent is what is told, and not above the budget."""
    assert (said.code, said.document["ending"]) == (0, "budget_exhausted"), said.document
    assert said.document["spent"]["calls"] == len(server.script.requests)
    assert 0 < said.document["spent"]["micro_usd"] <= usd * 1_000_000


def test_a_budget_that_ends_while_proposing_ends_the_run_before_the_next_call(lean):
    def before(body, turn):
        return dear(0.95) if is_proposing(body) else None

    with standing_in(Rules(oracles(lean.folder), BETTER, before)) as server:
        said = lean.successor("run", "--yes", "--budget-usd", "1", "--sandbox", lean.wall, **reached(server))
        within(said, server, 1)
        # The answer that cost all of it was the last.
        assert is_proposing(server.script.requests[-1])
        assert sum(map(is_proposing, server.script.requests)) == 1

    assert said.document["candidates"] == []
    assert "the model's budget of the run is spent" in said.document["message"]
    assert lean.successor("status").document["last_run"]["ending"] == "budget_exhausted"


def test_a_budget_that_ends_while_measuring_leaves_the_candidate_open_and_resume_pays_only_the_rest(lean):
    seen = []

    def before(body, turn):
        seen.extend([body] if is_proposing(body) else [])
        held_out = "`duration.py` reads durations" in words(body["messages"][0]["content"])
        return dear(0.9) if held_out else None

    rules = Rules(oracles(lean.folder), BETTER, before)
    with standing_in(rules) as server:
        said = lean.successor("run", "--yes", "--budget-usd", "1", "--sandbox", lean.wall, **reached(server))
        within(said, server, 1)
        (candidate,) = said.document["candidates"]
        assert candidate["state"] == "screened"
        proposed = len(seen)
    measured = len(attempts(lean))
    assert measured > 0

    rules.before = lambda body, turn: None
    with standing_in(rules) as server:
        again = lean.successor("resume", "--budget-usd", "5", "--sandbox", lean.wall, **reached(server))
        assert (again.code, again.document["ending"]) == (0, "done"), again.document
        assert [c["id"] for c in again.document["candidates"]] == [candidate["id"]]
        assert again.document["candidates"][0]["state"] in ("denied", "awaiting_review")
        # Two calls for each trial that was missing, none to propose anew.
        assert len(server.script.requests) == 2 * (len(attempts(lean)) - measured)
        assert again.document["spent"]["micro_usd"] == len(server.script.requests) * MICRO_USD
    assert len(seen) == proposed
    assert set(attempts(lean)) == {(1,)}


def test_a_candidate_that_is_too_dear_fails_by_name_and_the_run_goes_on(lean):
    desk = settled(lean, "candidate = 15.0", "candidate = 1.0")
    opening = (desk.folder / "scaffold" / "prompts" / "system.md").read_text().splitlines()[0]
    proposals = [
        # It gains, or nothing would be paid to see how it does with a model.
        (BETTER[0], edit("scaffold/prompts/system.md", opening, f"{opening}\n\n{MARK}")),
        (("write", {"path": "policies/bundle.yaml", "content": "version: 99\n"}),),
    ]

    def before(body, turn):
        if is_proposing(body) and not turn:
            rules.improve = proposals.pop(0)
        return dear(0.95) if MARK in body["system"][0]["text"] and not is_proposing(body) else None

    rules = Rules(oracles(desk.folder), before=before)
    with standing_in(rules) as server:
        said = desk.successor("run", "-n", "2", "--yes", "--sandbox", desk.wall, **reached(server))

    assert (said.code, said.document["ending"]) == (0, "done"), said.document
    first, second = said.document["candidates"]
    assert first["state"] == "failed", first
    assert first["note"].startswith("CandidateTooDear: the model's budget of one candidate is spent")
    assert (second["state"], second["note"]) == ("denied", "a kept path was touched: policies/bundle.yaml")


def test_a_day_has_one_budget_however_many_runs(lean):
    desk = settled(lean, "day = 50.0", "day = 1.0")

    with standing_in(Rules(oracles(desk.folder), BETTER, lambda body, turn: dear(0.95))) as server:
        one = desk.successor("run", "--yes", "--sandbox", desk.wall, **reached(server))
        within(one, server, 1)
        assert "budget of the day is spent" in one.document["message"]
        sent = len(server.script.requests)
        two = desk.successor("run", "--yes", "--budget-usd", "15", "--sandbox", desk.wall, **reached(server))
        assert (two.code, two.document["ending"]) == (0, "budget_exhausted")
        assert "budget of the day is spent" in two.document["message"]
        assert len(server.script.requests) == sent


def test_a_budget_in_tokens_holds_though_nothing_is_paid(lean):
    most = 60_000
    desk = settled(lean, "day = 2_000_000_000", f"run = {most}")
    usage = {"input_tokens": 1, "output_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 7_000}
    answer = Say([tool_use("read", {"path": "README.md"})], "tool_use", usage)

    with standing_in(Rules(oracles(desk.folder), BETTER, lambda body, turn: answer)) as server:
        said = desk.successor("run", "--yes", "--sandbox", desk.wall, **reached(server))

    assert (said.code, said.document["ending"]) == (0, "budget_exhausted"), said.document
    spent = said.document["spent"]
    # A ninth call could have passed it, with the 8 000 tokens of an answer that it asked for.
    assert spent["calls"] == len(server.script.requests) == 8
    assert sum(spent["tokens"].values()) == 8 * 7_006 <= most < 8 * 7_006 + 8_000
    assert spent["micro_usd"] < 20_000
    assert "the model's budget of the run is spent" in said.document["message"]
