"""What a run could find is said before it is paid, and what tests may still err is said afterwards."""

from tests.journeys.conftest import better, human


def test_a_plan_says_what_could_be_found_and_what_it_would_take_and_runs_nothing(desk):
    said = desk.successor("plan", "--hope", "50", "--sandbox", desk.wall)
    search = said.document["suites"]["search"]

    assert (said.code, said.document["worth_starting"], search["why"]) == (0, True, [])
    assert 10_000 < search["smallest_gain_ppm"] < 500_000
    assert search["five_points"]["trials"] > search["idle"]["trials"] > search["parent"]["trials"] > 0
    assert search["better"]["micro_usd"] == 0, "no model is there, so nothing is paid for one"
    assert search["finding"]["trials"] == 15_000
    assert search["heldout_looks"] == {"used": 0, "allowed": 20}
    assert search["level_ppb"] == 5_000_000
    assert desk.successor("status").document["last_run"] is None


def test_a_run_that_is_not_worth_starting_says_so_in_one_line_and_goes_on(desk):
    said = desk.successor("plan", "-n", "21", "--hope", "0.5", "--sandbox", desk.wall)
    assert (said.code, said.document["worth_starting"]) == (1, False)
    assert any("smallest gain" in why for why in said.document["suites"]["search"]["why"])
    assert any("only 20 held-out looks" in why for why in said.document["suites"]["search"]["why"])

    ran = desk.successor("run", "--yes", "-n", "21", "--trials", "2", "--sandbox", desk.wall, "--proposer", "codemod")
    assert ran.err.count("hardly worth starting") == 1
    assert "successor plan -n 21" in ran.err
    assert ran.document["ending"] == "nothing_found"


def test_what_decided_and_what_is_left_to_decide_with_is_shown_to_people(waiting):
    desk, candidate = waiting
    shown = human(desk, "review", "show", candidate)

    assert (
        "search held out: promoted at the level 0.005 (the run may err with 0.05 over 1 candidate; look 1 of 20)"
        in shown
    )
    assert "pairs: promote;" in shown
    assert "to expect on new tasks" in shown
    assert "frozen edit:" in shown
    status = desk.successor("status").document["error"]
    assert [(one["suite"], one["used"], one["allowed"]) for one in status["heldout_looks"]] == [("search", 1, 20)]
    assert "held-out looks at search: 1 of 20 used" in human(desk, "status")


def test_a_lost_store_brings_neither_a_look_nor_a_second_throw(waiting):
    desk, candidate = waiting
    said = desk.successor("review", "reject", candidate, "--reason", "no", "--key", str(desk.key("alice")))
    assert said.code == 0, said.document
    for file in (desk.folder / ".successor").glob("state.db*"):
        file.unlink()

    planned = desk.successor("plan", "--sandbox", desk.wall).document["suites"]["search"]
    assert planned["heldout_looks"] == {"used": 1, "allowed": 20}
    again = desk.propose(better)
    assert again.code != 0
    assert f"{candidate} was decided before" in again.error["what"]


def test_what_a_generation_does_in_full_is_written_as_a_frozen_set(desk):
    said = desk.successor("suite", "freeze", "edit", "--sandbox", desk.wall)

    assert said.code == 0, said.document
    assert said.document["tasks"]["edit"] > 10
    assert "frozen" not in [row["name"] for row in desk.successor("suite", "list").document["suites"]]
    assert desk.successor("suite", "freeze", "nothing", "--sandbox", desk.wall).code == 2
