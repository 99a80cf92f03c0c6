"""Reading sales."""

import csv
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Sale:
    """One row."""

    day: str
    product: str
    region: str
    amount: Decimal


def read(path):
    """Return the sales of a CSV file."""
    with open(path, newline="", encoding="utf-8") as file:
        return [Sale(row["day"], row["product"], row["region"], Decimal(row["amount"])) for row in csv.DictReader(file)]
