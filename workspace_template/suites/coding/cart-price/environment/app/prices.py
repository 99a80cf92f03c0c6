"""Prices as they stand in our lists, in whole cents."""


def parse_price(text):
    """Return the cents that a price such as `12.50` comes to; raise ValueError when it is no price."""
    whole, _, fraction = text.strip().partition(".")
    return int(whole) * 100 + int(fraction or 0)


def read_list(lines):
    """Return the prices of a list with lines `name: price`; empty lines and lines with `#` in front are left out."""
    prices = {}
    for line in lines:
        if line.strip() and not line.startswith("#"):
            name, _, price = line.partition(":")
            prices[name.strip()] = parse_price(price)
    return prices


def show_price(cents):
    """Return cents as text with two digits after the point."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"
