"""Stories of puts, gets and time that passes, told here and by the cache."""

import random

PLAY = """
from lru import Cache

result = []
for options, steps in given:
    now = [0]
    cache = Cache(**options, **({"clock": lambda: now[0]} if "ttl" in options else {}))
    said = []
    for step, *rest in steps:
        if step == "wait":
            now[0] += rest[0]
        elif step == "put":
            cache.put(rest[0], rest[1], **rest[2])
        elif step == "get":
            said.append(cache.get(*rest))
        elif step == "in":
            said.append(rest[0] in cache)
        elif step == "len":
            said.append(len(cache))
        else:
            said.append(getattr(cache, step)())
    result.append(said)
"""


def told(options, steps):
    """Tell a story by the words of the instruction, slowly: a list of [key, value, end], used longest ago first."""
    now, said, held = 0, [], []
    stats = {"hits": 0, "misses": 0, "dropped": 0, "expired": 0}
    for step, *rest in steps:
        if step == "wait":
            now += rest[0]
        living = [one for one in held if one[2] is None or now < one[2]]
        stats["expired"] += len(held) - len(living)
        held = living
        keys = [one[0] for one in held]
        if step == "put":
            ttl = rest[2].get("ttl", options.get("ttl"))
            held = [one for one in held if one[0] != rest[0]]
            if len(held) == options["size"]:
                held, stats["dropped"] = held[1:], stats["dropped"] + 1
            held.append([rest[0], rest[1], None if ttl is None else now + ttl])
        elif step == "get":
            found = rest[0] in keys
            stats["hits" if found else "misses"] += 1
            said.append(held[keys.index(rest[0])][1] if found else (rest[1] if len(rest) > 1 else None))
            held.sort(key=lambda one: one[0] == rest[0])
        elif step == "in":
            said.append(rest[0] in keys)
        elif step == "len":
            said.append(len(keys))
        elif step == "keys":
            said.append(keys)
        elif step == "stats":
            said.append(dict(stats))
    return said


def test_without_a_time_nothing_changes(check):
    steps = [["put", "a", 1, {}], ["put", "b", 2, {}], ["get", "a"], ["put", "c", 3, {}], ["keys"], ["get", "b", 9], ["in", "b"],
             ["put", "a", 5, {}], ["keys"], ["len"], ["put", "d", None, {}], ["get", "d", 4], ["keys"]]  # fmt: skip
    check(PLAY, [[{"size": 2}, steps]], [[1, ["a", "c"], 9, False, ["c", "a"], 2, None, ["a", "d"]]])


def test_entries_are_gone_when_their_time_is_over(check):
    steps = [["put", "a", 1, {}], ["wait", 9], ["get", "a"], ["in", "a"], ["wait", 1], ["in", "a"], ["get", "a", "none"], ["len"],
             ["keys"], ["stats"]]  # fmt: skip
    again = [
        ["put", "a", 1, {}],
        ["wait", 9],
        ["put", "a", 2, {}],
        ["wait", 9],
        ["get", "a"],
        ["wait", 1],
        ["get", "a"],
        ["stats"],
    ]
    check(PLAY, [[{"size": 3, "ttl": 10}, steps], [{"size": 3, "ttl": 10}, again]], [
        [1, True, False, "none", 0, [], {"hits": 1, "misses": 1, "dropped": 0, "expired": 1}],
        [2, None, {"hits": 1, "misses": 1, "dropped": 0, "expired": 1}],
    ])  # fmt: skip


def test_a_time_of_its_own(check):
    steps = [["put", "a", 1, {"ttl": 2}], ["put", "b", 2, {"ttl": None}], ["put", "c", 3, {}], ["wait", 2], ["keys"], ["wait", 50],
             ["keys"], ["put", "b", 4, {}], ["wait", 5], ["keys"], ["stats"]]  # fmt: skip
    wanted = [["b", "c"], ["b"], [], {"hits": 0, "misses": 0, "dropped": 0, "expired": 3}]
    never = [["put", "a", 1, {}], ["put", "b", 1, {"ttl": 1}], ["wait", 99], ["keys"]]
    check(PLAY, [[{"size": 5, "ttl": 5}, steps], [{"size": 5, "ttl": None}, never]], [wanted, [["a"]]])


def test_what_is_gone_makes_room_first(check):
    steps = [["put", "old", 1, {}], ["put", "short", 2, {"ttl": 1}], ["wait", 1], ["put", "new", 3, {}], ["keys"], ["stats"],
             ["put", "x", 4, {}], ["keys"], ["put", "x", 5, {}], ["keys"], ["stats"]]  # fmt: skip
    check(PLAY, [[{"size": 2, "ttl": 100}, steps]], [[
        ["old", "new"], {"hits": 0, "misses": 0, "dropped": 0, "expired": 1}, ["new", "x"], ["new", "x"],
        {"hits": 0, "misses": 0, "dropped": 1, "expired": 1},
    ]])  # fmt: skip


def test_many_stories(check):
    dice, stories = random.Random(19), []
    for _ in range(60):
        steps = []
        for _ in range(60):
            key = dice.choice("abcdef")
            own = dice.choice([{}, {}, {"ttl": dice.randint(1, 9)}, {"ttl": None}])
            steps.append(dice.choice([["wait", dice.randint(1, 4)], ["put", key, dice.randint(0, 9), own], ["get", key],
                                      ["get", key, -1], ["in", key], ["len"], ["keys"], ["stats"]]))  # fmt: skip
        stories.append([{"size": dice.randint(1, 5), "ttl": dice.choice([None, 3, 7])}, steps])
    check(PLAY, stories, [told(*story) for story in stories])


def test_what_is_refused_and_what_is_the_clock(check):
    code = """
import time
from lru import Cache
result = []
for options in [{"size": 0}, {"size": 1, "ttl": 0}, {"size": 1, "ttl": -1}, {"size": -2, "ttl": 5}]:
    try:
        Cache(**options)
        result.append("taken")
    except ValueError:
        result.append("refused")
cache = Cache(2, 0.05)
cache.put("a", 1)
try:
    cache.put("b", 1, ttl=0)
    result.append("taken")
except ValueError:
    result.append("refused")
result.append(cache.keys())
time.sleep(0.1)
result.append(cache.keys())
"""
    # The sixth value would be gone if the machine stood still for as long as the entry lives.
    for_ever = code.replace("Cache(2, 0.05)", "Cache(2, 3600)").replace("time.sleep(0.1)", "")
    check(for_ever, None, ["refused"] * 5 + [["a"]] * 2)
    check(code.replace("result.append(cache.keys())\ntime", "time"), None, ["refused"] * 5 + [[]])
