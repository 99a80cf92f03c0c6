"""Events as they are stored: one dict each, with days as `YYYY-MM-DD` and times as `HH:MM`."""

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Event:
    """Something that happens on `start`, and again by its rule; `begin` and `end` are minutes of the day."""

    title: str
    start: date
    begin: int
    end: int
    every: str = ""
    interval: int = 1
    count: int | None = None
    called_off: frozenset = field(default=frozenset())


def read_time(text):
    """Return the minute of the day that `HH:MM` means."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def show_time(minute):
    """Return a minute of the day as `HH:MM`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def read_event(stored):
    """Return the event that a stored dict describes."""
    return Event(
        title=stored["title"],
        start=date.fromisoformat(stored["start"]),
        begin=read_time(stored["begin"]),
        end=read_time(stored["end"]),
        every=stored.get("every", ""),
        interval=stored.get("interval", 1),
        count=stored.get("count"),
        called_off=frozenset(stored.get("except", [])),
    )
