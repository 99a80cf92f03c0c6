"""Logging: structlog to standard error, one event a line. Configured once, by the command line."""

from __future__ import annotations

import re
import sys

import structlog

_SECRET = re.compile(r"sk-ant-[\w-]+|gh[pousr]_\w{20,}|AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*")


def configure(*, as_json: bool) -> None:
    """Send events to standard error: JSON lines for machines, short lines for people."""
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if not as_json else "iso", utc=as_json),
            redact,
            renderer,
        ],
        # Standard error as it is when an event is logged: who calls this in process may have closed the one before.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def redact(_logger: object, _method: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Replace whatever looks like a credential in any string of an event."""
    return {key: _SECRET.sub("[redacted]", v) if isinstance(v, str) else v for key, v in event.items()}
