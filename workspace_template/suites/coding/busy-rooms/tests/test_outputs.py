"""The same answers for few bookings, and answers at all for very many."""

import random

SMALL = """
from load import busiest, running
from rooms import assign
result = []
for bookings, times in given:
    bookings = [tuple(booking) for booking in bookings]
    before = list(bookings)
    result.append([busiest(bookings), running(bookings, times), assign(bookings), bookings == before])
"""


def running(bookings, time):
    return sum(start <= time < end for start, end in bookings)


def busiest(bookings):
    if not bookings:
        return None
    first, last = min(start for start, _ in bookings), max(end for _, end in bookings)
    counts = [running(bookings, time) for time in range(first, last)]
    most = max(counts)
    start = counts.index(most)
    length = next((place for place, count in enumerate(counts[start:]) if count != most), len(counts) - start)
    return [first + start, first + start + length, most]


def assign(bookings):
    rooms = {}
    for place in sorted(range(len(bookings)), key=lambda place: (bookings[place][0], place)):
        held = {room for other, room in rooms.items() if bookings[other][1] > bookings[place][0]}
        rooms[place] = min(set(range(len(bookings))) - held)
    return [rooms[place] for place in range(len(bookings))]


def wanted(bookings, times):
    return [busiest(bookings), [running(bookings, time) for time in times], assign(bookings), True]


def test_bookings_that_can_be_seen_at_once(check):
    given = [
        [[[0, 10], [5, 15], [10, 20], [15, 16]], [0, 5, 9, 10, 15, 16, 20, -1]], [[], [3]], [[[1, 2]], []],
        [[[5, 6], [0, 4], [1, 3], [2, 9], [3, 5], [0, 1]], [2, 3]],
    ]  # fmt: skip
    check(SMALL, given, [
        [[5, 16, 2], [1, 2, 2, 2, 2, 1, 0, 0], [0, 1, 0, 1], True], [None, [0], [], True], [[1, 2, 1], [], [0], True],
        [[2, 4, 3], [3, 3], [0, 0, 1, 2, 1, 1], True],
    ])  # fmt: skip


def test_many_small_sets(check):
    dice, given = random.Random(90), []
    for _ in range(150):
        starts = [dice.randint(-5, 30) for _ in range(dice.randint(0, 14))]
        given.append(
            [[[start, start + dice.randint(1, 12)] for start in starts], [dice.randint(-8, 45) for _ in range(6)]]
        )
    check(SMALL, given, [wanted(*one) for one in given])


def test_very_many_times(check):
    code = """
from load import running
bookings = [(n * 7 % given, n * 7 % given + 1000) for n in range(given)]
found = running(bookings, range(given))
result = [found[0], found[500], found[999], found[5000], found[given - 1], sum(found)]
"""
    count = 100_000
    assert len({n * 7 % count for n in range(count)}) == count
    check(code, count, [1, 501, 1000, 1000, 1000, 1000 * count - 999 * 1000 // 2], seconds=10)


def test_the_busiest_of_very_many(check):
    code = """
from load import busiest
bookings = [(n, n + given) for n in range(given)] + [(5 * given, 5 * given + 3), (5 * given + 3, 5 * given + 9)]
result = [busiest(bookings), busiest([(n * 3, n * 3 + 2) for n in range(given)] + [(600, 602)]), busiest(bookings[::-1])]
"""
    count = 60_000
    peak = [count - 1, count, count]
    check(code, count, [peak, [600, 602, 2], peak], seconds=10)


def test_rooms_for_very_many(check):
    code = """
from rooms import assign
same = assign([(n % 7, 10_000 + n) for n in range(given)])
late = assign([(given - n, 2 * given) for n in range(given)])
turns = assign([(n * 10, n * 10 + 15) for n in range(given)])
result = [same[0], same[7], same[1], max(same), len(set(same)), late[0], late[-1], turns[:4], turns[-1]]
"""
    count = 70_000
    check(code, count, [0, 1, count // 7, count - 1, count, count - 1, 0, [0, 1, 0, 1], (count - 1) % 2], seconds=10)
