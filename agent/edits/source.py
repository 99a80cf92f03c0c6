"""Python source in, libcst module out: the only door through which candidate bytes reach a parser in this process.

libcst crashes the process on deep sources, does not always give back the bytes it was given (`except X :`, a form
feed at the start of a line, lone carriage returns), and follows any encoding cookie. Here a source is measured, its
encoding is one of a few, and the module must print exactly the bytes it was made from; else `EditConflict` says why
not.
"""

from __future__ import annotations

import io
import tokenize

import libcst as cst

from agent.edits.nesting import too_deep
from agent.errors import EditConflict

# In each of these a byte below 0x80 means what it means in ASCII, wherever it stands.
ENCODINGS = frozenset({"utf-8", "utf-8-sig", "ascii", "us-ascii", "iso-8859-1", "iso-8859-15", "cp1252"})


def parse_source(source: bytes, *, name: str = "the source") -> cst.Module:
    """Return the module of `source`, whose `.bytes` are exactly `source`; raise `EditConflict` when there is none."""
    if reason := _refusal(source):
        raise _unreadable(name, reason)
    try:
        module = cst.parse_module(source)
        exact = module.bytes == source
    except cst.ParserSyntaxError as error:
        raise _unreadable(name, f"syntax error in line {error.raw_line}") from error
    except (UnicodeError, LookupError, ValueError, RecursionError) as error:
        raise _unreadable(name, f"libcst cannot read it ({type(error).__name__})") from error
    if not exact:
        raise _unreadable(name, "libcst would not write it back byte for byte")
    return module


def _refusal(source: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        source.decode(encoding)
    except (SyntaxError, UnicodeError):
        return "its encoding is unknown or its bytes are not in it"
    if encoding not in ENCODINGS:
        return f"its encoding {encoding[:40]!a} is not among those we read"
    if b"\r" in source.replace(b"\r\n", b""):
        return "it has lone carriage returns"
    return too_deep(source)


def _unreadable(name: str, reason: str) -> EditConflict:
    return EditConflict(f"{name} cannot be read as Python", why=reason)
