"""What values can go through on their way into the text."""

FILTERS = {
    "upper": lambda value: shown(value).upper(),
    "lower": lambda value: shown(value).lower(),
    "strip": lambda value: shown(value).strip(),
    "length": lambda value: 0 if value is None else len(value),
}


def shown(value):
    """Return a value as it stands in the text: nothing for None."""
    return "" if value is None else str(value)
