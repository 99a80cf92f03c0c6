#!/bin/bash
# The oracle's answer.
set -eu
cd /app
mkdir -p sales
cat > sales/read.py <<'EOF'
"""Reading sales."""

import csv
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

COLUMNS = ("day", "product", "region", "amount")


class WrongRow(ValueError):
    """A row that is no sale; `line` is where it is in the file."""

    def __init__(self, line, message):
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class Sale:
    """One row."""

    day: str
    product: str
    region: str
    amount: Decimal


def read_day(text):
    """Return a day written as `2024-03-09`; raise ValueError for anything else."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"{text!r} is no day")
    return date.fromisoformat(text).isoformat()


def read_amount(text):
    """Return an amount written as `-12.50`; raise ValueError for anything else."""
    if not re.fullmatch(r"-?[0-9]+([.][0-9]+)?", text):
        raise ValueError(f"{text!r} is no amount")
    return Decimal(text)


def read(path):
    """Return the sales of a CSV file; raise WrongRow for the first row that is none."""
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
        if missing:
            raise WrongRow(1, f"there is no column {missing[0]}")
        return [_sale(row, reader.line_num) for row in reader]


def _sale(row, line):
    missing = [name for name in COLUMNS if row[name] is None]
    if missing:
        raise WrongRow(line, f"the {missing[0]} is missing")
    try:
        return Sale(read_day(row["day"]), row["product"], row["region"], read_amount(row["amount"]))
    except ValueError as error:
        raise WrongRow(line, str(error)) from error
EOF
mkdir -p sales
cat > sales/report.py <<'EOF'
"""Summing sales up."""

import json
from decimal import Decimal

GROUPS = {
    "product": lambda sale: sale.product,
    "region": lambda sale: sale.region,
    "day": lambda sale: sale.day,
    "month": lambda sale: sale.day[:7],
}


def grouped(sales, by):
    """Return (name, amount, count): by time, or with the greatest amount first and then by name."""
    sums, counts = {}, {}
    for sale in sales:
        name = GROUPS[by](sale)
        sums[name] = sums.get(name, Decimal()) + sale.amount
        counts[name] = counts.get(name, 0) + 1
    groups = [(name, amount, counts[name]) for name, amount in sums.items()]
    return sorted(groups, key=lambda group: group[0] if by in ("day", "month") else (-group[1], group[0]))


def text(groups, total):
    """Return the lines of a report; names to the left, amounts to the right."""
    lines = [(name, f"{amount:.2f}") for name, amount, _ in [*groups, ("total", total, 0)]]
    wide, high = (max(len(line[place]) for line in lines) for place in (0, 1))
    return [f"{name.ljust(wide)}  {amount.rjust(high)}" for name, amount in lines]


def as_json(groups, total, by):
    """Return a report as one line of JSON."""
    listed = [{"name": name, "amount": f"{amount:.2f}", "count": count} for name, amount, count in groups]
    return json.dumps({"by": by, "groups": listed, "total": f"{total:.2f}"})
EOF
mkdir -p sales
cat > sales/__main__.py <<'EOF'
"""`python -m sales FILE`."""

import argparse
import sys
from decimal import Decimal

from sales.read import WrongRow, read, read_amount, read_day
from sales.report import GROUPS, as_json, grouped, text


def main():
    """Print the report that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(prog="sales")
    parser.add_argument("file")
    parser.add_argument("--by", choices=list(GROUPS), default="product")
    parser.add_argument("--from", type=read_day, default="0001-01-01", dest="first")
    parser.add_argument("--to", type=read_day, default="9999-12-31", dest="last")
    parser.add_argument("--min", type=read_amount)
    parser.add_argument("--format", choices=["text", "json"], default="text")
    arguments = parser.parse_args()
    try:
        sales = [sale for sale in read(arguments.file) if arguments.first <= sale.day <= arguments.last]
    except WrongRow as error:
        print(f"{arguments.file}:{error.line}: {error}", file=sys.stderr)
        return 1
    total = sum((sale.amount for sale in sales), Decimal())
    groups = [group for group in grouped(sales, arguments.by) if arguments.min is None or group[1] >= arguments.min]
    if arguments.format == "json":
        print(as_json(groups, total, arguments.by))
    else:
        print("\n".join(text(groups, total)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
EOF
