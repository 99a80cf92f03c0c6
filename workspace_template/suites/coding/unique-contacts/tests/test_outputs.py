"""The same contacts as ever, of short lists and of very long ones."""

import random

BOTH = """
from contacts import added, unique
result = [[unique(old), added(old, new), old] for old, new in given]
"""
LONG = """
from contacts import added, unique
count = given
old = [{"name": str(n), "mail": f" User{n % (count // 2)}@Example.org"} for n in range(count)]
new = [{"name": str(n), "mail": f"user{n}@example.org "} for n in range(count)]
once, more = unique(old), added(old, new)
result = [len(once), once[0]["name"], once[-1]["name"], len(more), more[0]["name"], more[-1]["name"]]
"""


def of(name, mail, **more):
    return {"name": name, "mail": mail, **more}


def kept(contacts):
    keys = [contact["mail"].strip().lower() for contact in contacts]
    return [contact for place, contact in enumerate(contacts) if keys.index(keys[place]) == place]


def test_the_first_of_each_address_stays(check):
    old = [of("a", "A@x.org"), of("b", "b@x.org", tags=["t"]), of("c", " a@X.org "), of("b", "c@x.org")]
    new = [of("n", "n@x.org"), of("b", "B@x.org"), of("m", "N@x.org"), of("", "")]
    wanted = [[old[0], old[1], old[3]], [new[0], new[3]], old]
    check(BOTH, [[old, new], [[], []], [[], old]], [wanted, [[], [], []], [[], [old[0], old[1], old[3]], []]])


def test_many_short_lists(check):
    dice = random.Random(3)
    lists = [
        [[of(str(n), dice.choice("aAbBcCdDeE ")) for n in range(dice.randint(0, 12))] for _ in "12"] for _ in range(60)
    ]
    check(BOTH, lists, [
        [kept(old), [one for one in kept(new) if one["mail"].strip().lower() not in {o["mail"].strip().lower() for o in old}], old]
        for old, new in lists
    ])  # fmt: skip


def test_a_very_long_list(check):
    count = 200_000
    check(LONG, count, [count // 2, "0", str(count // 2 - 1), count // 2, str(count // 2), str(count - 1)], seconds=10)
