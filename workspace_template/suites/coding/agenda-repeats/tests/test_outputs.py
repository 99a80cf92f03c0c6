"""Days of repeated events, with what was called off, and clashes."""

import calendar
import random
from datetime import date, timedelta

AGENDA = "from agenda import agenda\nresult = [agenda(*one) for one in given]"
CLASHES = "from agenda import clashes\nresult = [clashes(*one) for one in given]"


def event(title, start, **more):
    return {"title": title, "start": start, "begin": "09:00", "end": "10:00", **more}


def lines(title, days):
    return [f"{day} 09:00-10:00 {title}" for day in days]


def test_the_31st_of_every_month(check):
    given = [[[event("rent", "2023-01-31", every="month")], "2023-01-01", "2023-12-31"]]
    days = [f"2023-{month:02}-{calendar.monthrange(2023, month)[1]}" for month in range(1, 13)]
    check(AGENDA, given, [lines("rent", days)])


def test_steps_of_several_months_and_years(check):
    given = [
        [[event("tax", "2023-08-31", every="month", interval=3)], "2023-09-01", "2025-03-01"],
        [[event("leap", "2020-02-29", every="year")], "2020-01-01", "2028-12-31"],
        [[event("old", "2019-12-30", every="month", interval=2, count=4)], "2000-01-01", "2030-01-01"],
    ]
    check(AGENDA, given, [
        lines("tax", ["2023-11-30", "2024-02-29", "2024-05-31", "2024-08-31", "2024-11-30", "2025-02-28"]),
        lines("leap", ["2020-02-29", *(f"{year}-02-{29 if year % 4 == 0 else 28}" for year in range(2021, 2029))]),
        lines("old", ["2019-12-30", "2020-02-29", "2020-04-30", "2020-06-30"]),
    ])  # fmt: skip


def test_called_off(check):
    given = [
        [
            [event("gym", "2024-05-01", every="week", count=4, **{"except": ["2024-05-08", "2024-05-09"]})],
            "2024-01-01",
            "2024-12-31",
        ],
        [[event("once", "2024-05-01", **{"except": ["2024-05-01"]})], "2024-01-01", "2024-12-31"],
        [[event("rent", "2024-01-31", every="month", **{"except": ["2024-02-29"]})], "2024-02-01", "2024-04-30"],
    ]
    check(AGENDA, given, [
        lines("gym", ["2024-05-01", "2024-05-15", "2024-05-22"]), [], lines("rent", ["2024-03-31", "2024-04-30"]),
    ])  # fmt: skip


def test_days_and_weeks_are_as_before(check):
    dice = random.Random(5)
    given, wanted = [], []
    for _ in range(40):
        start, steps = date(2024, 1, 1) + timedelta(days=dice.randint(0, 200)), dice.randint(1, 9)
        every, count = dice.choice(["day", "week"]), dice.randint(1, 8)
        given.append([[event("e", str(start), every=every, interval=steps, count=count)], "2024-03-01", "2024-08-01"])
        days = [start + timedelta(days=n * steps * (7 if every == "week" else 1)) for n in range(count)]
        wanted.append(lines("e", [day for day in days if date(2024, 3, 1) <= day <= date(2024, 8, 1)]))
    check(AGENDA, given, wanted)


def test_clashes_share_a_minute(check):
    def at(title, begin, end):
        return {"title": title, "start": "2024-05-01", "begin": begin, "end": end}

    given = [
        [[at("a", "09:00", "10:00"), at("b", "10:00", "11:00"), at("c", "10:59", "12:00")], "2024-05-01", "2024-05-01"],
        [
            [at("long", "08:00", "18:00"), at("x", "09:00", "09:30"), at("y", "09:29", "09:31")],
            "2024-05-01",
            "2024-05-01",
        ],
        [[at("a", "09:00", "10:00"), at("b", "09:00", "10:00")], "2024-05-02", "2024-05-03"],
    ]
    check(CLASHES, given, [
        [["2024-05-01", "b", "c"]],
        [["2024-05-01", "long", "x"], ["2024-05-01", "long", "y"], ["2024-05-01", "x", "y"]],
        [],
    ])  # fmt: skip


def test_repeated_events_clash_on_their_days_only(check):
    stored = [
        event("rent", "2024-01-31", every="month"),
        event("party", "2024-03-31"),
        event("talk", "2024-04-29", every="day", count=3, **{"except": ["2024-04-30"]}),
    ]
    check(CLASHES, [[stored, "2024-01-01", "2024-12-31"]], [[["2024-03-31", "party", "rent"]]])
