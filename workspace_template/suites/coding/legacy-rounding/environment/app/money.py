"""Amounts of money: decimals, never floats."""

from decimal import Decimal


def read(text):
    """Return the amount that stands in a text such as `1,234.50`."""
    return Decimal(text.replace(",", ""))


def show(amount):
    """Return an amount as text, with `,` between thousands."""
    return f"{amount:,}"
