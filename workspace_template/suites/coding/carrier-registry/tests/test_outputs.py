"""The three carriers as before, others from outside, and modules that know none of them."""

import ast
import random

import pytest

OUTER = ("quote", "label", "track", "report")
PLAY = """
from shipping.label import label
from shipping.parcel import Parcel
from shipping.quote import cheapest, quote
from shipping.report import table
from shipping.track import link
result = []
for weight, sizes, country, number in given:
    parcel = Parcel(weight, tuple(sizes), country)
    result.append([
        [[quote(name, parcel), label(name, parcel, number), link(name, number)] for name in ("bulk", "post", "swift")],
        cheapest(parcel), cheapest(parcel, 2), cheapest(parcel, within=1), table(parcel, number),
    ])
"""


def digit(number):
    return str(-sum(int(d) * (1 if place % 2 else 3) for place, d in enumerate(str(number)[::-1])) % 10)


def step(weight, steps):
    return next((cents for limit, cents in steps if weight <= limit), steps[-1][1])


def offers(weight, sizes, country, number):
    """Return (quote or None, label, link) for each carrier, by name."""
    home, longest, kilos = country == "DE", max(sizes), -(-weight // 1000)
    by_post = step(weight, [(500, 270), (2000, 499), (5000, 699), (10_000, 1049)])
    by_swift = step(max(weight, sizes[0] * sizes[1] * sizes[2] // 5), [(1000, 590), (5000, 890), (31_500, 1890)])
    swift, post = f"SW{number}{digit(number)}", f"{number:08}{digit(number)}"
    bulk = {"carrier": "bulk", "cents": 900 + 35 * kilos, "days": 5} if weight >= 5000 and home else None
    mail = {"carrier": "post", "cents": by_post if home else by_post * 2 + 150, "days": 2 if home else 7}
    quick = {"carrier": "swift", "cents": by_swift + (0 if home else 1200), "days": 1 if home else 2}
    fits = weight <= 31_500 and 2 * sum(sizes) - longest <= 300
    return [
        [bulk, [f"BULK/{number}", f"{kilos} kg"], None],
        [mail if weight <= 10_000 and longest <= 120 else None, [f"POST {post}", f"{country} {weight} g"], f"https://post.example/t/{post}"],
        [quick if fits else None, [swift, "x".join(map(str, sizes)), f"to {country}", "EXPRESS"], f"https://swift.example/?n={swift}"],
    ]  # fmt: skip


def wanted(parcel):
    found = offers(*parcel)

    def best(within):
        quotes = [one for one, _, _ in found if one and one["days"] <= within]
        return min(quotes, key=lambda one: (one["cents"], one["days"], one["carrier"]), default=None)

    lines = []
    for title, (one, _, link) in zip(("Bulk", "Post", "Swift"), found, strict=True):
        offer = f"{one['cents'] // 100}.{one['cents'] % 100:02} {one['days']}d" if one else "-"
        lines.append(f"{title}: {offer}{' tracked' if link else ''}")
    return [found, best(99), best(2), best(1), lines]


def parcels():
    dice = random.Random(64)
    edges = [500, 501, 2000, 4999, 5000, 5001, 10_000, 10_001, 31_500, 31_501, 1]
    made = [[weight, [20, 10, 10], country, 1234] for weight in edges for country in ("DE", "FR")]
    for _ in range(80):
        sizes = [dice.randint(1, 130) for _ in "123"]
        made.append([dice.randint(1, 40_000), sizes, dice.choice(["DE", "DE", "FR"]), dice.randint(0, 10**9)])
    return made


def test_the_three_carriers(check, sources):
    check(PLAY, parcels(), [wanted(parcel) for parcel in parcels()], files=sources)


def test_carriers_that_are_not_there(check, sources):
    code = """
from shipping import carriers
from shipping.label import label
from shipping.parcel import Parcel
from shipping.quote import quote
from shipping.track import link
parcel, result = Parcel(1, (1, 1, 1)), [carriers.names()]
for ask in (lambda: quote("pigeon", parcel), lambda: label("Post", parcel, 1), lambda: link("", 1), lambda: carriers.get("x'")):
    try:
        result.append(ask())
    except ValueError as error:
        result.append(str(error))
try:
    result.append(carriers.register("post", carriers.get("bulk")))
except ValueError:
    result.append("taken")
result.append(carriers.get("post") is not carriers.get("bulk"))
"""
    words = [f"there is no carrier {name!r}" for name in ("pigeon", "Post", "", "x'")]
    check(code, None, [["bulk", "post", "swift"], *words, "taken", True], files=sources)


def test_the_objects_of_the_three(check, sources):
    code = """
from shipping import carriers
from shipping.parcel import Parcel
result = []
for weight, sizes, country, number in given:
    parcel, found = Parcel(weight, tuple(sizes), country), []
    for name in carriers.names():
        carrier = carriers.get(name)
        offer = {"carrier": name, "cents": carrier.price(parcel), "days": carrier.days(parcel)} if carrier.accepts(parcel) else None
        found.append([offer, carrier.label(parcel, number), carrier.tracking(number)])
    result.append(found)
"""
    check(code, parcels(), [offers(*parcel) for parcel in parcels()], files=sources)


def test_a_carrier_from_outside_is_everywhere_at_once(check, sources):
    code = """
import shipping.quote, shipping.label, shipping.track, shipping.report
from shipping import carriers
from shipping.parcel import Parcel

class Drone:
    def accepts(self, parcel):
        return parcel.weight < 300
    def price(self, parcel):
        return 100 + parcel.weight
    def days(self, parcel):
        return 0
    def label(self, parcel, number):
        return [f"drone {number}"]
    def tracking(self, number):
        return f"sky:{number}"

carriers.register(given["name"], Drone())
light, heavy = Parcel(150, (5, 5, 5)), Parcel(6000, (5, 5, 5))
result = [
    carriers.names(), shipping.quote.quote(given["name"], light), shipping.quote.cheapest(light), shipping.quote.cheapest(heavy),
    shipping.quote.cheapest(light, 0), shipping.label.label(given["name"], light, 9), shipping.track.link(given["name"], 9),
    shipping.report.table(light, 9), shipping.report.table(heavy, 9),
]
"""
    for name, place in (("drone", 1), ("air", 0), ("zeppelin", 3)):
        names, title = ["bulk", "post", "swift"], name.capitalize()
        light = ["Bulk: -", "Post: 2.70 2d tracked", "Swift: 5.90 1d tracked"]
        heavy = ["Bulk: 11.10 5d", "Post: 10.49 2d tracked", "Swift: 18.90 1d tracked"]
        names.insert(place, name)
        light.insert(place, f"{title}: 2.50 0d tracked")
        heavy.insert(place, f"{title}: - tracked")
        offer = {"carrier": name, "cents": 250, "days": 0}
        post = {"carrier": "post", "cents": 1049, "days": 2}
        check(
            code, {"name": name}, [names, offer, offer, post, offer, ["drone 9"], "sky:9", light, heavy], files=sources
        )


@pytest.mark.parametrize("name", OUTER)
def test_a_module_outside_knows_no_carrier(sources, name):
    tree = ast.parse(sources[f"shipping/{name}.py"])
    said = {
        node.value.lower() for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    said -= {
        (ast.get_docstring(node, clean=False) or "").lower()
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
    }
    named = {node.id.lower() for node in ast.walk(tree) if isinstance(node, ast.Name)}
    named |= {node.attr.lower() for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    named |= {
        alias.name.lower()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    named |= {(node.module or "").lower() for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert not [one for one in ("post", "swift", "bulk") for text in said if one in text]
    assert not [one for one in ("post", "swift", "bulk") for text in named if one in text.replace(".", "_").split("_")]


def test_each_carrier_has_a_module_of_its_own(sources):
    marks = {"post": "post.example", "swift": "swift.example", "bulk": "BULK"}
    for name, mark in marks.items():
        assert [path for path, text in sources.items() if mark in text.decode()] == [f"shipping/carriers/{name}.py"]
        others = [f"carriers.{other}" for other in marks if other != name]
        assert not [other for other in others if other in sources[f"shipping/carriers/{name}.py"].decode()]


def test_what_two_do_alike_stands_once(sources):
    """The loop over digits, and that over steps of weight, each in one place."""
    texts = [text.decode() for path, text in sources.items() if path.startswith("shipping/")]
    digits = [
        node
        for text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "reversed"
    ]
    assert len(digits) <= 1

    bodies = []
    for text in texts:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
                documented = ast.get_docstring(node, clean=False) is not None
                body = "\n".join(map(ast.unparse, node.body[documented:]))
                bodies += [body] if body.count("\n") else []
    assert len(bodies) == len(set(bodies))
