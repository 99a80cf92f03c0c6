"""Reports as a table of a page."""

from html import escape

from report.text import _totals


def _money(cents):
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"


def _line(tag, name, amounts):
    cells = "".join(f"<{tag}>{_money(cents)}</{tag}>" for cents in amounts)
    return f"<tr><{tag}>{escape(name)}</{tag}>{cells}</tr>"


def render(rows):
    """Return a table; negative amounts stand there like the others, the totals in cells of the head."""
    lines = [_line("td", row["name"], row["cents"]) for row in rows]
    return "\n".join(["<table>", *lines, _line("th", "total", _totals(rows)), "</table>"]) + "\n"
