"""Packing a context into a budget."""

import pytest

from scaffold.context import best_symbols, clip, pack

LONG = "def send_mail(to):\n    '''Send it.'''\n    return to\n\n\n" + "\n".join(
    f"def other_{number}():\n    return {number}\n" for number in range(40)
)
FILES = {"mail.py": LONG, "send.py": "send = mail = 1\n", "none.py": "x = 1\n", "broken.py": "mail = send(\n" * 200}


def test_what_fits_is_shown_in_full_and_what_shares_nothing_is_not_shown() -> None:
    items = pack(FILES, "send mail", budget=100_000)

    assert {item.path for item in items} == {"mail.py", "send.py", "broken.py"}
    assert {item.detail for item in items} == {"full"}
    assert next(item.text for item in items if item.path == "send.py") == "## send.py\nsend = mail = 1\n\n"


@pytest.mark.parametrize("budget", [0, 30, 100, 400, 1_500, 10_000])
def test_the_budget_holds(budget: int) -> None:
    assert sum(len(item.text) for item in pack(FILES, "send mail", budget)) <= budget


def test_a_long_file_is_shown_by_its_best_definitions() -> None:
    items = {item.path: item for item in pack(FILES, "send mail", budget=1_500)}

    assert items["mail.py"].detail == "parts"
    assert "def send_mail(to):\n    '''Send it.'''\n    return to" in items["mail.py"].text
    assert len(items["mail.py"].text) < len(LONG)


def test_a_long_file_is_shown_by_its_outline_when_no_definition_stands_out() -> None:
    files = {"a.py": "\n".join(f"def other_{number}():\n    return 'some text {number}'\n" for number in range(9))}

    items = pack(files, "a.py zebra", budget=700, share=0.5)

    assert [item.detail for item in items] == ["outline"]
    assert "def other_8()" in items[0].text


def test_a_long_file_that_is_not_python_is_named() -> None:
    items = pack({"broken.py": FILES["broken.py"]}, "mail", budget=200)

    assert [(item.detail, item.text) for item in items] == [("name", "## broken.py (name only)\n")]


def test_no_more_files_than_the_limit_are_shown() -> None:
    assert len(pack(FILES, "send mail", budget=100_000, limit=2)) == 2


def test_the_best_definitions_share_words_with_the_task_and_keep_their_order() -> None:
    source = "def b():\n    return 1\n\ndef sendMails():\n    return 2\n\ndef a():\n    return mail\n"

    assert [symbol.name for symbol in best_symbols(source, "the mail")] == ["sendMails", "a"]
    assert [symbol.name for symbol in best_symbols(source, "the mail", limit=1)] == ["a"]
    assert best_symbols(source, "zebra") == ()


def test_a_short_text_is_not_clipped() -> None:
    assert clip("abc", 3) == "abc"


def test_a_clipped_text_keeps_both_ends_and_says_so() -> None:
    clipped = clip("a" * 500 + "z" * 500, 200, head=0.5)

    assert len(clipped) == 200
    assert clipped.startswith("aaa")
    assert clipped.endswith("zzz")
    assert "[... 800 or more characters left out ...]" in clipped
    assert clipped.count("aa") - clipped.count("zz") in (-1, 0, 1)


def test_room_that_is_just_enough_is_used() -> None:
    assert [item.detail for item in pack({"a.py": "x = 1"}, "x", budget=28, share=0.5)] == ["full"]


def test_a_clipped_text_has_exactly_the_room_it_was_given() -> None:
    assert len(clip("x" * 1000, 100)) == 100
    assert clip("x" * 1000, 100).startswith("x")


def test_a_short_definition_wins_over_a_long_one_that_shares_as_much() -> None:
    source = "def a(mail):\n    return other, words, that, do, nothing\n\ndef b(mail):\n    pass\n"

    assert [symbol.name for symbol in best_symbols(source, "mail", limit=1)] == ["b"]


def test_the_end_of_a_clipped_text_gets_what_the_head_does_not() -> None:
    assert clip("a" * 500 + "z" * 500, 200, head=0.1).count("z") > clip("a" * 500 + "z" * 500, 200, head=0.9).count("z")


@pytest.mark.parametrize("limit", [0, 1, 10, 60])
def test_a_clipped_text_is_never_longer_than_the_limit(limit: int) -> None:
    assert len(clip("x" * 1000, limit)) <= limit
