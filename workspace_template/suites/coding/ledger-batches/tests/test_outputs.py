"""Batches, trees of accounts, statements, reversals and shares, against a ledger that is kept here by hand."""

import random

NAMES = [
    "assets:bank",
    "assets:bank:giro",
    "assets:bank:save",
    "assets:bankruptcy-fund",
    "assets",
    "income",
    "costs:rent",
    "costs",
]
PLAY = """
from chart import Chart
from entry import Entry
from journal import Journal
from report import balance, statement, trial_balance

def entry(day, text, lines):
    return Entry(day, text, tuple((account, cents) for account, cents in lines))

journal = Journal(Chart(given["names"]))
result = []
for step, *rest in given["steps"]:
    try:
        if step == "post":
            result.append(journal.post(entry(*rest)))
        elif step == "batch":
            result.append(journal.post_all([entry(*one) for one in rest]))
        elif step == "reverse":
            result.append(journal.reverse(*rest))
        elif step == "balance":
            result.append(balance(journal, *rest))
        elif step == "statement":
            result.append(statement(journal, *rest))
        else:
            result.append(trial_balance(journal))
    except (KeyError, ValueError) as error:
        result.append(type(error).__name__)
"""
SHARE = "from share import share\nresult = [share(cents, weights) for cents, weights in given]"


def pay(day, text, source, target, cents):
    return [day, text, [[source, -cents], [target, cents]]]


def wanted_share(cents, weights):
    size, sign = abs(cents), -1 if cents < 0 else 1
    parts = [size * weight // sum(weights) for weight in weights]
    left = size - sum(parts)
    return [sign * (part + (place < left)) for place, part in enumerate(parts)]


def test_a_refused_batch_leaves_no_trace(check):
    good, bad = pay("2024-01-02", "a", "income", "assets:bank", 500), ["2024-01-03", "b", [["income", 1], ["costs", 1]]]
    steps = [
        ["post", *good], ["batch", good, good, bad], ["trial"], ["statement", "income", "2024-01-01", "2024-12-31"],
        ["post", *bad], ["reverse", 2, "2024-01-09"], ["batch", good, pay("2024-01-04", "c", "income", "nowhere", 1)],
        ["post", *good], ["batch", good, good], ["reverse", 1, "2024-02-01"], ["statement", "income", "2024-01-03", "2024-12-31"],
    ]  # fmt: skip
    check(PLAY, {"names": NAMES, "steps": steps}, [
        1, "ValueError", {"assets:bank": 500, "income": -500},
        {"opening": 0, "lines": [["2024-01-02", 1, -500]], "closing": -500}, "ValueError", "KeyError", "ValueError",
        2, [3, 4], 5, {"opening": -2000, "lines": [["2024-02-01", 5, 500]], "closing": -1500},
    ])  # fmt: skip


def test_an_account_holds_what_lies_below_it_and_no_other(check):
    steps = [
        ["post", *pay("2024-01-01", "a", "income", "assets:bankruptcy-fund", 7)],
        ["post", *pay("2024-01-01", "b", "income", "assets:bank:giro", 20)],
        ["post", *pay("2024-01-01", "c", "assets:bank:giro", "assets:bank", 300)],
        ["balance", "assets:bank"], ["balance", "assets"], ["balance", "assets:bank:giro"], ["balance", "asset"],
        ["balance", "costs"], ["trial"],
    ]  # fmt: skip
    check(PLAY, {"names": NAMES, "steps": steps}, [
        1, 2, 3, 20, 27, -280, 0, 0,
        {"assets:bank": 300, "assets:bank:giro": -280, "assets:bankruptcy-fund": 7, "income": -27},
    ])  # fmt: skip


def test_opening_and_lines_are_closing(check):
    days = ["2024-03-01", "2024-02-29", "2024-03-31", "2024-04-01", "2024-03-15", "2024-03-01"]
    steps = [["post", *pay(day, "x", "costs:rent", "assets", 10**place)] for place, day in enumerate(days)]
    lines = [["2024-03-01", 1, 1], ["2024-03-01", 6, 100000], ["2024-03-15", 5, 10000], ["2024-03-31", 3, 100]]
    wanted = {"opening": 10, "lines": lines, "closing": 110111}
    steps += [["statement", "assets", "2024-03-01", "2024-03-31"], ["balance", "assets", "2024-03-01"]]
    check(PLAY, {"names": NAMES, "steps": steps}, [1, 2, 3, 4, 5, 6, wanted, 100011])


def test_reversals_take_every_line_back(check):
    lines = [["assets", 100], ["assets", 50], ["income", -100], ["income", -50]]
    steps = [["post", "2024-01-01", "twice", lines], ["reverse", 1, "2024-01-05"], ["reverse", 2, "2024-01-06"], ["trial"],
             ["statement", "assets", "2024-01-05", "2024-01-05"], ["reverse", 9, "2024-01-06"]]  # fmt: skip
    check(PLAY, {"names": NAMES, "steps": steps}, [
        1, 2, 3, {"assets": 150, "income": -150},
        {"opening": 150, "lines": [["2024-01-05", 2, -100], ["2024-01-05", 2, -50]], "closing": 0}, "KeyError",
    ])  # fmt: skip


def test_shares(check):
    dice = random.Random(12)
    given = [[100, [1, 1, 1]], [-100, [1, 1, 1]], [-1, [1, 2]], [0, [3]], [5, [0, 1, 0, 2]], [-5, [0, 1, 0, 2]]]
    given += [[dice.randint(-999, 999), [dice.randint(1, 9) for _ in range(dice.randint(1, 7))]] for _ in range(200)]
    check(SHARE, given, [wanted_share(cents, weights) for cents, weights in given])
