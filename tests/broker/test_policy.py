"""What a request may ask for: each attack is refused by name, each honest request passes unchanged."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.broker.policy import Accepted, accept, parse
from sandbox.broker.refusal import Refusal
from sandbox.broker.rules import Policy

MODEL = "claude-opus-5-5"
POLICY = Policy(frozenset({MODEL}), max_tokens=1_000, messages=20, blocks=50, tools=4)
ASK = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
TOOL = {"name": "read", "description": "reads", "input_schema": SCHEMA}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
URL = {"type": "url", "url": "https://example.com/a.png"}
FILE = {"type": "file", "file_id": "file_01"}
CALL = {"type": "tool_use", "id": "t1", "name": "read", "input": {}}


def said(*blocks, role="user"):
    return {**ASK, "messages": [{"role": role, "content": list(blocks)}]}


def answered(*content):
    return said({"type": "tool_result", "tool_use_id": "t1", "content": list(content)})


HONEST = {
    "plain": ASK,
    "stream": {**ASK, "stream": True},
    "warm the cache": {**ASK, "max_tokens": 0},
    "system": {
        **ASK,
        "system": [{"type": "text", "text": "be good", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    },
    "cache marker": {**ASK, "cache_control": {"type": "ephemeral"}},
    "custom tool": {**ASK, "tools": [{**TOOL, "strict": True, "cache_control": {"type": "ephemeral"}}]},
    "typed tools": {
        **ASK,
        "tools": [
            {"type": "bash_20250124", "name": "bash"},
            {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 100},
            {"type": "memory_20250818", "name": "memory"},
        ],
    },
    "tool choice": {**ASK, "tools": [TOOL], "tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    "thinking": {**ASK, "thinking": {"type": "adaptive", "display": "summarized"}},
    "effort": {**ASK, "output_config": {"effort": "low"}},
    "output format": {**ASK, "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    "stop": {**ASK, "stop_sequences": ["END"]},
    "image": said(IMAGE),
    "document": said({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}}),
    "replay": said(
        {"type": "thinking", "thinking": "", "signature": "x", "newer": 1},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "ok", "citations": None},
        {**CALL, "caller": {"type": "direct"}, "input": {"deep": [1.5, {"a": None}]}},
        role="assistant",
    ),
    "result": answered({"type": "text", "text": "ok"}, IMAGE),
    "system midway": {**ASK, "messages": [*ASK["messages"], {"role": "system", "content": "hurry"}]},
}

ATTACKS = {
    "other model": ({**ASK, "model": "claude-fable-5-1"}, 403, "model"),
    "no model": ({k: v for k, v in ASK.items() if k != "model"}, 403, "model"),
    "model as list": ({**ASK, "model": [MODEL]}, 403, "model"),
    "too many tokens": ({**ASK, "max_tokens": 1_001}, 403, "max_tokens"),
    "negative tokens": ({**ASK, "max_tokens": -1}, 400, "max_tokens"),
    "true tokens": ({**ASK, "max_tokens": True}, 400, "max_tokens"),
    "no tokens": ({k: v for k, v in ASK.items() if k != "max_tokens"}, 400, "max_tokens"),
    "stream as word": ({**ASK, "stream": "yes"}, 400, "stream"),
    "no messages": ({**ASK, "messages": []}, 400, "messages"),
    "too many messages": ({**ASK, "messages": ASK["messages"] * 21}, 400, "messages"),
    "too many blocks": (said(*[{"type": "text", "text": "a"}] * 51), 400, "blocks"),
    "odd role": ({**ASK, "messages": [{"role": "tool", "content": "x"}]}, 400, "role"),
    "role as list": ({**ASK, "messages": [{"role": [], "content": "x"}]}, 400, "role"),
    "field beside message": ({**ASK, "messages": [{"role": "user", "content": "x", "id": 1}]}, 403, "id"),
    "web search": ({**ASK, "tools": [{"type": "web_search_20260318", "name": "web_search"}]}, 403, "tools.0"),
    "web fetch": ({**ASK, "tools": [{"type": "web_fetch_20260318", "name": "web_fetch"}]}, 403, "tools.0"),
    "code execution": ({**ASK, "tools": [{"type": "code_execution_20260521", "name": "c"}]}, 403, "tools.0"),
    "tool search": ({**ASK, "tools": [{"type": "tool_search_tool_bm25_20251119", "name": "t"}]}, 403, "tools.0"),
    "computer": ({**ASK, "tools": [{"type": "computer_toolset_20260801"}]}, 403, "tools.0"),
    "mcp toolset": ({**ASK, "tools": [{"type": "mcp_toolset", "mcp_server_name": "m"}]}, 403, "tools.0"),
    "type as list": ({**ASK, "tools": [{**TOOL, "type": ["custom"]}]}, 403, "tools.0"),
    "called from code": ({**ASK, "tools": [{**TOOL, "allowed_callers": ["code_execution_20260521"]}]}, 403, "tools.0"),
    "deferred tool": ({**ASK, "tools": [{**TOOL, "defer_loading": True}]}, 403, "defer_loading"),
    "renamed bash": ({**ASK, "tools": [{"type": "bash_20250124", "name": "web_search"}]}, 400, "tools.0"),
    "same name twice": ({**ASK, "tools": [TOOL, TOOL]}, 400, "unique"),
    "too many tools": ({**ASK, "tools": [{**TOOL, "name": f"t{n}"} for n in range(5)]}, 400, "tools"),
    "remote schema": (
        {**ASK, "tools": [{**TOOL, "input_schema": {"properties": {"a": {"$ref": "https://example.com/s"}}}}]},
        403,
        "schema",
    ),
    "remote format": (
        {**ASK, "output_config": {"format": {"type": "json_schema", "schema": {"$ref": "file:///etc/passwd"}}}},
        403,
        "schema",
    ),
    "image by url": (said({"type": "image", "source": URL}), 403, "image"),
    "image by file": (said({"type": "image", "source": FILE}), 403, "image"),
    "document by url": (said({"type": "document", "source": URL}), 403, "document"),
    "document by file": (said({"type": "document", "source": FILE}), 403, "document"),
    "pdf": (
        said({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": ""}}),
        403,
        "document",
    ),
    "image by url in a result": (answered({"type": "image", "source": URL}), 403, "image"),
    "image by url in a document": (
        said({"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": URL}]}}),
        403,
        "image",
    ),
    "result within a result": (answered({"type": "tool_result", "tool_use_id": "t1", "content": "x"}), 403, "content"),
    "image in system": ({**ASK, "system": [IMAGE]}, 403, "system"),
    "url beside text": (said({"type": "text", "text": "a", "source": URL}), 403, "source"),
    "container upload": (said({"type": "container_upload", "file_id": "f"}), 403, "container_upload"),
    "search result": (
        said({"type": "search_result", "source": "s", "title": "t", "content": []}),
        403,
        "search_result",
    ),
    "server tool replayed": (
        said({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}, role="assistant"),
        403,
        "server_tool_use",
    ),
    "called by code, replayed": (
        said({**CALL, "caller": {"type": "code_execution_20260120", "tool_id": "x"}}, role="assistant"),
        403,
        "caller"[:4],
    ),
    "image said by the model": (said(IMAGE, role="assistant"), 403, "image"),
    "long cache": ({**ASK, "cache_control": {"type": "ephemeral", "ttl": "24h"}}, 400, "cache_control"),
    "cache as list": ({**ASK, "cache_control": {"type": [], "ttl": []}}, 400, "cache_control"),
    "odd thinking": ({**ASK, "thinking": {"type": "enabled", "url": "x"}}, 403, "thinking"),
    "thinking as list": ({**ASK, "thinking": {"type": []}}, 400, "thinking"),
    "odd choice": ({**ASK, "tool_choice": {"type": "web"}}, 400, "tool_choice"),
    "odd effort": ({**ASK, "output_config": {"effort": []}}, 400, "effort"),
    "many stops": ({**ASK, "stop_sequences": ["a"] * 100}, 400, "stop_sequences"),
    **{
        name: ({**ASK, name: value}, 403, name)
        for name, value in {
            "temperature": 0,
            "top_p": 0.5,
            "top_k": 1,
            "container": "c",
            "mcp_servers": [{"type": "url", "url": "https://example.com"}],
            "context_management": {},
            "thread": {"type": "create"},
            "betas": ["files-api-2025-04-14"],
            "fallbacks": [],
            "speed": "fast",
            "service_tier": "auto",
            "inference_geo": "us",
            "metadata": {"user_id": "x"},
            "workspace_id": "w",
            "user_profile_id": "u",
            "diagnostics": {},
            "brand_new": 1,
        }.items()
    },
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_request_passes_unchanged(name):
    request = copy.deepcopy(HONEST[name])

    accepted = accept(POLICY, "messages", request)

    assert isinstance(accepted, Accepted), accepted
    assert json.dumps(accepted.body) == json.dumps(HONEST[name])


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_and_told_what_for(name):
    request, status, place = ATTACKS[name]

    refused = accept(POLICY, "messages", request)

    assert isinstance(refused, Refusal), "it passed"
    assert refused.status == status
    assert place in refused.message
    assert "traceback" not in refused.message.lower()


def test_a_count_takes_no_max_tokens_and_no_stream():
    asked = {"model": MODEL, "messages": ASK["messages"]}
    assert isinstance(accept(POLICY, "count_tokens", asked), Accepted)
    assert isinstance(accept(POLICY, "count_tokens", {**asked, "max_tokens": 1}), Refusal)
    assert isinstance(accept(POLICY, "count_tokens", {**asked, "stream": True}), Refusal)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'"x"',
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}",
        '{"a": 1}'.encode("utf-16-le"),  # valid UTF-8 too: every other byte is zero
        '{"a": 1}'.encode("utf-32"),
        '{"a": 1}'.encode("utf-8-sig"),
    ],
    ids=range(16),
)
def test_what_two_readers_could_read_differently_is_not_read(content):
    refused = parse(content, 10)

    assert isinstance(refused, Refusal)
    assert refused.status == 400


def test_depth_counts_the_request_itself_as_one():
    assert parse(b'{"a": [[1]]}', 3) == {"a": [[1]]}
    assert isinstance(parse(b'{"a": [[[1]]]}', 3), Refusal)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["text", "user", "url", "base64", "custom", MODEL, ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "role",
                    "content",
                    "source",
                    "text",
                    "name",
                    "tools",
                    "messages",
                    "input_schema",
                    "cache_control",
                    "ttl",
                    "caller",
                    "effort",
                    "format",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.sampled_from(sorted(HONEST)), st.data())
@settings(max_examples=400, deadline=None)
def test_whatever_stands_anywhere_there_is_an_answer_and_no_crash(name, data):
    request = copy.deepcopy(HONEST[name])
    field = data.draw(st.sampled_from(sorted(request)))
    value = data.draw(JSON)
    if isinstance(request[field], list) and data.draw(st.booleans()):
        request[field].append(value)
    else:
        request[field] = value

    assert isinstance(accept(POLICY, "messages", request), Accepted | Refusal)
