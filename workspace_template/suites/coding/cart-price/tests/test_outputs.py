"""Prices with every number of digits, their signs, what is no price, and the receipts that follow."""

PARSE = "from prices import parse_price\nresult = [parse_price(text) for text in given]"
REFUSE = """
from prices import parse_price
result = []
for text in given:
    try:
        result.append(parse_price(text))
    except ValueError:
        result.append("refused")
"""
RECEIPT = """
from cart import Cart
from prices import read_list
cart = Cart(read_list(given["lines"]))
for name, count in given["bought"]:
    cart.add(name, count)
result = [cart.total(), cart.receipt()]
"""


def test_no_one_or_two_digits(check):
    check(PARSE, ["1.5", "4", " 12.50 ", "0.75", "0.7", "3.05", "120.9"], [150, 400, 1250, 75, 70, 305, 12090])


def test_every_amount_of_cents(check):
    amounts = list(range(0, 1200, 7))
    check(PARSE, [f"{cents // 100}.{cents % 100:02}" for cents in amounts], amounts)
    check(PARSE, [f"{tenths // 10}.{tenths % 10}" for tenths in range(300)], [tenths * 10 for tenths in range(300)])


def test_deposits_are_negative(check):
    check(PARSE, ["-0.50", "-0.5", "-2", "-1.25", "-0.05"], [-50, -50, -200, -125, -5])


def test_what_is_no_price(check):
    texts = ["free", "", "1.234", "1.-5", "1.2.3", ".5x", "1,50", "--1"]
    check(REFUSE, texts, ["refused"] * len(texts))


def test_receipts(check):
    given = {"lines": ["# autumn", "pen: 1.5", "", "bottle: 0.9", "deposit: -0.2", "book: 12"],
             "bought": [["pen", 2], ["bottle", 3], ["deposit", 4], ["book", 1], ["pen", 1]]}  # fmt: skip
    lines = ["3 x pen 4.50", "3 x bottle 2.70", "4 x deposit -0.80", "1 x book 12.00", "total 18.40"]
    check(RECEIPT, given, [1840, lines])
