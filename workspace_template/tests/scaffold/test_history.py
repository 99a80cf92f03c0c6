"""A conversation that only grows at its end, or begins anew."""

from typing import Any

from scaffold.history import History


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_what_is_told_without_an_answer_in_between_is_one_message() -> None:
    history = History("task")
    history.told([], "a", "", "b")
    history.said([text("answer")])
    history.told([{"type": "tool_result"}], "c")

    assert [message["role"] for message in history.messages] == ["user", "assistant", "user"]
    assert history.messages[0]["content"] == [text("task"), text("a"), text("b")]
    assert history.messages[2]["content"] == [{"type": "tool_result"}, text("c")]


def test_the_marks_are_at_the_end_and_where_the_end_was_and_stay_out_of_the_conversation() -> None:
    history = History("task")
    for number in range(3):
        history.said([text(f"answer {number}")])
        history.told([], f"result {number}")
    marked = [
        block["text"] for message in history.request() for block in message["content"] if "cache_control" in block
    ]

    assert marked == ["result 1", "result 2"]
    assert "cache_control" not in str(history.messages)


def test_it_begins_anew_with_the_task_and_a_note() -> None:
    history = History("task")
    history.said([text("answer")])
    assert not history.fresh
    history.restart("note")

    assert history.fresh
    assert history.request()[0]["content"][0] == text("task")
    assert [message["content"] for message in history.messages] == [[text("task"), text("note")]]


def test_what_the_model_said_can_stand_for_a_summary() -> None:
    history = History("task")
    history.said([{"type": "thinking", "thinking": "hm"}, text("first")])
    history.told([], "note")
    history.said([text("x" * 5_000)])

    assert history.digest(6) == "xxxxxx"
    assert history.digest(5_003).startswith("st\nx")
    assert "note" not in history.digest(10_000)
