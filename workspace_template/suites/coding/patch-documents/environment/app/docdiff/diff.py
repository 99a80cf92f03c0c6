"""Finding out how one document differs from another.

A change is a dict with `op`, `path` and values:

    {"op": "set", "path", "old", "new"}      another value stands there
    {"op": "add", "path", "new"}             a key is added, or an item is put in at that number
    {"op": "remove", "path", "old"}          a key, or the item of that number, is taken out

Changes are applied in their order, and each path means the document as the changes before it have left it.
Dicts and lists are compared by their parts; lists item by item from the first one, longer ones lose or gain at the end.
"""

from docdiff.paths import join


def diff(old, new, steps=()):
    """Return the changes that lead from one document to the other."""
    if isinstance(old, dict) and isinstance(new, dict):
        return _of_dicts(old, new, steps)
    if isinstance(old, list) and isinstance(new, list):
        return _of_lists(old, new, steps)
    if old == new:
        return []
    return [{"op": "set", "path": join(steps), "old": old, "new": new}]


def _of_dicts(old, new, steps):
    changes = []
    for key in old:
        if new.get(key) is None:
            changes.append({"op": "remove", "path": join((*steps, key)), "old": old[key]})
        else:
            changes += diff(old[key], new[key], (*steps, key))
    for key in new:
        if old.get(key) is None:
            changes.append({"op": "add", "path": join((*steps, key)), "new": new[key]})
    return changes


def _of_lists(old, new, steps):
    changes = []
    for number, (before, after) in enumerate(zip(old, new, strict=False)):
        changes += diff(before, after, (*steps, number))
    for number in range(len(new), len(old)):
        changes.append({"op": "remove", "path": join((*steps, number)), "old": old[number]})
    for number in range(len(old), len(new)):
        changes.append({"op": "add", "path": join((*steps, number)), "new": new[number]})
    return changes
