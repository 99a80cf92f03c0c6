"""When an event happens again."""

import calendar
from datetime import date, timedelta


def later(day, months):
    """Return the same day of the month so many months later; the last day of that month when there is no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))


def following(day, event):
    """Return the day on which the event happens next after `day`, by its rule."""
    if event.every == "day":
        return day + timedelta(days=event.interval)
    if event.every == "week":
        return day + timedelta(weeks=event.interval)
    if event.every == "month":
        return later(day, event.interval)
    if event.every == "year":
        return later(day, 12 * event.interval)
    raise ValueError(f"nothing happens every {event.every!r}")


def days(event, until):
    """Yield the days up to `until` on which the event happens, the first of them its start.

    At most `event.count` of them. Without a rule it happens once.
    """
    day, number = event.start, 0
    while day <= until and (event.count is None or number < event.count):
        if day not in event.called_off:
            yield day
        if not event.every:
            return
        day, number = following(day, event), number + 1
