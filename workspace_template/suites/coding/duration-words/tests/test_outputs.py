"""Durations written, read, and refused."""

import random

SHOW = "from duration import show\nresult = [show(number) for number in given]"
READ = """
from duration import read
result = []
for text in given:
    try:
        result.append(read(text))
    except ValueError:
        result.append("refused")
"""


def shown(number):
    days, hours, minutes, seconds = (
        abs(number) // 86400,
        abs(number) // 3600 % 24,
        abs(number) // 60 % 60,
        abs(number) % 60,
    )
    parts = [f"{count}{unit}" for count, unit in zip((days, hours, minutes, seconds), "dhms", strict=True) if count]
    return "-" * (number < 0) + ("".join(parts) or "0s")


def numbers():
    dice = random.Random(6)
    return [*range(-130, 130), *(dice.randint(-(10**7), 10**7) for _ in range(200)), 86400, 3600, 7 * 86400 + 60]


def test_durations_that_can_be_read_by_eye(check):
    given = [5400, 86401, 0, -90, 59, 60, 3661, 86400, -86400, 90061, 360000]
    check(SHOW, given, ["1h30m", "1d1s", "0s", "-1m30s", "59s", "1m", "1h1m1s", "1d", "-1d", "1d1h1m1s", "4d4h"])


def test_many_durations(check):
    check(SHOW, numbers(), [shown(number) for number in numbers()])


def test_what_is_shown_is_read(check):
    check("from duration import read, show\nresult = [read(show(number)) for number in given]", numbers(), numbers())


def test_what_was_read_is_read(check):
    given = ["1h30m", "90m", "0s", "100s", "2h", "1h0m5s", "25h", "1d", "-1d2h", "2d90m"]
    check(READ, given, [5400, 5400, 0, 100, 7200, 3605, 90000, 86400, -93600, 178200])


def test_what_is_refused(check):
    given = [
        "",
        "5",
        "1m1h",
        "1h1h",
        "h",
        "1 h",
        "-",
        "1h-30m",
        "--5s",
        "-5",
        "1h30",
        "+5s",
        "1.5h",
        "1s1d",
        " 1s",
        "1w",
        "- 5s",
    ]
    check(READ, given, ["refused"] * len(given))
