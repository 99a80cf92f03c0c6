"""The renderings byte for byte, and who holds and imports what."""

import ast
import csv
import io
import random
from html import escape

import pytest

RENDER = """
import report, report.csvout, report.html, report.text
modules = {"text": report.text, "html": report.html, "csv": report.csvout}
result = [[report.render(rows, form), modules[form].render(rows)] for rows in given for form in modules]
"""
CELLS = """
from report.cells import amount, totals
result = [[amount(cents), amount(cents, grouped=False), amount(cents, False)] for cents in given["cents"]]
result.append([list(totals(rows)) for rows in given["rows"]])
"""


def shown(cents, comma=","):
    text = f"{abs(cents) // 100:,}.{abs(cents) % 100:02}".replace(",", comma)
    return "-" + text if cents < 0 else text


def sums(rows):
    return [sum(row["cents"][place] for row in rows) for place in range(len(rows[0]["cents"]))] if rows else []


def as_text(rows):
    table = [[row["name"], *map(shown, row["cents"])] for row in [*rows, {"name": "total", "cents": sums(rows)}]]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [[cell.rjust(width) for cell, width in zip(cells, widths, strict=True)] for cells in table]
    return "".join(
        "  ".join([cells[0].ljust(widths[0]), *line[1:]]).rstrip() + "\n"
        for cells, line in zip(table, lines, strict=True)
    )


def as_html(rows):
    def line(tag, row):
        cells = [escape(row["name"]), *map(shown, row["cents"])]
        return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>\n"

    return (
        "<table>\n"
        + "".join(line("td", row) for row in rows)
        + line("th", {"name": "total", "cents": sums(rows)})
        + "</table>\n"
    )


def as_csv(rows):
    out = io.StringIO()
    for row in [*rows, {"name": "total", "cents": sums(rows)}]:
        csv.writer(out, delimiter=";", lineterminator="\n").writerow(
            [row["name"], *(shown(c, "") for c in row["cents"])]
        )
    return out.getvalue()


def reports():
    dice = random.Random(77)
    made = [
        [],
        [{"name": 'a <b> & "c"', "cents": [123456789, -5]}, {"name": "x;y", "cents": [-100, 0]}],
        [{"name": "n", "cents": []}],
    ]
    for _ in range(12):
        columns = dice.randint(1, 4)
        made.append([
            {"name": dice.choice(["rent", "pens & ink", "Öl"]), "cents": [dice.randint(-(10**8), 10**8) for _ in range(columns)]}
            for _ in range(dice.randint(1, 5))
        ])  # fmt: skip
    return made


def imports(text):
    """Return every module that a module names when it imports."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = ("report." * bool(node.level) + (node.module or "")).rstrip(".")
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def test_what_is_rendered_stays(check, sources):
    wanted = [[made(rows)] * 2 for rows in reports() for made in (as_text, as_html, as_csv)]
    check(RENDER, reports(), wanted, files=sources)


def test_an_unknown_form_is_refused(check, sources):
    code = "import report\ntry:\n    report.render([], given)\n    result = 1\nexcept ValueError:\n    result = 2"
    check(code, "pdf", 2, files=sources)


def test_the_shared_cells(check, sources):
    amounts = [0, 5, -5, 99, 100, -100, 123456789, -123456789, 99999999, 100000]
    wanted = [[shown(cents), shown(cents, ""), shown(cents, "")] for cents in amounts]
    wanted.append([sums(rows) for rows in reports()])
    check(CELLS, {"cents": amounts, "rows": reports()}, wanted, files=sources)


@pytest.mark.parametrize("name", ["text", "html", "csvout"])
def test_renderers_share_by_the_new_module_alone(sources, name):
    others = {f"report.{other}" for other in ("text", "html", "csvout")}
    used = imports(sources[f"report/{name}.py"].decode())

    assert "report.cells" in used
    assert not others & used


@pytest.mark.parametrize("name", ["text", "html", "csvout", "__init__"])
def test_nothing_but_the_new_module_formats_or_sums(sources, name):
    tree = ast.parse(sources[f"report/{name}.py"])

    assert not [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.FloorDiv | ast.Mod)
    ]
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript)
    ]
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) in ("sum", "divmod")
    ]


def test_no_body_stands_twice(sources):
    bodies = []
    for text in sources.values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                said = ast.get_docstring(node, clean=False) is not None
                bodies.append("\n".join(ast.unparse(line) for line in node.body[said:]))

    assert len(bodies) == len(set(bodies))
