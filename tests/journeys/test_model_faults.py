"""A model's server that fails: what passes is waited for, what does not decides nothing and is taken up again."""

import sqlite3

from tests.broker.scripted import CutAfter, Drop, Fail
from tests.journeys.stand_in import BETTER, Rules, oracles, overloaded, reached, say, standing_in
from tests.journeys.test_model_money import attempts, is_proposing

AT_ONCE = {"retry-after-ms": "20"}


def counted(desk, column):
    with sqlite3.connect(desk.folder / ".successor" / "state.db") as db:
        return db.execute(f"SELECT {column}, count(*) FROM attempts GROUP BY 1").fetchall()


def test_faults_that_pass_cost_time_and_nothing_else(lean):
    whole = say(0, "run_command", {"command": "true"})
    faults = [
        Fail(429, "rate_limit_error", headers=AT_ONCE),
        overloaded(),
        Fail(500, headers=AT_ONCE),
        Drop(),
        CutAfter(whole, 3, "reset"),
        CutAfter(whole, 5, "stall", stall=1.0),
        CutAfter(whole, 5, "garbage"),
        CutAfter(whole, 6, "close"),
        CutAfter(whole, 4, "error"),
    ]
    left = list(faults)

    def before(body, turn):
        # Not two in a row in one trial: after three broken answers a scaffold may give up.
        return left.pop() if left and len(server.script.requests) % 2 else None

    with standing_in(Rules(oracles(lean.folder), BETTER, before)) as server:
        said = lean.successor("run", "--yes", "--parallel", "1", "--sandbox", lean.wall, **reached(server))

    assert left == []
    assert (said.code, said.document["ending"]) == (0, "done"), said.document
    assert said.document["candidates"][0]["state"] in ("denied", "awaiting_review")
    assert counted(lean, "failure") == [("none", len(attempts(lean)))]
    assert {score for score, _ in counted(lean, "score_ppm")} == {1_000_000}


def test_a_server_that_is_down_all_along_decides_nothing(lean):
    # That nobody listens at all is a matter of tests/broker: there the waits are shorter.
    with standing_in(Rules(before=lambda body, turn: Fail(503, headers=AT_ONCE))) as server:
        said = lean.successor("run", "--yes", "--sandbox", lean.wall, **reached(server))

    assert (said.code, said.document["ending"]) == (3, "failed"), said.document
    assert "could not be measured: provider" in said.document["message"]
    assert said.document["candidates"] == []
    assert said.document["spent"]["micro_usd"] == 0
    assert [score for score, _ in counted(lean, "score_ppm")] == [None]
    assert lean.successor("status").document["last_run"]["ending"] == "failed"


def test_a_server_that_dies_while_it_measures_leaves_the_candidate_for_another_day(lean):
    answers = []

    def dies(body, turn):
        if is_proposing(body) or len(answers) < 8:
            answers.append(body)
            return None
        return overloaded()

    rules = Rules(oracles(lean.folder), BETTER, dies)
    with standing_in(rules) as server:
        said = lean.successor("run", "--yes", "--sandbox", lean.wall, **reached(server))
    assert (said.code, said.document["ending"]) == (3, "failed"), said.document
    (candidate,) = said.document["candidates"]
    assert candidate["state"] == "screened"
    assert "overloaded_error" in said.document["message"]
    before = dict(counted(lean, "score_ppm")).get(1_000_000)

    rules.before = lambda body, turn: None
    with standing_in(rules) as server:
        again = lean.successor("resume", "--sandbox", lean.wall, **reached(server))
        assert (again.code, again.document["ending"]) == (0, "done"), again.document
        # What was measured before the server died is measured: two calls for each of the rest.
        after = dict(counted(lean, "score_ppm"))[1_000_000]
        assert len(server.script.requests) == 2 * (after - before)
    assert [c["id"] for c in again.document["candidates"]] == [candidate["id"]]
    assert again.document["candidates"][0]["state"] in ("denied", "awaiting_review")
