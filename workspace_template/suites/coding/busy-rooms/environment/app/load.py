"""How much is going on."""

from itertools import pairwise


def running(bookings, times):
    """Return, for each of the times, how many bookings are running then."""
    return [sum(start <= time < end for start, end in bookings) for time in times]


def busiest(bookings):
    """Return [start, end, count]: the first stretch of time with the most bookings at once, or None without bookings.

    The stretch is as long as possible: it may be that one booking ends in it at the very minute when another begins.
    """
    points = sorted({point for booking in bookings for point in booking})
    spans = []
    for start, end in pairwise(points):
        count = sum(begin <= start < over for begin, over in bookings)
        if spans and spans[-1][2] == count:
            spans[-1] = [spans[-1][0], end, count]
        else:
            spans.append([start, end, count])
    return max(spans, key=lambda span: span[2], default=None)
