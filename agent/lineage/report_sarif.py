"""An audit's findings as SARIF 2.1.0, the form in which other tools collect the results of checks."""

from __future__ import annotations

from typing import Any

from agent.lineage.audit_report import AuditReport, Finding

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_sarif(report: AuditReport, version: str) -> dict[str, Any]:
    """Return the SARIF log of one audit by `version` of this program: each finding an error, each note a note."""
    slugs = sorted({finding.slug for finding in report.findings})
    notes = [Finding("note", "repository", note) for note in report.notes]
    driver = {
        "name": "successor audit",
        "version": version,
        "rules": [_rule(slug) for slug in (*slugs, *(["note"] if notes else []))],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True, "exitCode": 0 if report.ok else 1}],
        "results": [
            *(_result(finding, "error", slugs.index(finding.slug)) for finding in report.findings),
            *(_result(note, "note", len(slugs)) for note in notes),
        ],
        "columnKind": "unicodeCodePoints",
        "properties": {
            "root": report.root,
            "entries": report.entries,
            "successors": report.successors,
            "rejections": report.rejections,
            "checkpoint": report.checkpoint,
        },
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(slug: str) -> dict[str, Any]:
    return {"id": slug, "shortDescription": {"text": f"audit: {slug}"}}


def _result(finding: Finding, level: str, rule: int) -> dict[str, Any]:
    """A finding is about a commit, not about a line of a file: its place is a logical one."""
    return {
        "ruleId": finding.slug,
        "ruleIndex": rule,
        "level": level,
        "message": {"text": finding.reason},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": finding.where, "kind": "module"}]}],
    }
