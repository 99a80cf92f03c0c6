#!/bin/bash
# The oracle's answer.
set -eu
cd /app
mkdir -p report
cat > report/cells.py <<'EOF'
"""What the cells of all reports hold."""


def amount(cents, grouped=True):
    """Return cents as text with two digits after the point, and `,` between thousands when `grouped`."""
    sign = "-" if cents < 0 else ""
    whole = f"{abs(cents) // 100:,}" if grouped else str(abs(cents) // 100)
    return f"{sign}{whole}.{abs(cents) % 100:02}"


def totals(rows):
    """Return the sum of each column."""
    return [sum(column) for column in zip(*(row["cents"] for row in rows), strict=True)]
EOF
mkdir -p report
cat > report/text.py <<'EOF'
"""Reports in columns for a terminal."""

from report.cells import amount, totals


def render(rows):
    """Return lines with names to the left and amounts to the right; the last line holds the totals."""
    table = [[row["name"], *map(amount, row["cents"])] for row in rows]
    table.append(["total", *map(amount, totals(rows))])
    widths = [max(len(cells[place]) for cells in table) for place in range(len(table[0]))]
    lines = []
    for name, *amounts in table:
        cells = [name.ljust(widths[0]), *(text.rjust(width) for text, width in zip(amounts, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
EOF
mkdir -p report
cat > report/html.py <<'EOF'
"""Reports as a table of a page."""

from html import escape

from report.cells import amount, totals


def _line(tag, name, amounts):
    cells = "".join(f"<{tag}>{amount(cents)}</{tag}>" for cents in amounts)
    return f"<tr><{tag}>{escape(name)}</{tag}>{cells}</tr>"


def render(rows):
    """Return a table; negative amounts stand there like the others, the totals in cells of the head."""
    lines = [_line("td", row["name"], row["cents"]) for row in rows]
    return "\n".join(["<table>", *lines, _line("th", "total", totals(rows)), "</table>"]) + "\n"
EOF
mkdir -p report
cat > report/csvout.py <<'EOF'
"""Reports for a spreadsheet, which wants no `,` within numbers."""

import csv
import io

from report.cells import amount, totals


def render(rows):
    """Return one line for each row and one for the totals, with `;` between cells."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    for row in rows:
        writer.writerow([row["name"], *(amount(cents, grouped=False) for cents in row["cents"])])
    writer.writerow(["total", *(amount(cents, grouped=False) for cents in totals(rows))])
    return out.getvalue()
EOF
