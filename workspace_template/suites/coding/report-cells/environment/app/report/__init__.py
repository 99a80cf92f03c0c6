"""Reports as text, as a page and as CSV."""

from report import csvout, html, text


def render(rows, form):
    """Return the report of `rows` in a form: `text`, `html` or `csv`; raise ValueError for any other."""
    if form == "text":
        return text.render(rows)
    if form == "html":
        return html.render(rows)
    if form == "csv":
        return csvout.render(rows)
    raise ValueError(f"there is no form {form!r}")
