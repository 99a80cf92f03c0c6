"""The trusted transcript: complete, named by what it holds, and without secrets."""

import gzip
import json
import threading

import anthropic
import pytest

from sandbox.broker.transcript import FolderTranscripts, MemoryTranscripts, canonical, digest_of, document_of, redacted
from tests.broker.conftest import MODEL
from tests.broker.scripted import KEY, CutAfter, Fail, Say, text, tool_use

ASK = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}
SAY = Say([text("hello yourself")])
SECRETS = {
    "anthropic": "sk-ant-api03-abcdefghijklmnop",
    "openai": "sk-proj-abcdefghijklmnopqrstuvwx",
    "github": "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
    "github fine": "github_pat_11ABCDEFG0123456789_abcdefghij",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "slack": "xoxb-123456789012-abcdefghijkl",
    "google": "AIza" + "a" * 35,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "bearer": "Authorization: Bearer abcdefghijklmnop1234",
    "pem": "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\n-----END OPENSSH PRIVATE KEY-----",
}


def test_an_exchange_holds_what_was_sent_and_what_came_back(given):
    world = given(Fail(529), SAY)
    world.client().messages.create(**ASK)
    (kept,) = world.exchanges()

    assert kept["request"] == ASK
    assert kept["answer"]["message"]["content"] == [text("hello yourself")]
    assert [row["failure"] for row in kept["attempts"]] == ["status 529", ""]
    assert kept["charge"]["usage"] == {"input": 10, "output": 5, "read": 0, "write_1h": 0, "write_5m": 0}
    assert (kept["candidate"], kept["number"], kept["ending"]) == ("c1", 1, "answered")
    assert kept["times"]["ended_ms"] >= kept["times"]["first_content_ms"] >= 0


def test_a_stream_is_kept_with_its_pieces_joined(given):
    world = given(Say([text("hello yourself"), tool_use("read", {"path": "a"})], "tool_use"))
    with world.client().messages.stream(**ASK) as events:
        events.until_done()
    (kept,) = world.exchanges()

    deltas = [e["delta"] for e in kept["answer"]["events"] if e["type"] == "content_block_delta"]
    assert deltas == [
        {"type": "text_delta", "text": "hello yourself"},
        {"type": "input_json_delta", "partial_json": '{"path": "a"}'},
    ]
    assert kept["answer"]["events"][-1]["type"] == "message_stop"


def test_what_was_seen_of_a_broken_stream_is_kept_with_the_error(given):
    world = given(CutAfter(SAY, 3))
    with pytest.raises(anthropic.APIStatusError), world.client().messages.stream(**ASK) as events:
        events.until_done()
    (kept,) = world.exchanges()

    assert kept["answer"]["events"][-1]["delta"]["text"] == "hello y"
    assert kept["answer"]["error"]["error"]["type"] == "api_error"


def test_what_was_refused_is_kept_by_size_and_digest(given):
    world = given()
    with pytest.raises(anthropic.PermissionDeniedError):
        world.client().messages.create(**{**ASK, "model": "other", "system": "y" * 5_000})
    (kept,) = world.exchanges()

    assert (kept["ending"], kept["request"]) == ("refused", None)
    assert kept["received"]["bytes"] > 5_000
    assert kept["answer"]["status"] == 403
    assert len(canonical(kept)) < 1_500


def test_the_key_of_the_host_is_in_no_transcript(given):
    """An upstream may echo what it was sent, and a sandbox may guess."""
    world = given(Say([text(f"your key is {KEY}")]), Fail(400, "invalid_request_error", f"bad key {KEY}"))
    world.client().messages.create(**{**ASK, "system": f"is it {KEY}?"})
    with pytest.raises(anthropic.BadRequestError):
        world.client().messages.create(**ASK)

    assert KEY not in json.dumps(world.exchanges(2))
    assert "the-key-of-the-host" not in json.dumps(world.exchanges(2))


@pytest.mark.parametrize("gap", [" ", "\n", "\t", "\x1f", "=", '"', "\\", "ü"], ids=repr)
@pytest.mark.parametrize("name", SECRETS)
def test_what_looks_like_a_key_is_taken_out_and_the_rest_stays(name, gap):
    record = {"a": [f"before {gap}{SECRETS[name]} after"], "b": "kept"}
    document = document_of(record, "")

    assert SECRETS[name] not in json.loads(document)["a"][0]
    assert "[redacted]" in json.loads(document)["a"][0]
    assert json.loads(document)["b"] == "kept"
    assert json.loads(document)["a"][0].startswith("before ")
    assert json.loads(document)["a"][0].endswith(" after")


def test_a_key_that_came_in_two_pieces_is_taken_out(given):
    world = given(Say([text("sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789")]))
    with world.client().messages.stream(**ASK) as events:
        events.until_done()

    assert "opqrstuvwxyz" not in json.dumps(world.exchanges())


def test_a_key_with_characters_that_json_escapes_is_taken_out():
    assert redacted(json.dumps('x "odd\\key" y'), '"odd\\key"') == '"x [redacted] y"'


def test_ordinary_words_stay():
    words = "the bearer of this, task-oriented-management-of-files sk-1, AKIA, disk-based-thing, eyJ, -----BEGIN CERTIFICATE-----"
    assert redacted(words, "") == words


@pytest.fixture(params=["memory", "folder"])
def transcripts(request, tmp_path):
    return MemoryTranscripts() if request.param == "memory" else FolderTranscripts(tmp_path / "exchanges")


def test_an_exchange_is_named_by_what_it_holds(transcripts):
    document = canonical({"b": 1, "a": "ü"})
    digest = transcripts.put(document)

    assert document == '{"a":"ü","b":1}'.encode()
    assert digest == digest_of(document) == transcripts.put(document)
    assert transcripts.get(digest) == document


@pytest.mark.parametrize("name", ["sha256:" + "0" * 64, "sha256:../../etc/passwd", "", "sha256:" + "G" * 64])
def test_an_unknown_name_gives_nothing(transcripts, name):
    with pytest.raises(KeyError):
        transcripts.get(name)


def test_a_file_that_was_changed_or_cut_is_not_believed(tmp_path):
    kept = FolderTranscripts(tmp_path)
    digest = kept.put(b'{"a":1}')
    (path,) = tmp_path.rglob("*.json.gz")
    for content in (gzip.compress(b'{"a":2}'), path.read_bytes()[:-4], b"", b"x"):
        path.write_bytes(content)
        with pytest.raises(KeyError):
            kept.get(digest)


def test_no_byte_of_a_file_can_be_changed_so_that_something_else_is_read(tmp_path):
    kept, document = FolderTranscripts(tmp_path), canonical({"said": [f"{n} words" for n in range(40)]})
    digest = kept.put(document)
    (path,) = tmp_path.rglob("*.json.gz")
    whole = path.read_bytes()
    believed = 0
    for place in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            try:
                assert kept.get(digest) == document
                believed += 1
            except KeyError:
                continue
    assert believed <= 8 * 10, "only the head of the file holds what does not matter"


def test_many_threads_keep_the_same_at_once(tmp_path):
    kept = FolderTranscripts(tmp_path)
    threads = [threading.Thread(target=kept.put, args=(b'{"a":1}',)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_when_nothing_can_be_kept_nothing_more_is_answered(given):
    class Full(MemoryTranscripts):
        def put(self, document):
            raise OSError(28, "No space left on device")

    world = given(SAY, transcripts=Full())
    world.client().messages.create(**ASK)
    for _ in range(200):
        if world.door.lost:
            break
        threading.Event().wait(0.01)

    with pytest.raises(anthropic.InternalServerError, match="records"):
        world.client().messages.create(**ASK)
    assert "transcript" in world.door.lost
