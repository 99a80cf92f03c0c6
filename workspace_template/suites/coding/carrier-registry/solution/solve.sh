#!/bin/bash
# The oracle's answer.
set -eu
cd /app
mkdir -p shipping/carriers
cat > shipping/carriers/__init__.py <<'EOF'
"""The carriers there are, by name."""

from shipping.carriers.bulk import Bulk
from shipping.carriers.post import Post
from shipping.carriers.swift import Swift

_CARRIERS = {}


def register(name, carrier):
    """Add a carrier; raise ValueError when the name is taken."""
    if name in _CARRIERS:
        raise ValueError(f"there is a carrier {name!r} already")
    _CARRIERS[name] = carrier


def get(name):
    """Return the carrier of that name; raise ValueError when there is none."""
    if name not in _CARRIERS:
        raise ValueError(f"there is no carrier {name!r}")
    return _CARRIERS[name]


def names():
    """Return the names of all carriers, sorted."""
    return sorted(_CARRIERS)


register("bulk", Bulk())
register("post", Post())
register("swift", Swift())
EOF
mkdir -p shipping/carriers
cat > shipping/carriers/rules.py <<'EOF'
"""What several carriers do in the same way."""


def step_price(weight, steps):
    """Return the cents of the first step (limit, cents) that a weight is within, or of the last one."""
    return next((cents for limit, cents in steps if weight <= limit), steps[-1][1])


def check_digit(number):
    """Return the digit that brings the weighted sum of a number's digits to a multiple of ten."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(str(number))))
    return -total % 10


def kilograms(parcel):
    """Return the weight in kilograms that have begun."""
    return -(-parcel.weight // 1_000)
EOF
mkdir -p shipping/carriers
cat > shipping/carriers/post.py <<'EOF'
"""The post: small parcels, everywhere."""

from shipping.carriers.rules import check_digit, step_price

STEPS = [(500, 270), (2_000, 499), (5_000, 699), (10_000, 1049)]


class Post:
    """Cheap at home; twice as much and more abroad."""

    def accepts(self, parcel):
        """Return whether it takes a parcel."""
        return parcel.weight <= 10_000 and max(parcel.sizes) <= 120

    def price(self, parcel):
        """Return cents."""
        cents = step_price(parcel.weight, STEPS)
        return cents if parcel.country == "DE" else cents * 2 + 150

    def days(self, parcel):
        """Return how long it takes."""
        return 2 if parcel.country == "DE" else 7

    def label(self, parcel, number):
        """Return the lines of a label."""
        return [f"POST {_code(number)}", f"{parcel.country} {parcel.weight} g"]

    def tracking(self, number):
        """Return where a parcel can be followed."""
        return f"https://post.example/t/{_code(number)}"


def _code(number):
    return f"{number:08}{check_digit(number)}"
EOF
mkdir -p shipping/carriers
cat > shipping/carriers/swift.py <<'EOF'
"""Swift: quick, and by volume where that is more."""

from shipping.carriers.rules import check_digit, step_price

STEPS = [(1_000, 590), (5_000, 890), (31_500, 1890)]


class Swift:
    """One day at home, two abroad."""

    def accepts(self, parcel):
        """Return whether it takes a parcel."""
        return parcel.weight <= 31_500 and parcel.girth <= 300

    def price(self, parcel):
        """Return cents."""
        cents = step_price(max(parcel.weight, parcel.volume // 5), STEPS)
        return cents + (0 if parcel.country == "DE" else 1200)

    def days(self, parcel):
        """Return how long it takes."""
        return 1 if parcel.country == "DE" else 2

    def label(self, parcel, number):
        """Return the lines of a label."""
        return [_code(number), "x".join(str(size) for size in parcel.sizes), f"to {parcel.country}", "EXPRESS"]

    def tracking(self, number):
        """Return where a parcel can be followed."""
        return f"https://swift.example/?n={_code(number)}"


def _code(number):
    return f"SW{number}{check_digit(number)}"
EOF
mkdir -p shipping/carriers
cat > shipping/carriers/bulk.py <<'EOF'
"""Bulk: heavy things, at home."""

from shipping.carriers.rules import kilograms


class Bulk:
    """By the kilogram, and slowly."""

    def accepts(self, parcel):
        """Return whether it takes a parcel."""
        return parcel.weight >= 5_000 and parcel.country == "DE"

    def price(self, parcel):
        """Return cents."""
        return 900 + kilograms(parcel) * 35

    def days(self, parcel):
        """Return how long it takes."""
        del parcel
        return 5

    def label(self, parcel, number):
        """Return the lines of a label."""
        return [f"BULK/{number}", f"{kilograms(parcel)} kg"]

    def tracking(self, number):
        """Return None: nothing can be followed."""
        del number
EOF
mkdir -p shipping
cat > shipping/quote.py <<'EOF'
"""What it costs to send a parcel, in cents, and how long it takes."""

from shipping import carriers


def quote(carrier, parcel):
    """Return {"carrier", "cents", "days"}, or None when the carrier does not take the parcel."""
    found = carriers.get(carrier)
    if not found.accepts(parcel):
        return None
    return {"carrier": carrier, "cents": found.price(parcel), "days": found.days(parcel)}


def cheapest(parcel, within=None):
    """Return the quote with the least cents, or None; `within` is the most days it may take.

    Among equals the quicker one, then the first by name.
    """
    quotes = [quote(carrier, parcel) for carrier in carriers.names()]
    fitting = [one for one in quotes if one and (within is None or one["days"] <= within)]
    return min(fitting, key=lambda one: (one["cents"], one["days"], one["carrier"]), default=None)
EOF
mkdir -p shipping
cat > shipping/label.py <<'EOF'
"""What is printed on a parcel."""

from shipping import carriers


def label(carrier, parcel, number):
    """Return the lines of a label."""
    return carriers.get(carrier).label(parcel, number)
EOF
mkdir -p shipping
cat > shipping/track.py <<'EOF'
"""Where a parcel can be looked up."""

from shipping import carriers


def link(carrier, number):
    """Return the address at which a parcel can be followed, or None when the carrier has none."""
    return carriers.get(carrier).tracking(number)
EOF
mkdir -p shipping
cat > shipping/report.py <<'EOF'
"""All carriers side by side."""

from shipping import carriers
from shipping.quote import quote
from shipping.track import link


def table(parcel, number):
    """Return a line for each carrier, by name: title, price and days or `-`, and whether the parcel can be followed."""
    lines = []
    for carrier in carriers.names():
        found = quote(carrier, parcel)
        offer = f"{found['cents'] // 100}.{found['cents'] % 100:02} {found['days']}d" if found else "-"
        lines.append(f"{carrier.capitalize()}: {offer}{' tracked' if link(carrier, number) else ''}")
    return lines
EOF
