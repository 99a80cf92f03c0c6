"""Old functions. Do not use."""

from decimal import ROUND_HALF_UP, Decimal

RATE = Decimal("1.95583")


def to_marks(amount):
    """Return what an amount was in marks."""
    return amount * RATE


def round_half_up(amount):
    """Return an amount with two digits after the point; half a cent goes away from zero."""
    return amount.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)


def old_total(amounts):
    """Return the sum in marks."""
    return round_half_up(sum((to_marks(amount) for amount in amounts), Decimal()))
