"""What orders come to."""

from decimal import Decimal

import legacy
from money import read, show


def total(lines):
    """Return the total of lines (count, price as text, discount in percent) as text; each line is rounded."""
    amounts = [legacy.round_half_up(count * read(price) * (100 - discount) / 100) for count, price, discount in lines]
    return show(sum(amounts, Decimal("0.00")))
