"""Small sheets against plain words, and sheets that only work in the order of dependence."""

import random
import re

PLAY = """
from sheet import Sheet
result = []
for steps in given:
    sheet, said = Sheet(), []
    for step, *rest in steps:
        try:
            said.append(getattr(sheet, step)(*rest))
        except ValueError:
            said.append("refused")
    result.append(said)
"""


def shown(texts):
    """Return what a small sheet shows: numbers, and errors, round by round until nothing changes."""
    values = {}
    for _ in range(len(texts) + 1):
        for name, text in texts.items():
            if not text.startswith("="):
                values[name] = int(text or "0") if re.fullmatch("-?[0-9]*", text) else text
                continue
            used = [values.get(one) if one in texts else 0 for one in re.findall("[A-Z]", text)]
            if None in used:
                continue
            if any(isinstance(value, str) for value in used):
                values[name] = "#VALUE"
            else:
                values[name] = eval(re.sub("[A-Z]", lambda m: f"({values.get(m[0], 0)})", text[1:]))
    return {name: values.get(name, "#CYCLE") for name in texts}


def test_a_sheet_that_can_be_read_by_eye(check):
    steps = [
        ["set", "A1", "2"], ["set", "B1", "=A1*3+x-1"], ["get", "B1"], ["changed", "x", "10"], ["get", "B1"], ["get", "none"],
        ["changed", "A1", "word"], ["get", "B1"], ["changed", "A1", "word"], ["changed", "A1", ""], ["get", "A1"], ["get", "B1"],
        ["set", "C", "=1+"], ["set", "C", "=1 2"], ["set", "C", "="], ["get", "C"], ["changed", "D", "0"], ["changed", "A1", "-4"], ["get", "B1"],
    ]  # fmt: skip
    check(PLAY, [steps], [[
        None, None, 5, ["B1", "x"], 15, 0, ["A1", "B1"], "#VALUE", ["A1"], ["A1", "B1"], 0, 9, "refused", "refused", "refused", 0,
        ["D"], ["A1", "B1"], -3,
    ]])  # fmt: skip


def test_circles_and_what_builds_on_them(check):
    steps = [
        ["set", "A", "=B"], ["set", "B", "=C+1"], ["set", "D", "=A+5"], ["changed", "C", "=A"],
        *(["get", name] for name in "ABCD"), ["changed", "C", "=C"], ["changed", "B", "1"], *(["get", name] for name in "ABCD"),
        ["set", "E", "=text+C"], ["set", "text", "t"], ["get", "E"], ["changed", "C", "4"], ["get", "E"], ["changed", "text", "1"],
        ["set", "E", "=C+"], ["get", "E"],
    ]  # fmt: skip
    check(PLAY, [steps], [[
        None, None, None, ["A", "B", "C", "D"], "#CYCLE", "#CYCLE", "#CYCLE", "#CYCLE", ["C"], ["A", "B", "D"], 1, 1, "#CYCLE", 6,
        None, None, "#CYCLE", ["C", "E"], "#VALUE", ["E", "text"], "refused", 5,
    ]])  # fmt: skip


def test_many_small_sheets(check):
    dice, games, wanted = random.Random(23), [], []
    for _ in range(80):
        texts, steps, said, before = {}, [], [], {}
        for _ in range(30):
            name = dice.choice("ABCDEF")
            formula = (
                "="
                + dice.choice("ABCDEF5")
                + dice.choice(["", *(sign + other for sign in "+-*" for other in "ABCDEF2")])
            )
            text = dice.choice([formula, formula, str(dice.randint(-9, 9)), dice.choice(["", "word"])])
            texts[name] = text
            now = shown(texts)
            steps += [["changed", name, text], ["get", name]]
            said += [sorted({cell for cell in now if now[cell] != before.get(cell, 0)} | {name}), now[name]]
            before = now
        games.append([*steps, *(["get", name] for name in sorted(texts))])
        wanted.append([*said, *(before[name] for name in sorted(texts))])
    check(PLAY, games, wanted)


def test_numbers_that_double(check):
    code = """
from sheet import Sheet
sheet = Sheet()
sheet.set("C0", "1")
for n in range(1, given):
    sheet.set(f"C{n}", f"=C{n - 1}+C{n - 1}-C{n - 1}*1")
result = [sheet.get(f"C{given - 1}"), len(sheet.changed("C0", "7")), sheet.get(f"C{given - 1}")]
"""
    check(code, 2_000, [1, 2_000, 7], seconds=10)


def test_a_long_chain_in_either_order(check):
    code = """
from sheet import Sheet
sheet = Sheet()
for n in (range(1, given + 1) if forward else range(given, 0, -1)):
    sheet.set(f"C{n}", f"=C{n - 1}+1")
sheet.set("C0", "5")
result = [sheet.get(f"C{given}"), len(sheet.changed("C0", "6")), sheet.get("C1"), sheet.changed(f"C{given}", "=C1")]
"""
    check("forward = True" + code, 20_000, [20_005, 20_001, 7, ["C20000"]], seconds=10)
    # Each cell is set before the one that it refers to, and no longer chain depends on it than was there before.
    check("forward = False" + code, 300, [305, 301, 7, ["C300"]], seconds=10)


def test_a_wide_sheet(check):
    code = """
from sheet import Sheet
sheet = Sheet()
for n in range(given):
    sheet.set(f"B{n}", f"=A{n}*2+rate*0")
for n in range(given):
    sheet.set(f"A{n}", str(n))
result = [sheet.get(f"B{n}") for n in (0, 1, given - 1)] + [sheet.changed("A7", "x"), sheet.get("B7"), sheet.changed("rate", "3")]
"""
    check(code, 20_000, [0, 2, 39_998, ["A7", "B7"], "#VALUE", ["rate"]], seconds=10)


def test_a_long_circle_that_is_broken(check):
    code = """
from sheet import Sheet
sheet = Sheet()
for n in range(given):
    sheet.set(f"C{n}", f"=C{n - 1}+1" if n else "1")
closed = sheet.changed("C0", f"=C{given - 1}")
result = [len(closed), sheet.get("C5"), len(sheet.changed("C0", "2")), sheet.get(f"C{given - 1}")]
"""
    check(code, 20_000, [20_000, "#CYCLE", 20_000, 20_001], seconds=10)
