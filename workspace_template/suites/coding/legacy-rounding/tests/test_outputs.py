"""Totals and taxes as before, and no trace of the old module."""

import ast
import random
from decimal import ROUND_HALF_UP, Decimal

TOTALS = "from orders import total\nresult = [total(lines) for lines in given]"
TAXES = "from taxes import net, tax\nresult = [[tax(*one), net(*one)] for one in given]"


def rounded(amount):
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def total(lines):
    amounts = [rounded(count * Decimal(price.replace(",", "")) * (100 - off) / 100) for count, price, off in lines]
    return f"{sum(amounts, Decimal('0.00')):,}"


def taxes(amount, percent):
    amount, percent = Decimal(amount.replace(",", "")), Decimal(percent)
    return [f"{rounded(amount * percent / 100):,}", f"{rounded(amount * 100 / (100 + percent)):,}"]


def test_orders(check, sources):
    dice = random.Random(2)
    orders = [[[1, "0.05", 50]], [], [[3, "1,234.50", 0]], [[-1, "0.05", 50]]]
    orders += [
        [[dice.randint(1, 9), f"{dice.randint(0, 99)}.{dice.randint(0, 999):03}", dice.randint(0, 99)] for _ in "123"]
        for _ in range(50)
    ]
    assert total(orders[0]) == "0.03"
    check(TOTALS, orders, [total(lines) for lines in orders], files=sources)


def test_taxes(check, sources):
    cases = [
        ["100", "19"],
        ["0.50", "7"],
        ["-0.50", "7"],
        ["12,345.67", "19.5"],
        ["1.05", "10"],
        ["0", "0"],
        ["0.25", "10"],
    ]
    check(TAXES, cases, [taxes(*case) for case in cases], files=sources)


def test_the_function_has_moved(check, sources):
    code = "from decimal import Decimal\nfrom money import round_half_up\nresult = [str(round_half_up(Decimal(text))) for text in given]"
    check(
        code,
        ["0.005", "-0.005", "1.994", "2", "2.675", "-1.015"],
        ["0.01", "-0.01", "1.99", "2.00", "2.68", "-1.02"],
        files=sources,
    )


def test_the_old_module_is_gone(check, sources):
    code = """
import importlib.util
result = importlib.util.find_spec(given) is None
"""
    check(code, "legacy", True)
    assert not [path for path, text in sources.items() if "legacy" in path or "legacy" in text.decode().lower()]


def test_there_is_one_definition(sources):
    homes = [
        path
        for path, text in sources.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name in ("round_half_up", "to_marks", "old_total")
    ]
    assert homes == ["money.py"]
