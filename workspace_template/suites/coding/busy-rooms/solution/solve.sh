#!/bin/bash
# The oracle's answer.
set -eu
cd /app
cat > load.py <<'EOF'
"""How much is going on."""

from bisect import bisect_right


def running(bookings, times):
    """Return, for each of the times, how many bookings are running then."""
    starts, ends = (sorted(booking[side] for booking in bookings) for side in (0, 1))
    return [bisect_right(starts, time) - bisect_right(ends, time) for time in times]


def busiest(bookings):
    """Return [start, end, count]: the first stretch of time with the most bookings at once, or None without bookings.

    The stretch is as long as possible: it may be that one booking ends in it at the very minute when another begins.
    """
    steps = {}
    for start, end in bookings:
        steps[start] = steps.get(start, 0) + 1
        steps[end] = steps.get(end, 0) - 1
    best, since, count = None, None, 0
    for point in sorted(steps):
        if not steps[point]:
            continue
        if since is not None and (best is None or count > best[2]):
            best = [since, point, count]
        count += steps[point]
        since = point
    return best
EOF
cat > rooms.py <<'EOF'
"""Who gets which room."""

from heapq import heappop, heappush


def assign(bookings):
    """Return the room of each booking, in the order of the bookings; rooms are numbered from 0.

    Bookings get their rooms in the order of their start, those with the same start in the order in which they stand.
    Each gets the room with the smallest number that is free for all of its time.
    """
    rooms, free, busy, number = [0] * len(bookings), [], [], 0
    for place in sorted(range(len(bookings)), key=lambda place: bookings[place][0]):
        start, end = bookings[place]
        while busy and busy[0][0] <= start:
            heappush(free, heappop(busy)[1])
        if free:
            room = heappop(free)
        else:
            room, number = number, number + 1
        heappush(busy, (end, room))
        rooms[place] = room
    return rooms
EOF
