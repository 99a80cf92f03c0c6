"""Summing sales up."""

from decimal import Decimal


def grouped(sales):
    """Return (product, amount) with the greatest amount first, then by name."""
    sums = {}
    for sale in sales:
        sums[sale.product] = sums.get(sale.product, Decimal()) + sale.amount
    return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))


def text(groups, total):
    """Return the lines of a report; names to the left, amounts to the right."""
    lines = [(name, f"{amount:.2f}") for name, amount in [*groups, ("total", total)]]
    wide, high = (max(len(line[place]) for line in lines) for place in (0, 1))
    return [f"{name.ljust(wide)}  {amount.rjust(high)}" for name, amount in lines]
