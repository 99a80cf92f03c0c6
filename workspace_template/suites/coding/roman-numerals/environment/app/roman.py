"""Roman numerals, as the chapters of our books are numbered."""

SIGNS = [("M", 1000), ("D", 500), ("C", 100), ("L", 50), ("X", 10), ("V", 5), ("I", 1)]


def write(number):
    """Return `number`, from 1 to 3999, in Roman numerals; raise ValueError for any other."""
    text = ""
    for sign, value in SIGNS:
        text += sign * (number // value)
        number %= value
    return text


def read(text):
    """Return the number that `text` stands for; raise ValueError when it is not written the one right way."""
    values = dict(SIGNS)
    return sum(values[sign] for sign in text)
