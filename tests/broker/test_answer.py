"""Reading what an upstream says: the same whatever the pieces, and nothing but our own errors whatever the bytes."""

import contextlib
import functools
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.broker.answer import BadAnswer, ErrorEvent, Lines, Reading, whole_count, whole_message
from sandbox.broker.attempts import after_error, after_status
from tests.broker.scripted import Say, text, thinking, tool_use

SAID = Say([thinking("hm"), text("hello"), tool_use("read", {"path": "a"})], "tool_use").events("m")
BYTES = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in SAID).encode()


def read(pieces):
    lines, reading = Lines(100_000), Reading()
    for piece in pieces:
        for name, data in lines.feed(piece):
            reading.take(name, data)
    reading.end()
    return reading


@given(st.lists(st.integers(0, len(BYTES)), max_size=30))
def test_pieces_are_cut_anywhere(cuts):
    places = [0, *sorted(cuts), len(BYTES)]
    reading = read(BYTES[a:b] for a, b in itertools.pairwise(places))

    assert (reading.usage.input, reading.usage.output, reading.hidden) == (10, 5, True)
    assert reading.said.events() == read([BYTES]).said.events()


def test_what_is_kept_says_what_was_said():
    kept = read([BYTES]).said.events()

    assert len(kept) == len(SAID) - 3  # each block's two pieces of one kind are one; a signature is of another
    assert "".join(e["delta"].get("partial_json", "") for e in kept if "delta" in e) == '{"path": "a"}'


@pytest.mark.parametrize("count", range(len(SAID)))
def test_every_beginning_of_a_stream_is_a_broken_one(count):
    beginning = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in SAID[:count]).encode()

    with pytest.raises(BadAnswer):
        read([beginning])


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["text_delta", "text"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "text", "index", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


WRONG = (None, True, 0, -1, 10**30, 0.5, "", "text", "text_delta", [], [1], ["x"], {}, {"x": 1}, {"type": 5})
GONE = object()


def places(value, way=()):
    """Every way to a value within: keys and numbers."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*way, key)
        yield from places(item, (*way, key))


def test_one_wrong_value_anywhere_is_ours_to_tell_and_never_a_crash():
    tried = 0
    for way, wrong in itertools.product(list(places(SAID)), (*WRONG, GONE)):
        events = json.loads(json.dumps(SAID))
        holder = functools.reduce(lambda inner, key: inner[key], way[:-1], events)
        if wrong is GONE:
            del holder[way[-1]]
        else:
            holder[way[-1]] = wrong
        # What was an event and is none any more comes without a name.
        named = [(e.get("type") if isinstance(e, dict) else "", json.dumps(e)) for e in events]
        content = "".join(f"event: {name}\ndata: {data}\n\n" for name, data in named).encode()

        with contextlib.suppress(BadAnswer, ErrorEvent):
            read([content]).said.events()
        tried += 1
    assert tried > 1_000


@given(st.binary(max_size=200))
def test_rubbish_is_refused_in_our_words(content):
    for reader in (whole_message, whole_count):
        with pytest.raises(BadAnswer):
            reader(content)
    with contextlib.suppress(BadAnswer):
        read([content])
    assert after_status(500, {"retry-after": content.decode("latin-1")}, content).refusal.body()


@given(VALUES)
def test_an_error_event_of_any_shape_is_told_in_the_shape_of_the_api(value):
    failure = after_error(ErrorEvent({"type": "error", "error": value}))

    assert set(failure.refusal.document["error"]) <= {"type", "message", "details"}


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 50, b"data: " + b"x" * 50 + b"\n"], ids=["line", "lines"])
def test_an_event_that_does_not_end_is_not_waited_for(piece):
    lines = Lines(1_000)
    with pytest.raises(BadAnswer):
        [list(lines.feed(piece)) for _ in range(100)]


def test_a_line_in_many_pieces_takes_no_more_time_than_its_bytes():
    lines = Lines(64_000_000)
    for _ in range(200_000):
        assert list(lines.feed(b"x" * 100)) == []  # joined each time, this would copy two terabytes
    (event,) = lines.feed(b"\ndata: {}\n\n")
    assert event == ("", b"{}")


def test_whole_events_count_for_nothing_afterwards():
    lines = Lines(1_000)
    for _ in range(100):
        assert len(list(lines.feed(b"event: a\ndata: " + b"x" * 400 + b"\n\ndata: y\n\nda"))) == 2
        assert list(lines.feed(b"ta: z\n\n")) == [("", b"z")]
