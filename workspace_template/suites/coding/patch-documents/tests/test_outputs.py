"""Laws that hold for every pair of documents, the format of changes, and conflicts."""

import copy
import random

LAWS = """
import json
from docdiff import apply, diff, invert
result = []
for old, new in given:
    before = json.dumps([old, new])
    changes = diff(old, new)
    there = apply(old, changes)
    back = apply(new, invert(changes))
    result.append([there, back, diff(old, old), json.dumps([old, new]) == before])
"""
DIFF = "from docdiff import diff, invert\nresult = [[diff(old, new), invert(diff(old, new))] for old, new in given]"
CONFLICT = """
import json
from docdiff import Conflict, apply
result = []
for document, changes in given:
    before = json.dumps(document)
    try:
        result.append(apply(document, changes))
    except Conflict:
        result.append("conflict")
    result.append(json.dumps(document) == before)
"""


def hold(check, pairs):
    check(LAWS, pairs, [[new, old, [], True] for old, new in pairs])


def some(dice, depth):
    kind = dice.randint(0, 9)
    if depth and kind < 4:
        keys = dice.sample(["", "a", "b", "~", "/", "~1", "a/b", "0", "1"], dice.randint(0, 4))
        return {key: some(dice, depth - 1) for key in keys}
    if depth and kind < 7:
        return [some(dice, depth - 1) for _ in range(dice.randint(0, 4))]
    return dice.choice([0, 1, 1.0, 0.0, True, False, None, "", "a", -3])


def bent(dice, document):
    """Return a document that is like the given one in many places."""
    if dice.random() < 0.2:
        return some(dice, 2)
    if isinstance(document, dict):
        made = {key: bent(dice, value) for key, value in document.items() if dice.random() < 0.8}
        return made | ({dice.choice(["a", "", "n/~"]): some(dice, 1)} if dice.random() < 0.3 else {})
    if isinstance(document, list):
        return [bent(dice, value) for value in document if dice.random() < 0.8] + [some(dice, 1)] * dice.choice(
            [0, 0, 0, 1, 2]
        )
    return document


def test_values_of_other_types_are_other_values(check):
    hold(
        check,
        [[1, True], [1, 1.0], [0, False], [{"a": 1}, {"a": True}], [[1, 0.0], [1.0, 0]], [{"a": [1]}, {"a": [True]}]],
    )


def test_null_is_a_value(check):
    hold(check, [[{"a": None}, {}], [{}, {"a": None}], [{"a": None}, {"a": 1}], [{"a": 1}, {"a": None}], [None, {}], [[None], []],
                 [{"a": None}, {"a": None}]])  # fmt: skip


def test_keys_of_every_kind(check):
    keys = ["", "/", "~", "~0", "~1", "~01", "a/b", "0", "//", "~/~"]
    hold(
        check,
        [[{key: 1}, {key: 2}] for key in keys]
        + [[{key: {"": 1}}, {key: {}}] for key in keys]
        + [[dict.fromkeys(keys, 1), {}]],
    )
    check(DIFF, [[{"a/b": {"~1": 0}}, {"a/b": {}}], [{"": 1}, {"": 2}]], [
        [[{"op": "remove", "path": "/a~1b/~01", "old": 0}], [{"op": "add", "path": "/a~1b/~01", "new": 0}]],
        [[{"op": "set", "path": "/", "old": 1, "new": 2}], [{"op": "set", "path": "/", "old": 2, "new": 1}]],
    ])  # fmt: skip


def test_lists_lose_and_gain_several_items(check):
    hold(
        check,
        [
            [[1, 2, 3, 4, 5], [1, 9]],
            [[1], [2, 3, 4, 5]],
            [[], [[], [[]]]],
            [[1, 2, 3], []],
            [{"a": [[1, 2, 3], 4]}, {"a": [[1]]}],
        ],
    )


def test_only_what_differs_is_changed(check):
    old, new = {"a": 1, "b": [1, {"c": 2, "d": 3}], "e": {}}, {"a": 1, "b": [1, {"c": 2, "d": 4}], "e": {}}
    set_d = {"op": "set", "path": "/b/1/d", "old": 3, "new": 4}
    check(DIFF, [[old, new], [5, "x"], [{}, []]], [
        [[set_d], [{**set_d, "old": 4, "new": 3}]],
        [[{"op": "set", "path": "", "old": 5, "new": "x"}], [{"op": "set", "path": "", "old": "x", "new": 5}]],
        [[{"op": "set", "path": "", "old": {}, "new": []}], [{"op": "set", "path": "", "old": [], "new": {}}]],
    ])  # fmt: skip


def test_many_documents(check):
    dice = random.Random(101)
    pairs = []
    for _ in range(400):
        document = some(dice, 4)
        pairs.append([document, bent(dice, copy.deepcopy(document))])
    hold(check, pairs)


def test_nothing_is_shared(check):
    code = """
from docdiff import apply, diff, invert
old, new = {"a": [1], "k": {"x": [0]}}, {"b": [2], "k": {"x": [0]}}
changes = diff(old, new)
there = apply(old, changes)
back = invert(changes)
there["b"].append(3)
there["k"]["x"].append(4)
first = [old, new, changes == diff(old, new)]
for change in changes:
    change.get("old", change.get("new")).append(7)
result = [first, old, new, apply(new, back)]
"""
    old, new = {"a": [1], "k": {"x": [0]}}, {"b": [2], "k": {"x": [0]}}
    check(code, None, [[old, new, True], old, new, old])


def test_conflicts(check):
    def change(op, path, **values):
        return {"op": op, "path": path, **values}

    cases = [
        [{"a": 1}, [change("set", "/a", old=1, new=2), change("set", "/a", old=1, new=3)]],
        [{"a": 1}, [change("set", "/a", old=True, new=2)]],
        [{"a": [1]}, [change("add", "/b", new=1), change("remove", "/a/1", old=1)]],
        [{"a": 1}, [change("add", "/a", new=2)]],
        [[1], [change("remove", "/0", old=1.0)]],
        [{"a": {}}, [change("set", "/a/b/c", old=1, new=2)]],
        [5, [change("set", "", old=6, new=7)]],
        [{"a": [1]}, [change("add", "/a/0", new=0), change("remove", "/a/1", old=1), change("add", "/a/1", new=[2])]],
    ]
    wanted = ["conflict", True] * 7 + [{"a": [0, [2]]}, True]
    check(CONFLICT, cases, wanted)
