"""The reward that a verifier wrote: Harbor's rules, case by case."""

import pytest

from agent.evaluate.harbor.reward import NoReward, score_of


@pytest.mark.parametrize(
    ("content", "score"),
    [
        (b"1", 1_000_000),
        (b"0\n", 0),
        (b" 0.5 \r\n", 500_000),
        (b"1.0", 1_000_000),
        (b"1e-3", 1_000),
        (b"0.0000005", 1),
        (b"-0.0", 0),
    ],
)
def test_a_number_is_a_reward(content, score):
    assert score_of(None, content) == score


@pytest.mark.parametrize(
    "content",
    [b"", b" \n", b"nan", b"NaN", b"inf", b"-inf", b"1e999", b"yes", b"1 1", b"1\n1", b"0x1", b"1.5", b"-0.1", b"\xff", b"1" * 70_000, b"\xd9\xa1"],
)  # fmt: skip
def test_anything_else_is_none(content):
    with pytest.raises(NoReward):
        score_of(None, content)


def test_no_file_is_no_reward():
    with pytest.raises(NoReward, match=r"neither reward\.json nor reward\.txt"):
        score_of(None, None)


@pytest.mark.parametrize(
    ("content", "score"),
    [
        (b'{"reward": 1}', 1_000_000),
        (b'{"reward": 0.25, "style": 17}', 250_000),
        (b'{"tests": 1, "lint": 0}', 500_000),
        (b'{"a": 0.1, "b": 0.2}', 150_000),
    ],
)
def test_an_object_of_numbers_is_a_reward(content, score):
    assert score_of(content, b"0") == score


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"[]", b"1", b"null", b'{"reward": null}', b'{"reward": true}', b'{"reward": "1"}', b'{"reward": [1]}',
        b'{"reward": {"a": 1}}', b'{"reward": NaN}', b'{"reward": Infinity}', b'{"reward": 1e999}', b'{"reward": 2}',
        b'{"reward": 1, "x": NaN}', b'{"reward": 0, "reward": 1}', b'{"reward": 1', b"[" * 60_000, b'{"a": 1, "b": "x"}',
        b'{"reward": ' + b"9" * 60_000 + b"}", b'{"a": 3, "b": 3}',
    ],
)  # fmt: skip
def test_an_object_that_is_none_counts_before_a_text_that_is_one(content):
    with pytest.raises(NoReward):
        score_of(content, b"1")
