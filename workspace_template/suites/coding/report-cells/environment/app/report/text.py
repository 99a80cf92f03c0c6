"""Reports in columns for a terminal."""


def _amount(cents):
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"


def _totals(rows):
    if not rows:
        return []
    sums = [0] * len(rows[0]["cents"])
    for row in rows:
        for place, cents in enumerate(row["cents"]):
            sums[place] += cents
    return sums


def render(rows):
    """Return lines with names to the left and amounts to the right; the last line holds the totals."""
    table = [[row["name"], *map(_amount, row["cents"])] for row in rows]
    table.append(["total", *map(_amount, _totals(rows))])
    widths = [max(len(cells[place]) for cells in table) for place in range(len(table[0]))]
    lines = []
    for name, *amounts in table:
        cells = [
            name.ljust(widths[0]),
            *(amount.rjust(width) for amount, width in zip(amounts, widths[1:], strict=True)),
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
