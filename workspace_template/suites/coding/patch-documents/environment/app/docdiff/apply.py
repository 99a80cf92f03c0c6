"""Leading a document through changes."""

from docdiff.paths import split, step_into


class Conflict(ValueError):
    """A change does not fit the document: its place, or its old value, is not there, or its new key is there already."""


def apply(document, changes):
    """Return what the changes make of a document; raise Conflict for one that does not fit."""
    for change in changes:
        document = _changed(document, change)
    return document


def _changed(document, change):
    *steps, last = split(change["path"]) or [None]
    if last is None:
        if document != change["old"]:
            raise Conflict("another document was expected")
        return change["new"]
    place = document
    try:
        for step in steps:
            place = step_into(place, step)
        if change["op"] != "add" and step_into(place, last) != change["old"]:
            raise Conflict(f"another value was expected at {change['path']}")
    except (KeyError, IndexError) as error:
        raise Conflict(f"there is no {change['path']}") from error
    key = int(last) if isinstance(place, list) else last
    if change["op"] == "remove":
        del place[key]
    elif change["op"] == "add" and isinstance(place, list):
        place.insert(key, change["new"])
    else:
        place[key] = change["new"]
    return document
