"""One question, one whole answer, or the reason why there is none; against the real SDK."""

from typing import Any

import httpx2
import pytest

from scaffold.ended import Ended
from scaffold.model import Answer, Model, TooLong, connect

ASK: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "Well?"}]}]


def asked(script: Any, tries: int = 3) -> Answer:
    answer: Answer = script.model(tries).ask(ASK, 100)
    return answer


def test_a_question_is_the_instructions_the_tools_and_the_conversation(script: Any) -> None:
    script.say(script.text("Yes."), stop="end_turn")
    asked(script)

    (request,) = script.requests
    assert set(request) == {"model", "system", "tools", "messages", "max_tokens", "stream"}
    assert request["system"] == [{"type": "text", "text": "You are tested.", "cache_control": {"type": "ephemeral"}}]
    assert (request["model"], request["max_tokens"], request["stream"]) == ("some-model", 100, True)
    assert request["messages"] == ASK


def test_an_answer_has_its_text_its_calls_and_what_it_cost(script: Any) -> None:
    call = script.call("t", a=[1, {"b": None}])
    script.say(script.text("One."), script.text(""), call, script.text("Two."), read=11, written=7)
    answer = asked(script)

    assert (answer.text, answer.calls, answer.signed) == ("One.\nTwo.", [call], False)
    assert (answer.stop_reason, answer.read, answer.written) == ("tool_use", 11, 7)


def test_thoughts_come_with_their_signature(script: Any) -> None:
    script.say(script.thinking(""), script.text("So."), stop="end_turn")

    answer = asked(script)
    assert answer.signed
    assert answer.content[0] == {"type": "thinking", "thinking": "", "signature": "c2lnbmVk"}


@pytest.mark.parametrize("fault", ["cut", "cut by an error", "status", "within", "closed", "html", "garbage", "slow"])
def test_what_may_pass_is_asked_for_again(fault: str, script: Any) -> None:
    faults = {
        "cut": lambda: script.cut(script.call("t")),
        "cut by an error": lambda: script.cut(script.text("a"), error=httpx2.RemoteProtocolError("incomplete")),
        "status": lambda: script.fail(503, "api_error"),
        "within": lambda: script.fail_within("overloaded_error"),
        "closed": lambda: script.raise_(httpx2.ConnectError("gone")),
        "html": lambda: script.answer_raw(b"<html>", "text/html"),
        "garbage": lambda: script.answer_raw(b"event: message_start\ndata: {\n\n", "text/event-stream"),
        "slow": lambda: script.raise_(httpx2.ReadTimeout("slow")),
    }
    faults[fault]()
    script.say(script.text("Yes."), stop="end_turn")

    assert asked(script).text == "Yes."
    assert script.requests[0] == script.requests[1]


def test_it_is_not_asked_for_ever(script: Any) -> None:
    for _ in range(4):
        script.cut(script.text("a"))
    with pytest.raises(Ended, match="broke off") as ended:
        asked(script, tries=4)

    assert ended.value.how == "unreachable"
    assert not script.steps


@pytest.mark.parametrize(
    ("status", "kind", "code", "how"),
    [
        (402, "billing_error", "budget_exhausted", "budget"),
        (402, "other", "", "budget"),
        (429, "rate_limit_error", "calls_exhausted", "budget"),
        (400, "invalid_request_error", "", "refused"),
        (401, "authentication_error", "", "refused"),
        (403, "permission_error", "", "refused"),
        (404, "not_found_error", "", "refused"),
    ],
)
def test_what_will_not_pass_is_not_asked_for_again(status: int, kind: str, code: str, how: str, script: Any) -> None:
    script.fail(status, kind, "the reason", code)
    with pytest.raises(Ended, match="the reason") as ended:
        asked(script)

    assert ended.value.how == how


def test_a_budget_may_end_within_a_stream(script: Any) -> None:
    script.fail_within("billing_error")
    with pytest.raises(Ended) as ended:
        asked(script)

    assert ended.value.how == "budget"


def test_a_conversation_that_is_too_long_is_no_end(script: Any) -> None:
    script.fail(413, "request_too_large")
    with pytest.raises(TooLong):
        asked(script)


def test_a_call_without_an_id_is_no_answer(script: Any) -> None:
    script.say({**script.call("t"), "id": None})
    script.say(script.text("Yes."), stop="end_turn")

    assert asked(script).text == "Yes."


def test_whether_it_ever_answered_is_known(script: Any) -> None:
    script.fail(403, "permission_error")
    script.say(script.text("Yes."), stop="end_turn")
    model = script.model()
    with pytest.raises(Ended):
        model.ask(ASK, 100)
    assert not model.answered

    model.ask(ASK, 100)
    assert model.answered


# The HTTP library leaves the socket open that it could not connect.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_client_that_nobody_listens_to_says_so_and_takes_nothing_from_its_surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "of the host")
    client = connect(str(tmp_path / "nobody.sock"))

    assert (client.api_key, client.max_retries) == ("none", 0)
    with pytest.raises(Ended, match="Connection error"):
        Model(client, "m", "s", [], tries=1).ask(ASK, 10)
    client.close()
