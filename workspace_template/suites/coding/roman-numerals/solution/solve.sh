#!/bin/bash
# The oracle's answer.
set -eu
cd /app
cat > roman.py <<'EOF'
"""Roman numerals, as the chapters of our books are numbered."""

SIGNS = [
    ("M", 1000), ("CM", 900), ("D", 500), ("CD", 400), ("C", 100), ("XC", 90), ("L", 50), ("XL", 40), ("X", 10),
    ("IX", 9), ("V", 5), ("IV", 4), ("I", 1),
]  # fmt: skip


def write(number):
    """Return `number`, from 1 to 3999, in Roman numerals; raise ValueError for any other."""
    if not 1 <= number <= 3999:
        raise ValueError(f"no Roman numeral for {number}")
    text = ""
    for sign, value in SIGNS:
        text += sign * (number // value)
        number %= value
    return text


def read(text):
    """Return the number that `text` stands for; raise ValueError when it is not written the one right way."""
    number, rest = 0, text
    for sign, value in SIGNS:
        while rest.startswith(sign):
            number += value
            rest = rest[len(sign) :]
    if rest or not 1 <= number <= 3999 or write(number) != text:
        raise ValueError(f"no Roman numeral: {text!r}")
    return number
EOF
