"""Tokens and money are whole numbers, each token priced once and as what it was."""

import json

import pytest

from sandbox.broker.usage import Price, Usage, most_input, read_prices, shipped_prices, usage_of

OPUS = Price(4_000_000, 20_000_000, 5_000_000, 8_000_000, 200_000)
ROW = '[[model]]\nname = "m"\ninput = 1\noutput = 2\nwrite_5m = 3\nwrite_1h = 4\nread = 5\n'


def test_each_kind_of_token_has_its_own_price():
    million = 1_000_000
    for kind, price in {"input": 4, "output": 20, "write_5m": 5, "write_1h": 8}.items():
        assert OPUS.cost(Usage(**{kind: million})) == price * million
    assert OPUS.cost(Usage(read=million)) == 200_000


def test_every_kind_of_token_is_added_up():
    assert Usage(1, 2, 3, 4, 5) + Usage(10, 20, 30, 40, 50) == Usage(11, 22, 33, 44, 55)


def test_a_fraction_of_a_micro_dollar_is_rounded_up():
    assert Price(1, 0, 0, 0, 0).cost(Usage(input=1)) == 1
    assert Price(1, 0, 0, 0, 0).cost(Usage()) == 0


def test_the_worst_case_is_never_less_than_what_comes():
    for usage in (Usage(input=10), Usage(write_1h=10), Usage(write_5m=10), Usage(read=10)):
        assert OPUS.worst(10, 7) >= OPUS.cost(usage + Usage(output=7))


def test_cache_writes_are_told_apart_by_how_long_they_last():
    told = {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 4,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
    }
    assert usage_of(told) == Usage(input=1, output=2, write_5m=10, write_1h=20, read=4)


@pytest.mark.parametrize(
    "detail",
    [None, {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 0}, {"ephemeral_5m_input_tokens": None}],
)
def test_writes_that_are_not_explained_are_still_counted(detail):
    told = {"input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 30, "cache_creation": detail}
    usage = usage_of(told)

    assert usage.write_5m + usage.write_1h == 30


def test_the_end_of_a_stream_changes_only_what_it_tells():
    before = Usage(input=10, output=1, write_5m=3, write_1h=2, read=4)

    assert usage_of({"output_tokens": 9}, before) == Usage(input=10, output=9, write_5m=3, write_1h=2, read=4)
    assert usage_of({"output_tokens": 9, "cache_creation_input_tokens": 5}, before).total == before.total + 8


@pytest.mark.parametrize("lie", [-1, True, 1.5, "7", None, [], {}])
def test_a_figure_that_is_no_count_credits_nobody(lie):
    assert usage_of({"input_tokens": lie, "output_tokens": lie, "cache_creation": lie}, Usage(input=5)) == Usage(
        input=5
    )


def test_the_shipped_table_can_be_read_and_prices_the_cache_apart():
    for name, price in shipped_prices().items():
        assert price.read < price.input < price.write_5m < price.write_1h, name


@pytest.mark.parametrize(
    "text",
    [
        ROW.replace("input = 1", "input = -1"),
        ROW.replace("input = 1", "input = 1.5"),
        ROW.replace("read = 5\n", ""),
        ROW + "more = 1\n",
        ROW + ROW,
        ROW.replace('"m"', "7"),
        ROW.replace("input = 1", "input = true"),
    ],
)
def test_a_price_table_with_a_slip_is_not_used(text):
    with pytest.raises(ValueError, match=r"price|name"):
        read_prices(text)


def test_a_bound_counts_every_byte_and_what_unfolds():
    image = {"type": "image", "source": {"type": "base64", "data": "aGk="}}
    plain = {"messages": [{"role": "user", "content": "x" * 100}]}
    shown = {"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [image, image]}]}]}
    size = len(json.dumps(shown))

    assert most_input(plain, 1_000) >= 1_000
    assert most_input(shown, size) >= size + 2 * 4_784  # the most that one image comes to
    assert most_input({**plain, "tools": [{}, {}]}, 0) > most_input(plain, 0)
    assert most_input({"messages": [{"content": "x"}], "tools": None}, 0) > 0
