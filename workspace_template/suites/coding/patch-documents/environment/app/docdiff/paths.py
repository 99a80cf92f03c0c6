"""Paths into documents as text: each step behind a `/`; in a key, `~` is written `~0` and `/` is written `~1`.

The whole document is the empty path. A step into a list is the item's number.
"""


def join(steps):
    """Return the text of a path."""
    return "".join("/" + str(step).replace("/", "~1").replace("~", "~0") for step in steps)


def split(path):
    """Return the steps of a path, all of them text."""
    return [step.replace("~0", "~").replace("~1", "/") for step in path.split("/") if step]


def step_into(place, step):
    """Return what a step leads to: a dict's value or a list's item; raise KeyError or IndexError if there is none."""
    if isinstance(place, list):
        return place[int(step)]
    return place[step]
