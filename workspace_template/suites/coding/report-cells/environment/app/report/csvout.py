"""Reports for a spreadsheet, which wants no `,` within numbers."""

import csv
import io


def _amount(cents):
    text = f"{abs(cents) // 100}.{abs(cents) % 100:02}"
    return f"-{text}" if cents < 0 else text


def _totals(rows):
    if not rows:
        return []
    return [sum(column) for column in zip(*(row["cents"] for row in rows), strict=True)]


def render(rows):
    """Return one line for each row and one for the totals, with `;` between cells."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    for row in rows:
        writer.writerow([row["name"], *map(_amount, row["cents"])])
    writer.writerow(["total", *map(_amount, _totals(rows))])
    return out.getvalue()
