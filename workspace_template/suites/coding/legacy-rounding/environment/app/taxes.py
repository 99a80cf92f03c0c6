"""Taxes on amounts."""

from legacy import round_half_up
from money import read, show


def tax(amount, percent):
    """Return the tax on an amount, both as text."""
    return show(round_half_up(read(amount) * read(percent) / 100))


def net(amount, percent):
    """Return an amount without the tax that it holds, as text."""
    return show(round_half_up(read(amount) * 100 / (100 + read(percent))))
