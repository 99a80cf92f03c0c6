"""Merging at every depth, taking away, putting behind, and where values are from."""

import copy
import random

MERGE = """
import json
from merge import merge
result = []
for base, over in given:
    before = json.dumps([base, over])
    try:
        made = merge(base, over)
        result.append([made, json.dumps(made), json.dumps([base, over]) == before])
    except ValueError:
        result.append(["refused", json.dumps([base, over]) == before])
"""
RESOLVE = "from layers import resolve\nresult = [list(resolve(layers)) for layers in given]"


def laid(base, over):
    result = {key: copy.deepcopy(value) for key, value in base.items() if over.get(key, 0) is not None}
    for key, value in over.items():
        if value is None:
            continue
        name = key.removesuffix("+")
        if name != key:
            result[name] = result.get(name, []) + value
        elif isinstance(value, dict):
            result[key] = laid(result[key] if isinstance(result.get(key), dict) else {}, value)
        else:
            result[key] = value
    return result


def merged(check, *cases):
    import json

    check(MERGE, [[base, over] for base, over, _ in cases], [[made, json.dumps(made), True] for _, _, made in cases])


def test_depth(check):
    deep, over = {"a": {"b": {"c": {"d": 1, "e": 2}}}, "z": 1}, {"a": {"b": {"c": {"e": 3, "f": 4}}, "g": 5}}
    merged(
        check,
        (deep, over, {"a": {"b": {"c": {"d": 1, "e": 3, "f": 4}}, "g": 5}, "z": 1}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": {"b": 2}}, {"a": 1}, {"a": 1}),
        ({"a": {"b": 2}}, {"a": {}}, {"a": {"b": 2}}),
        ({"a": 0, "b": [1]}, {"b": [2], "a": False}, {"a": False, "b": [2]}),
        ({}, {"y": 1, "x": {"n": {}}}, {"y": 1, "x": {"n": {}}}),
    )


def test_taking_away(check):
    merged(
        check,
        ({"a": 1, "b": {"c": 1, "d": 2}}, {"a": None, "b": {"c": None}}, {"b": {"d": 2}}),
        ({"b": 1}, {"a": None, "c": {"d": None}}, {"b": 1, "c": {}}),
        ({"a": {"b": 1}}, {"a": {"b": None}}, {"a": {}}),
        ({"a": 5}, {"a": {"x": None, "y": 1}}, {"a": {"y": 1}}),
        ({"a": 5}, {"a+": None}, {"a": 5}),
    )


def test_putting_behind(check):
    merged(
        check,
        ({"a": [1]}, {"a+": [2, 3]}, {"a": [1, 2, 3]}),
        ({}, {"a": {"l+": ["x"]}}, {"a": {"l": ["x"]}}),
        (
            {"s": {"l": [{"k": 1}]}},
            {"s": {"l+": [{"k": 2}], "n": [None]}},
            {"s": {"l": [{"k": 1}, {"k": 2}], "n": [None]}},
        ),
        ({"a": [1]}, {"a": [2], "a+": [3]}, {"a": [2, 3]}),
    )
    wrong = [
        [{"a": 1}, {"a+": [2]}],
        [{"a": [1]}, {"a+": 2}],
        [{"a": {"b": "t"}}, {"a": {"b+": [1]}}],
        [{"a": [1]}, {"a+": {"x": 1}}],
        [{}, {"a+": "bc"}],
    ]
    check(MERGE, wrong, [["refused", True]] * len(wrong))


def test_nothing_is_shared(check):
    code = """
from merge import merge
base, over = {"a": {"l": [1]}, "k": {"x": {}}}, {"n": {"d": {"e": [1]}}, "p": [[2]], "a": {"l+": [[3]]}}
made = merge(base, over)
made["a"]["l"][1].append(9)
made["k"]["x"]["y"] = 9
made["n"]["d"]["e"].append(9)
made["p"][0].append(9)
result = [base, over]
"""
    check(code, None, [{"a": {"l": [1]}, "k": {"x": {}}}, {"n": {"d": {"e": [1]}}, "p": [[2]], "a": {"l+": [[3]]}}])


def test_many_settings(check):
    dice = random.Random(55)

    def some(depth, over):
        made = {}
        for key in dice.sample("abcde", dice.randint(0, 4)):
            kind = dice.randint(0, 5)
            if kind < 3 and depth:
                made[key] = some(depth - 1, over)
            elif kind == 4 and over:
                made[key] = None
            else:
                made[key] = dice.choice([1, "t", [1, 2], False])
        return made

    merged(
        check,
        *(
            (base, over, laid(base, over))
            for base, over in ((some(4, over=False), some(4, over=True)) for _ in range(150))
        ),
    )


def test_origins(check):
    default = ["default", {"a": {"b": 1, "c": {"d": 2}}, "l": [1], "gone": {"x": 1}, "e": {}}]
    check(RESOLVE, [
        [default],
        [default, ["user", {"a": {"c": 3}, "l+": [2]}], ["line", {"gone": None}]],
        [default, ["user", {"a": None, "e": {"f": 1}}], ["line", {"a": {"b": 7}, "none": None}]],
        [["one", {"a": {"b": 1}}], ["two", {"a": 1}], ["three", {"a": {"c": {"l+": [1]}}}], ["four", {"a": {"c": {}}}]],
        [],
    ], [
        [default[1], {"a.b": "default", "a.c.d": "default", "l": "default", "gone.x": "default", "e": "default"}],
        [{"a": {"b": 1, "c": 3}, "l": [1, 2], "e": {}}, {"a.b": "default", "a.c": "user", "l": "user", "e": "default"}],
        [{"l": [1], "gone": {"x": 1}, "e": {"f": 1}, "a": {"b": 7}}, {"l": "default", "gone.x": "default", "e.f": "user", "a.b": "line"}],
        [{"a": {"c": {"l": [1]}}}, {"a.c.l": "three"}],
        [{}, {}],
    ])  # fmt: skip
