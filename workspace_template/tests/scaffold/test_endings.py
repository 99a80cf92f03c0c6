"""Each way to end, and to begin anew."""

from pathlib import Path
from typing import Any

import pytest


def test_it_ends_when_the_steps_are_used_up_and_says_so_shortly_before(script: Any, work: Any) -> None:
    for number in range(5):
        script.say(script.call("search", text=f"x{number}", exact=True))
    result = work(steps=5)

    assert (result.ended, result.steps) == ("steps", 5)
    said = [block for request in script.requests[3:4] for block in request["messages"][-3]["content"]]
    assert [block["text"] for block in said if block["type"] == "text"] == [
        "3 steps are left. Bring the folder into the best state that you can, and finish."
    ]


def test_it_ends_when_the_tokens_are_used_up_and_never_asks_for_more_than_are_left(script: Any, work: Any) -> None:
    script.say(script.call("search", text="a", exact=True), written=700)
    script.say(script.call("search", text="b", exact=True), written=300)
    result = work(tokens=1_000, answer=800)

    assert result.ended == "tokens"
    assert [request["max_tokens"] for request in script.requests] == [800, 300]


def test_a_refusal_ends_it_and_nothing_of_that_answer_is_done(script: Any, work: Any, tmp_path: Path) -> None:
    script.say(script.text("I will not."), script.call("write", path="a", content=""), stop="refusal")
    result = work()

    assert (result.ended, result.summary) == ("refused", "I will not.")
    assert not list(tmp_path.iterdir())


def test_a_budget_that_is_used_up_ends_it_at_once(script: Any, work: Any) -> None:
    script.say(script.call("search", text="a", exact=True))
    script.fail(402, "billing_error", code="budget_exhausted")

    assert work().ended == "budget"


def test_a_request_that_is_not_allowed_ends_it_as_refused(script: Any, work: Any) -> None:
    script.fail(403, "permission_error", "model: not among those")

    assert work().ended == "refused"


def test_a_model_that_cannot_be_reached_ends_it(script: Any, work: Any) -> None:
    for _ in range(3):
        script.fail(529, "overloaded_error")
    result = work()

    assert (result.ended, result.steps) == ("unreachable", 1)


def test_the_same_call_with_the_same_result_is_pointed_out_once_and_then_ends_it(
    script: Any, work: Any, told: Any
) -> None:
    for _ in range(6):
        script.say(script.call("read", path="nowhere.py"))
    result = work()

    assert (result.ended, result.steps) == ("stuck", 6)
    contents = [request["messages"][-1]["content"][-1].get("content", "") for request in script.requests]
    assert ["3 times" in content for content in contents] == [False, False, False, True, False, False]
    told()


def test_a_model_that_only_talks_is_asked_for_a_tool_and_then_taken_at_its_word(
    script: Any, work: Any, told: Any
) -> None:
    script.say(script.text("Let me think."), stop="end_turn")
    script.say(script.text("It was right all along."), stop="end_turn")
    result = work()

    assert (result.ended, result.summary) == ("finished", "It was right all along.")
    assert "no tool" in told()[-1]["text"]


def test_a_model_that_says_nothing_at_all_is_stuck(script: Any, work: Any) -> None:
    script.say(stop="end_turn")
    script.say(stop="end_turn")

    assert work().ended == "stuck"


# Conversations that get too long


def test_a_long_conversation_begins_anew_with_the_models_own_summary(script: Any, work: Any, told: Any) -> None:
    script.say(script.thinking("Hm."), script.call("search", text="a", exact=True), read=90_000)
    script.say(script.text("I looked for a. Next is b."), stop="end_turn")
    script.say(script.call("finish", summary=""))

    assert work(prompt=50_000).ended == "finished"
    asked, fresh = script.requests[1]["messages"], script.requests[2]["messages"]
    assert asked[-1]["content"][0]["type"] == "tool_result"
    assert "Write down in words" in asked[-1]["content"][-1]["text"]
    assert [message["role"] for message in fresh] == ["user"]
    assert fresh[0]["content"][0] == {"type": "text", "text": "Do the task."}
    assert "Next is b." in fresh[0]["content"][1]["text"]
    told()


@pytest.mark.parametrize("how", ["stop", "status", "kind", "words"])
def test_a_conversation_that_the_model_cannot_read_begins_anew(how: str, script: Any, work: Any) -> None:
    script.say(script.text("I found it in a.py."), script.call("search", text="a", exact=True))
    if how == "stop":
        script.say(script.text("cut"), stop="model_context_window_exceeded")
    elif how == "status":
        script.fail(413, "invalid_request_error")
    elif how == "kind":
        script.fail(400, "request_too_large")
    else:
        script.fail(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")
    script.say(script.call("finish", summary=""))

    assert work().ended == "finished"
    (fresh,) = script.requests[-1]["messages"]
    assert "I found it in a.py." in fresh["content"][1]["text"]


def test_a_task_that_is_too_long_by_itself_ends_it(script: Any, work: Any) -> None:
    script.fail(413, "request_too_large")

    assert work().ended == "tokens"


# Finishing


@pytest.mark.slow
def test_finishing_is_refused_while_the_tests_that_were_run_last_fail(script: Any, work: Any, tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a():\n    assert 1 == 2\n")
    script.say(script.call("run_tests"))
    script.say(script.call("finish", summary="too early"))
    script.say(script.call("write", path="test_a.py", content="def test_a():\n    assert 1 == 1\n"))
    script.say(script.call("finish", summary="now"))

    assert work().summary == "now"
    refusal = script.requests[2]["messages"][-1]["content"][0]
    assert refusal["is_error"]
    assert "assert 1 == 2" in refusal["content"]


@pytest.mark.slow
def test_finishing_is_not_refused_for_ever(script: Any, work: Any, tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("def test_a():\n    assert 1 == 2\n")
    script.say(script.call("run_tests"))
    for _ in range(4):
        script.say(script.call("finish", summary="it cannot be done"))

    assert work().ended == "finished"
