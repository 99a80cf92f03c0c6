#!/bin/bash
# The oracle's answer.
set -eu
cd /app
python3 -I - <<'EOF'
from pathlib import Path


def replace(path, old, new):
    text = Path(path).read_text()
    assert text.count(old) == 1, (path, old)
    Path(path).write_text(text.replace(old, new))


replace(
    "store.py",
    r'''        called_off=frozenset(stored.get("except", [])),
''',
    r'''        called_off=frozenset(map(date.fromisoformat, stored.get("except", []))),
''',
)
replace(
    "rule.py",
    r'''def following(day, event):
    """Return the day on which the event happens next after `day`, by its rule."""
    if event.every == "day":
        return day + timedelta(days=event.interval)
    if event.every == "week":
        return day + timedelta(weeks=event.interval)
    if event.every == "month":
        return later(day, event.interval)
    if event.every == "year":
        return later(day, 12 * event.interval)
''',
    r'''def repeated(event, number):
    """Return the day on which the event happens for that time, counted from 0, by its rule."""
    steps = number * event.interval
    if not event.every:
        return event.start
    if event.every == "day":
        return event.start + timedelta(days=steps)
    if event.every == "week":
        return event.start + timedelta(weeks=steps)
    if event.every == "month":
        return later(event.start, steps)
    if event.every == "year":
        return later(event.start, 12 * steps)
''',
)
replace(
    "rule.py",
    r'''        day, number = following(day, event), number + 1
''',
    r'''        number += 1
        day = repeated(event, number)
''',
)
replace(
    "agenda.py",
    r'''            if other_day == day and other.begin <= event.end:
''',
    r'''            if other_day == day and other.begin < event.end and event.begin < other.end:
''',
)
EOF
