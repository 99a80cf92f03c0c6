"""An audit as one page: no scripts, nothing loaded from elsewhere, every word of the repository escaped.

The page forbids itself all that a browser could do beyond showing it (its content security policy), so that a hostile
history that is shown in it stays text.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from datetime import UTC, datetime

from agent.gate.hidden import in_ascii
from agent.lineage.audit_report import AuditReport, Line

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #1c1c1c; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; color: #444; padding-bottom: .4rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d6d6d6; vertical-align: top; }
td.number { text-align: right; } code, pre { font: 13px/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: #f4f4f4; padding: .8rem; overflow-x: auto; }
.yes { color: #0a5c2b; } .no { color: #9c1c1c; } .revoked td { color: #9c1c1c; }
@media (prefers-color-scheme: dark) {
  body { background: #151515; color: #e6e6e6; } caption { color: #b5b5b5; } th, td { border-color: #3a3a3a; }
  pre { background: #222; } .yes { color: #7fd6a0; } .no, .revoked td { color: #ff9c9c; }
}
"""


def as_html(report: AuditReport, title: str = "Audit") -> str:
    """Return the page of one audit. Entries are listed when the report holds them (`Wish.every`)."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body><main>",
        f"<h1>{_text(title)}</h1>",
        *_summary(report),
        *_findings(report),
        *_notes(report),
        *_judged(report),
        *_entries(report),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _summary(report: AuditReport) -> Iterable[str]:
    word, style = ("proven", "yes") if report.ok else ("not proven", "no")
    yield f'<p><strong class="{style}">{word}</strong>: {report.entries} decisions, {report.successors} successors, '
    yield f"{report.rejections} refusals, {len(report.revoked)} revoked.</p>"
    yield f"<p>Repository <code>{_text(report.path)}</code><br>Trust root <code>{_text(report.root)}</code></p>"
    if report.checkpoint:
        note = _text(report.checkpoint).replace("\\u2014", "\N{EM DASH}")  # with which a signature line begins
        yield f"<h2>Where the log ends</h2><pre>{note}</pre>"


def _findings(report: AuditReport) -> Iterable[str]:
    if not report.findings:
        return
    yield "<h2>What is not proven, and why</h2>"
    rows = ((finding.slug, _code(finding.where), _text(finding.reason)) for finding in report.findings)
    yield from _table("Every finding", ("kind", "where", "reason"), ((_text(a), b, c) for a, b, c in rows))


def _notes(report: AuditReport) -> Iterable[str]:
    if report.notes:
        yield "<h2>Notes</h2><ul>"
        yield from (f"<li>{_text(note)}</li>" for note in report.notes)
        yield "</ul>"


def _judged(report: AuditReport) -> Iterable[str]:
    if not report.judged:
        return
    yield "<h2>What another policy denies</h2>"
    rows = (
        (_text(entry.kind), _text(entry.candidate or ""), _text("; ".join(f"{rule}: {why}" for rule, why in denials)))
        for entry, denials in report.judged
    )
    yield from _table("Decisions that it would not have allowed", ("recorded as", "candidate", "rules"), rows)


def _entries(report: AuditReport) -> Iterable[str]:
    if not report.lines:
        return
    yield "<h2>Every decision</h2>"
    revoked = frozenset(report.revoked)
    head = ("entry", "time (UTC)", "kind", "candidate", "commit", "by", "reason")
    yield from _table("From the first to the last", head, (_row(line) for line in report.lines), revoked=revoked,
                      names=[line.candidate for line in report.lines])  # fmt: skip


def _row(line: Line) -> tuple[str, ...]:
    when = datetime.fromtimestamp(line.time, UTC).strftime("%Y-%m-%d %H:%M:%S") if line.time < 2**37 else str(line.time)
    by = ", ".join(line.by)
    return (
        str(line.index), when, _text(line.kind), _text(line.candidate), _code(line.commit[:12]), _text(by),
        _text(line.reason),
    )  # fmt: skip


def _table(
    caption: str,
    head: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
    *,
    revoked: frozenset[str] = frozenset(),
    names: list[str] | None = None,
) -> Iterable[str]:
    """Return the lines of a table whose cells are markup already."""
    yield f"<table><caption>{_text(caption)}</caption><thead><tr>"
    yield "".join(f'<th scope="col">{_text(name)}</th>' for name in head) + "</tr></thead><tbody>"
    for number, row in enumerate(rows):
        marked = names is not None and names[number] in revoked
        cells = "".join(f"<td>{cell}</td>" for cell in row)
        yield f'<tr class="revoked">{cells}</tr>' if marked else f"<tr>{cells}</tr>"
    yield "</tbody></table>"


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _text(text: str) -> str:
    """Words of anybody's as text of the page: markup, controls, bidi marks and all that is not ASCII are escaped."""
    return html.escape("\n".join(in_ascii(line) for line in text.split("\n")), quote=True)
