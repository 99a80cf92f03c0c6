"""Formulas such as `=A1+3*B2-total`: names and whole numbers with `+`, `-` and `*`."""

import re

PIECE = re.compile(r"\s*([A-Za-z_]\w*|[0-9]+|[-+*])")
VALUE_ERROR = "#VALUE"


def pieces(text):
    """Return the pieces of a formula without its `=`: names, numbers and signs in turn; raise ValueError if it is none."""
    found, place = [], 0
    while place < len(text.rstrip()):
        match = PIECE.match(text, place)
        if match is None or (match[1] in "+-*") != (len(found) % 2 == 1):
            raise ValueError(f"this is no formula: {text!r}")
        found.append(match[1])
        place = match.end()
    if len(found) % 2 == 0:
        raise ValueError(f"this is no formula: {text!r}")
    return found


def names(text):
    """Return the set of cells that a formula refers to."""
    return {piece for piece in pieces(text)[::2] if not piece.isdigit()}


def calculate(text, look_up):
    """Return what a formula comes to when `look_up(name)` is the value of a cell."""
    parts = pieces(text)
    values = [int(piece) if piece.isdigit() else look_up(piece) for piece in parts[::2]]
    errors = [value for value in values if isinstance(value, str)]
    if errors:
        return "#CYCLE" if "#CYCLE" in errors else VALUE_ERROR
    total, product = 0, values[0]
    for sign, value in zip(parts[1::2], values[1:], strict=True):
        if sign == "*":
            product *= value
        else:
            total, product = total + product, value if sign == "+" else -value
    return total + product
