"""What happens between two days, and what cannot be attended."""

from datetime import date

from rule import days
from store import read_event, show_time


def occurrences(stored, first, last):
    """Return (day, event) of all stored events from `first` to `last`, both included: by day, time and title."""
    found = [(day, event) for event in map(read_event, stored) for day in days(event, last) if day >= first]
    return sorted(found, key=lambda pair: (pair[0], pair[1].begin, pair[1].title))


def agenda(stored, first, last):
    """Return a line for each occurrence between two days given as text."""
    found = occurrences(stored, date.fromisoformat(first), date.fromisoformat(last))
    return [f"{day} {show_time(event.begin)}-{show_time(event.end)} {event.title}" for day, event in found]


def clashes(stored, first, last):
    """Return [day, title, title] for each two occurrences that share time, in the order of the agenda."""
    found = occurrences(stored, date.fromisoformat(first), date.fromisoformat(last))
    pairs = []
    for place, (day, event) in enumerate(found):
        for other_day, other in found[place + 1 :]:
            if other_day == day and other.begin <= event.end:
                pairs.append([day.isoformat(), event.title, other.title])
    return pairs
