"""Slugs with and without a limit."""

import random

SLUGS = "from slug import slug\nresult = [slug(*arguments) for arguments in given]"
REFUSED = """
from slug import slug
result = []
for limit in given:
    try:
        result.append(slug("some title", limit))
    except ValueError:
        result.append(None)
"""


def wanted(words, limit):
    made = words[0][:limit]
    if made != words[0]:
        return made
    for count in range(2, len(words) + 1):
        if len("-".join(words[:count])) <= limit:
            made = "-".join(words[:count])
    return made


def test_without_a_limit_nothing_changes(check):
    given = [["Hello, World!"], ["  A--b  ", None], ["", None], ["?!", None], ["Python 3.11: what's new"]]
    check(SLUGS, given, ["hello-world", "a-b", "", "", "python-3-11-what-s-new"])


def test_whole_words_only(check):
    given = [["The quick brown fox", limit] for limit in (9, 10, 14, 15, 16, 19, 20, 500)]
    check(SLUGS, given, [
        "the-quick", "the-quick", "the-quick", "the-quick-brown", "the-quick-brown", "the-quick-brown-fox",
        "the-quick-brown-fox", "the-quick-brown-fox",
    ])  # fmt: skip


def test_what_comes_behind_a_word_that_does_not_fit_is_left_out(check):
    check(SLUGS, [["an extraordinary a", 6], ["one twothree x", 5]], ["an", "one"])


def test_a_first_word_that_is_too_long_is_cut(check):
    check(SLUGS, [["Extraordinary things", 5], ["Extraordinary", 1], ["abc", 3], ["...", 4]], ["extra", "e", "abc", ""])


def test_many_titles(check):
    dice = random.Random(41)
    titles = [
        ["".join(dice.choices("abc7", k=dice.randint(1, 6))) for _ in range(dice.randint(1, 6))] for _ in range(150)
    ]
    given = [["! ".join(words).upper(), dice.randint(1, 24)] for words in titles]
    check(SLUGS, given, [wanted(words, limit) for words, (_, limit) in zip(titles, given, strict=True)])


def test_limits_below_one(check):
    check(REFUSED, [0, -1, 4, -20], [None, None, "some", None])
