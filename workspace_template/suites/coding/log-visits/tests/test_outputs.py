"""Visits and rankings of small logs, and of logs of a busy day of several shapes."""

import random

SMALL = """
from ranking import longest, ranking
from visits import visits
result = []
for lines, count in given:
    found = visits(lines)
    result.append([found, ranking(found), longest(found, count), lines])
"""
VISITS = """
from visits import visits
made = [f"{n} {n % given if given else 0} /{n}" for n in range(150_000 if given else 500_000)]
found = visits(iter(made) if given is None else made)
result = [len(found), found[0]["first"], found[-1]["last"], sum(len(visit["pages"]) for visit in found), found[-1]["pages"][-1]]
"""
RANKING = """
from ranking import longest, ranking
found = [{"address": str(n % 70_000), "first": n, "last": n + n % 50_000, "pages": [f"/{n}", "/", f"/{n // 2}", "/"]} for n in range(given)]
table, best = ranking(found), longest(found, given)
result = [table[:2], table[-1], len(table), best[0]["first"], best[1]["first"], best[-1]["first"], len(best)]
"""


def visits(lines):
    found = []
    for line in lines:
        second, address, page = line.split(" ", 2)
        mine = [visit for visit in found if visit["address"] == address]
        if not mine or int(second) - mine[-1]["last"] > 1800:
            mine = [{"address": address, "first": int(second), "last": int(second), "pages": []}]
            found += mine
        mine[-1]["last"] = max(mine[-1]["last"], int(second))
        mine[-1]["pages"].append(page)
    return found


def ranking(found):
    pages = list(dict.fromkeys(page for visit in found for page in visit["pages"]))
    having = {page: [visit["address"] for visit in found if page in visit["pages"]] for page in pages}
    return sorted(
        ([page, len(having[page]), len(set(having[page]))] for page in pages), key=lambda row: (-row[1], -row[2])
    )


def longest(found, count):
    return sorted(found, key=lambda visit: visit["first"] - visit["last"])[:count]


def wanted(lines, count):
    found = visits(lines)
    return [found, ranking(found), longest(found, count), lines]


def test_a_log_that_can_be_read_by_eye(check):
    lines = ["0 a /", "10 b /x y", "1800 a /x", "3601 a /", "3601 b /", "1700 a /late", "5401 a /x"]
    a, b = (
        {"address": "a", "first": 0, "last": 1800, "pages": ["/", "/x"]},
        {"address": "b", "first": 10, "last": 10, "pages": ["/x y"]},
    )
    c, d = (
        {"address": "a", "first": 3601, "last": 5401, "pages": ["/", "/late", "/x"]},
        {"address": "b", "first": 3601, "last": 3601, "pages": ["/"]},
    )
    table = [["/", 3, 2], ["/x", 2, 1], ["/x y", 1, 1], ["/late", 1, 1]]
    check(SMALL, [[lines, 3], [[], 2], [lines[:2], 0]], [
        [[a, b, c, d], table, [a, c, b], lines], [[], [], [], []], wanted(lines[:2], 0),
    ])  # fmt: skip


def test_many_small_logs(check):
    dice, logs = random.Random(31), []
    for _ in range(60):
        seconds = sorted(dice.randint(0, 20_000) for _ in range(dice.randint(1, 40)))
        lines = [
            f"{second - dice.choice([0, 0, 0, 2500])} {dice.choice('abc')} /{dice.choice('uvwxyz')}"
            for second in seconds
        ]
        logs.append([lines, dice.randint(1, 9)])
    check(SMALL, logs, [wanted(*log) for log in logs])


def test_a_long_log_of_many_addresses(check):
    check(VISITS, 75_000, [150_000, 0, 149_999, 150_000, "/149999"], seconds=10)


def test_a_long_log_of_one_address_that_is_read_once(check):
    check(VISITS, None, [1, 0, 499_999, 500_000, "/499999"], seconds=10)


def test_a_long_ranking(check):
    count = 70_000
    check(RANKING, count, [
        [["/", count, 70_000], ["/1", 3, 3]], [f"/{count - 1}", 1, 1], count + 1, 49_999, 49_998, 50_000, count,
    ], seconds=10)  # fmt: skip
