"""Turning changes round."""


def invert(changes):
    """Return the changes that lead back."""
    return [_inverted(change) for change in changes]


def _inverted(change):
    if change["op"] == "add":
        return {"op": "remove", "path": change["path"], "old": change["new"]}
    if change["op"] == "remove":
        return {"op": "add", "path": change["path"], "new": change["old"]}
    return {"op": "set", "path": change["path"], "old": change["new"], "new": change["old"]}
