"""The newest SDK inside the real sandbox: every kind of answer that its types know, as the template's scaffold reads it."""

import json
from importlib.metadata import version
from typing import get_args

import pytest
from anthropic.types import ContentBlock, RawContentBlockDelta, RawMessageStreamEvent, StopReason

from sandbox.contract import CANDIDATE_ROOT, Command, Limits, Mount
from tests.attacks.at_work import WIDE, scaffold_files, staged
from tests.broker.conftest import MODEL, world
from tests.broker.scripted import USAGE, CutAfter, Fail, Raw, Say, text, thinking, tool_use
from tests.broker.test_contract import SAYINGS
from tests.broker.test_inside import WALLS, place, start

__all__ = ["place", "start"]  # fixtures
DISTRIBUTIONS = ("anthropic", "httpx2", "httpcore2", "pydantic", "pydantic-core", "jiter")
SERVED = {
    f"{kind}_tool_result"
    for kind in (
        "web_search", "web_fetch", "code_execution", "bash_code_execution", "text_editor_code_execution", "tool_search",
    )
}  # fmt: skip
CITED = {**text("as it says"), "citations": None}
NEWER = {"type": "brand_new", "shape": [1, {"deep": 2.5}]}
MORE = {
    "stop sequence": Say([text("x")], "stop_sequence"),
    "a reason that is new": Say([text("x")], "brand_new_reason"),
    "a block that is new": Say([NEWER, tool_use("read", {"path": "a"})], "tool_use"),
    "thoughts between tools": Say(
        [thinking("a"), tool_use("read", {}), thinking("b", "dHdv"), tool_use("run", {"n": 1e30}, 2)], "tool_use"
    ),
    "pings": Say([text("x")], pings=5),
    "a thousand pieces": Say([text(f"{n}") for n in range(300)]),
    "cited": Say([CITED]),
    "server tools": Say(
        [
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
            {"type": "container_upload", "file_id": "file_1"},
            text("so"),
        ],
        "pause_turn",
    ),
    "results of server tools": Say(
        [{"type": kind, "tool_use_id": "srvtoolu_1", "content": {"type": "x", "of": [1]}} for kind in sorted(SERVED)]
    ),
    "odd words": Say([text("\u2028\u0085\x00\x1b[2J \U0001f600 e\u0301")]),
    "usage in full": Say(
        [text("x")],
        usage={
            **USAGE,
            "cache_read_input_tokens": 7,
            "cache_creation_input_tokens": 5,
            "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
            "output_tokens_details": {"thinking_tokens": 1},
            "service_tier": "standard",
            "server_tool_use": None,
        },
    ),
}
BROKEN = {
    "no stop reason": Say([text("x"), tool_use("run", {"command": "rm -rf /"})], None),
    "cut": CutAfter(SAYINGS["tools"], 5, "close"),
    "garbage": CutAfter(SAYINGS["tools"], 5, "garbage"),
    "an error in the middle": CutAfter(SAYINGS["tools"], 5, "error"),
}
REFUSED = {
    "invalid": (Fail(400, "invalid_request_error"), "refused"),
    "too long": (Fail(400, "invalid_request_error", "prompt is too long: 300000 tokens"), "TooLong"),
    "too large": (Fail(413, "request_too_large"), "TooLong"),
    "not allowed": (Fail(403, "permission_error"), "refused"),
    "not there": (Fail(404, "not_found_error"), "refused"),
    "not paid": (Fail(402, "billing_error"), "budget"),
}
READ = """
import importlib.metadata, json, sys
sys.path.insert(0, "/cand")
from scaffold.ended import Ended
from scaffold.model import Model, TooLong, connect

def ask(client, model):
    try:
        answer = Model(client, model, "be good", [], tries=1).ask([{"role": "user", "content": "hello"}], 100)
    except Ended as ended:
        return {"ended": ended.how}
    except TooLong:
        return {"ended": "TooLong"}
    return {"content": answer.content, "reason": answer.stop_reason, "read": answer.read, "written": answer.written,
            "calls": [call["id"] for call in answer.calls], "signed": answer.signed}

given = json.load(sys.stdin)
client = connect("/run/broker/model.sock")
print(json.dumps({
    "answers": [ask(client, given["model"]) for _ in range(given["count"])],
    "versions": {name: importlib.metadata.version(name) for name in given["names"]},
}))
"""


@pytest.fixture(params=WALLS)
def read(request, start, place):
    """Let the scaffold read these answers in one sandbox."""
    backend = start(request.param)

    def answers(steps):
        (place / "cand").mkdir()
        cand = Mount(staged(place / "cand", scaffold_files()), CANDIDATE_ROOT)
        given = {"model": MODEL, "count": len(steps), "names": DISTRIBUTIONS}
        with (
            world(place, steps, config=WIDE, repeat=False) as made,
            backend.start((made.door.mount, cand), Limits()) as box,
        ):
            done = box.run(Command(("python", "-c", READ), 90, json.dumps(given).encode()))
        assert done.exit_code == 0, done
        return json.loads(done.stdout)

    return answers


def test_every_kind_of_answer_is_read_as_it_was_said(read):
    kinds = {**SAYINGS, **MORE}
    told = read(list(kinds.values()))

    # What is tested on the host is what runs inside.
    assert told["versions"] == {name: version(name) for name in DISTRIBUTIONS}
    for (name, say), answer in zip(kinds.items(), told["answers"], strict=True):
        assert answer.get("reason") == say.stop_reason, (name, answer)
        assert [
            known(block, said) for block, said in zip(answer["content"], say.content, strict=True)
        ] == say.content, name
        assert answer["calls"] == [block["id"] for block in say.content if block["type"] == "tool_use"], name
        assert answer["signed"] == any("thinking" in block["type"] for block in say.content), name
        usage = say.usage
        cached = sum(usage.get(f"cache_{kind}_input_tokens") or 0 for kind in ("read", "creation"))
        assert (answer["read"], answer["written"]) == (usage["input_tokens"] + cached, usage["output_tokens"]), name


def kinds_of(union):
    """The values of `type` in a union of the SDK's types."""
    members = get_args(get_args(union)[0])
    return {get_args(member.model_fields["type"].annotation)[0] for member in members}


def test_nothing_that_the_types_of_the_sdk_know_is_left_out_here():
    """A newer SDK that knows more makes this fail, and the tables above longer."""
    said = [*SAYINGS.values(), *MORE.values()]
    events = [event for say in said for event in say.events(MODEL)]

    assert set(get_args(StopReason)) <= {say.stop_reason for say in said}
    assert kinds_of(ContentBlock) <= {block["type"] for say in said for block in say.content}
    assert kinds_of(RawMessageStreamEvent) <= {event["type"] for event in events}
    deltas = {event["delta"]["type"] for event in events if event["type"] == "content_block_delta"}
    assert kinds_of(RawContentBlockDelta) == deltas | {"citations_delta"}


def test_a_citation_in_a_stream_comes_as_it_was_said(given):
    said = Say([text("as it says")]).events(MODEL)
    citation = {
        "type": "char_location", "cited_text": "x", "document_index": 0, "document_title": None, "start_char_index": 0,
        "end_char_index": 1, "file_id": None,
    }  # fmt: skip
    said.insert(
        3, {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": citation}}
    )
    body = b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in said)
    client = given(Raw(body, "text/event-stream")).client()

    with client.messages.stream(model=MODEL, max_tokens=9, messages=[{"role": "user", "content": "cite"}]) as stream:
        (block,) = stream.get_final_message().content
    assert (block.text, [found.cited_text for found in block.citations]) == ("as it says", ["x"])


def known(block, said):
    """A block as it was said: the SDK may add fields that say nothing."""
    return {name: value for name, value in block.items() if name in said or value is not None}


def test_an_answer_that_is_not_whole_is_none_and_a_refusal_has_its_meaning(read):
    told = read([*BROKEN.values(), *(step for step, _ in REFUSED.values())])["answers"]

    meanings = ["unreachable"] * len(BROKEN) + [meaning for _, meaning in REFUSED.values()]
    assert [answer.get("ended") for answer in told] == meanings
