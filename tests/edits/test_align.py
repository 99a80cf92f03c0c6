"""The alignment is valid for any two sequences, the same everywhere, and never quadratic."""

import subprocess
import sys
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.edits.align import changes, matches
from agent.edits.lines import count_changes, line_changes, split_lines

words = st.lists(st.sampled_from("abcdefgh"), max_size=40)


@given(words, words)
@settings(max_examples=300, deadline=None)
def test_pairs_are_equal_and_increasing(old, new):
    pairs = matches(old, new)

    assert all(old[i] == new[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))


@given(words, words)
@settings(max_examples=300, deadline=None)
def test_changes_rebuild_the_new_from_the_old(old, new):
    built, at = [], 0
    for i1, i2, j1, j2 in changes(old, new):
        built += [*old[at:i1], *new[j1:j2]]
        at = i2

    assert built + old[at:] == new


@given(words)
@settings(max_examples=50, deadline=None)
def test_nothing_differs_from_itself(items):
    assert changes(items, items) == []


@given(words, st.integers(0, 40), st.sampled_from("xyz"))
@settings(max_examples=100, deadline=None)
def test_one_added_element_is_one_change(old, at, item):
    at = min(at, len(old))

    assert changes(old, [*old[:at], item, *old[at:]]) == [(at, at, at, at + 1)]


def test_long_sequences_without_order_in_common_end_soon():
    """Each of these took a textbook algorithm minutes: unrelated, reversed, and made of two words only."""
    size = 10_000
    numbers = list(range(size))
    assert matches(numbers, numbers[::-1])
    assert matches([i % 7 for i in numbers], [i % 11 for i in numbers])
    assert matches([i * i % 2 for i in numbers], [(i // 3) % 2 for i in numbers])
    assert matches(numbers, [i + size for i in numbers]) == []


def test_the_answer_does_not_depend_on_hash_order():
    code = (
        "from agent.edits.align import matches; import random; r = random.Random(1);"
        "a = [r.choice('abcdefghij') for _ in range(400)]; b = [r.choice('abcdefghij') for _ in range(400)];"
        "import zlib; print(zlib.crc32(repr(matches(a, b)).encode()))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("0", "1", "2")
    }

    assert len(answers) == 1


@given(st.binary(max_size=60), st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_lines_end_at_newlines_only(old, new):
    assert b"".join(split_lines(old)) == old
    assert all(line.endswith(b"\n") for line in split_lines(old)[:-1])
    assert (count_changes(old, new) == (0, 0)) == (old == new)


def test_a_form_feed_or_carriage_return_is_no_end_of_a_line():
    assert split_lines(b"a\x0cb\rc\x85d\xe2\x80\xa8e\n") == [b"a\x0cb\rc\x85d\xe2\x80\xa8e\n"]
    assert [change.old for change in line_changes(b"a\rb\nc\n", b"a\rB\nc\n")] == [(b"a\rb\n",)]


@given(words, words)
@settings(max_examples=300, deadline=None)
def test_what_both_begin_and_end_with_is_set_aside_without_another_answer(old, new):
    found, i, j = [], 0, 0
    for at, to in [*matches(old, new), (len(old), len(new))]:
        if (i, j) != (at, to):
            found.append((i, at, j, to))
        i, j = at + 1, to + 1

    assert changes(old, new) == found
