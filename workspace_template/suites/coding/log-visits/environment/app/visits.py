"""Visits: what one address asked for without a pause of half an hour."""

PAUSE = 30 * 60


def read(line):
    """Return (second, address, page) of a line `SECOND ADDRESS PAGE`."""
    second, address, page = line.split(" ", 2)
    return int(second), address, page


def visits(lines):
    """Return the visits in the order in which they began, each {"address", "first", "last", "pages"}.

    A line belongs to the latest visit of its address, unless that one's `last` is more than the pause before it. `last`
    is the greatest second of a visit, `first` that of the line that began it; `pages` are in the order of the lines.
    """
    waiting, found = list(lines), []
    while waiting:
        second, address, page = read(waiting.pop(0))
        mine = [visit for visit in found if visit["address"] == address]
        if mine and second - mine[-1]["last"] <= PAUSE:
            mine[-1]["last"] = max(mine[-1]["last"], second)
            mine[-1]["pages"] = mine[-1]["pages"] + [page]
        else:
            found.append({"address": address, "first": second, "last": second, "pages": [page]})
    return found
