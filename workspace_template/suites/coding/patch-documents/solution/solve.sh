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
    "docdiff/paths.py",
    r'''    return "".join("/" + str(step).replace("/", "~1").replace("~", "~0") for step in steps)
''',
    r'''    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
''',
)
replace(
    "docdiff/paths.py",
    r'''    return [step.replace("~0", "~").replace("~1", "/") for step in path.split("/") if step]
''',
    r'''    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")[1:]]


def same(one, other):
    """Return whether two documents are equal, types of numbers and all."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
''',
)
replace(
    "docdiff/diff.py",
    r'''from docdiff.paths import join

''',
    r'''from copy import deepcopy

from docdiff.paths import join, same

''',
)
replace(
    "docdiff/diff.py",
    r'''    if old == new:
        return []
    return [{"op": "set", "path": join(steps), "old": old, "new": new}]
''',
    r'''    if same(old, new):
        return []
    return [{"op": "set", "path": join(steps), "old": deepcopy(old), "new": deepcopy(new)}]
''',
)
replace(
    "docdiff/diff.py",
    r'''        if new.get(key) is None:
            changes.append({"op": "remove", "path": join((*steps, key)), "old": old[key]})
''',
    r'''        if key not in new:
            changes.append({"op": "remove", "path": join((*steps, key)), "old": deepcopy(old[key])})
''',
)
replace(
    "docdiff/diff.py",
    r'''        if old.get(key) is None:
            changes.append({"op": "add", "path": join((*steps, key)), "new": new[key]})
''',
    r'''        if key not in old:
            changes.append({"op": "add", "path": join((*steps, key)), "new": deepcopy(new[key])})
''',
)
replace(
    "docdiff/diff.py",
    r'''    for number in range(len(new), len(old)):
        changes.append({"op": "remove", "path": join((*steps, number)), "old": old[number]})
''',
    r'''    for number in reversed(range(len(new), len(old))):
        changes.append({"op": "remove", "path": join((*steps, number)), "old": deepcopy(old[number])})
''',
)
replace(
    "docdiff/diff.py",
    r'''        changes.append({"op": "add", "path": join((*steps, number)), "new": new[number]})
''',
    r'''        changes.append({"op": "add", "path": join((*steps, number)), "new": deepcopy(new[number])})
''',
)
replace(
    "docdiff/apply.py",
    r'''from docdiff.paths import split, step_into
''',
    r'''from copy import deepcopy

from docdiff.paths import same, split, step_into
''',
)
replace(
    "docdiff/apply.py",
    r'''    for change in changes:
        document = _changed(document, change)
''',
    r'''    document = deepcopy(document)
    for change in changes:
        document = _changed(document, deepcopy(change))
''',
)
replace(
    "docdiff/apply.py",
    r'''        if document != change["old"]:
''',
    r'''        if change["op"] != "set" or not same(document, change["old"]):
''',
)
replace(
    "docdiff/apply.py",
    r'''        if change["op"] != "add" and step_into(place, last) != change["old"]:
            raise Conflict(f"another value was expected at {change['path']}")
    except (KeyError, IndexError) as error:
        raise Conflict(f"there is no {change['path']}") from error
    key = int(last) if isinstance(place, list) else last
''',
    r'''        if change["op"] != "add" and not same(step_into(place, last), change["old"]):
            raise Conflict(f"another value was expected at {change['path']}")
        key = int(last) if isinstance(place, list) else last
    except Conflict:
        raise
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise Conflict(f"there is no {change['path']}") from error
    if not isinstance(place, list | dict):
        raise Conflict(f"nothing can stand at {change['path']}")
    if change["op"] == "add" and (key in place if isinstance(place, dict) else not 0 <= key <= len(place)):
        raise Conflict(f"nothing can be added at {change['path']}")
''',
)
replace(
    "docdiff/invert.py",
    r'''    return [_inverted(change) for change in changes]
''',
    r'''    return [_inverted(change) for change in reversed(changes)]
''',
)
replace(
    "docdiff/invert.py",
    r'''def _inverted(change):
''',
    r'''def _inverted(change):
    change = deepcopy(change)
''',
)
replace(
    "docdiff/invert.py",
    r'''"""Turning changes round."""

''',
    r'''"""Turning changes round."""

from copy import deepcopy

''',
)
EOF
