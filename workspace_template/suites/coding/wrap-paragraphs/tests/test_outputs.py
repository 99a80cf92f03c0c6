"""Lines of texts with short and long words and all kinds of space."""

import random

WRAP = "from wrap import wrap\nresult = [wrap(text, width) for text, width in given]"


def wanted(text, width):
    lines = []
    for word in text.split():
        pieces = [word[place : place + width] for place in range(0, len(word), width)]
        if len(pieces) == 1 and lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines += pieces
    return lines


def test_every_word_is_there(check):
    given = [["the quick brown fox jumps", 10], ["a", 1], ["a b c d", 3], ["one two", 7], ["one two", 6], ["aa bb", 2]]
    check(
        WRAP,
        given,
        [["the quick", "brown fox", "jumps"], ["a"], ["a b", "c d"], ["one two"], ["one", "two"], ["aa", "bb"]],
    )


def test_white_space_of_every_kind(check):
    given = [["  a \n\n b\t\tc  ", 20], ["", 5], [" \n ", 5], ["x\ny", 1]]
    check(WRAP, given, [["a b c"], [], [], ["x", "y"]])


def test_words_that_are_too_long(check):
    given = [["abcdefgh i jk", 3], ["ab abcdef x", 4], ["abcdef", 3], ["a bcdefg", 5], ["abcdefg hi", 5]]
    check(
        WRAP,
        given,
        [
            ["abc", "def", "gh", "i", "jk"],
            ["ab", "abcd", "ef x"],
            ["abc", "def"],
            ["a", "bcdef", "g"],
            ["abcde", "fg hi"],
        ],
    )


def test_many_texts(check):
    dice = random.Random(14)
    given = []
    for _ in range(200):
        words = ["".join(dice.choices("abc", k=dice.choice([1, 2, 3, 5, 9, 14]))) for _ in range(dice.randint(0, 12))]
        given.append([dice.choice([" ", "  ", "\n"]).join(words), dice.randint(1, 12)])
    check(WRAP, given, [wanted(text, width) for text, width in given])


def test_widths_below_one(check):
    code = """
from wrap import wrap
result = []
for width in given:
    try:
        result.append(wrap("a b", width))
    except ValueError:
        result.append("refused")
"""
    check(code, [0, -3, 1], ["refused", "refused", ["a", "b"]])
