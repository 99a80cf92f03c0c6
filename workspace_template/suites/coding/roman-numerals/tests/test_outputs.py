"""Every numeral there is, both ways, and what is none."""

ROWS = [
    ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"],
    ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"],
    ["", "C", "CC", "CCC", "CD", "D", "DC", "DCC", "DCCC", "CM"],
    ["", "M", "MM", "MMM"],
]
NUMERALS = [ROWS[3][n // 1000] + ROWS[2][n // 100 % 10] + ROWS[1][n // 10 % 10] + ROWS[0][n % 10] for n in range(4000)]
REFUSED = """
import roman
result = []
for value in given["values"]:
    try:
        result.append(getattr(roman, given["name"])(value))
    except ValueError:
        result.append("refused")
"""


def test_every_number_is_written(check):
    check("from roman import write\nresult = [write(n) for n in range(1, 4000)]", None, NUMERALS[1:])


def test_every_numeral_is_read(check):
    check("from roman import read\nresult = [read(text) for text in given]", NUMERALS[1:], list(range(1, 4000)))


def test_numbers_out_of_range(check):
    check(REFUSED, {"name": "write", "values": [0, -4, 4000, 5000]}, ["refused"] * 4)


def test_what_is_no_numeral(check):
    texts = ["IIII", "VX", "IC", "iv", "", "MMMM", "VV", "IVI", "XIVX", "A", "IXI", "CMC", " X", "IIX"]
    check(REFUSED, {"name": "read", "values": texts}, ["refused"] * len(texts))
