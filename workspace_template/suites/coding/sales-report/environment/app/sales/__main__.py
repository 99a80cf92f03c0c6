"""`python -m sales FILE`."""

import argparse
from decimal import Decimal

from sales.read import read
from sales.report import grouped, text


def main():
    """Print the report that the command line asks for."""
    parser = argparse.ArgumentParser(prog="sales")
    parser.add_argument("file")
    arguments = parser.parse_args()
    sales = read(arguments.file)
    total = sum((sale.amount for sale in sales), Decimal())
    print("\n".join(text(grouped(sales), total)))


if __name__ == "__main__":
    main()
