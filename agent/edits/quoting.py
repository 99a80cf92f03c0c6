"""How git writes paths in a diff: plain, or in double quotes with C escapes (`quote_c_style` in git's quote.c)."""

from __future__ import annotations

import re

from agent.errors import EditConflict

_ESCAPES = {7: b"a", 8: b"b", 9: b"t", 10: b"n", 11: b"v", 12: b"f", 13: b"r", 34: b'"', 92: b"\\"}
_MEANING = {escape: bytes([number]) for number, escape in _ESCAPES.items()}
_QUOTED = re.compile(rb'"((?:[^"\\]|\\[abtnvfr"\\]|\\[0-3][0-7]{2})*)"')
_PLAIN = re.compile(rb"[ !#-\[\]-~]*")
"""No byte of these is ever escaped."""
_ESCAPE = re.compile(rb'\\([abtnvfr"\\]|[0-3][0-7]{2})')


def quote(path: bytes, *, ascii_only: bool = True) -> bytes:
    """Return `path` as git prints it. `ascii_only` is git's default (`core.quotePath`): other bytes are octal."""
    if _PLAIN.fullmatch(path):
        return path
    quoted = b"".join(_escape(byte, ascii_only) for byte in path)
    return path if quoted == path else b'"' + quoted + b'"'


def unquote(text: bytes) -> bytes:
    """Undo `quote`. Text without quotes is returned as it is; a broken quotation raises `EditConflict`."""
    if not text.startswith(b'"'):
        return text
    match = _QUOTED.fullmatch(text)
    if match is None:
        raise EditConflict(f"{text[:80]!a} is not a path as git quotes it")
    return _ESCAPE.sub(lambda found: _meaning(found[1]), match[1])


def _escape(byte: int, ascii_only: bool) -> bytes:
    if byte in _ESCAPES:
        return b"\\" + _ESCAPES[byte]
    if byte < 0x20 or byte == 0x7F or (byte >= 0x80 and ascii_only):
        return b"\\%03o" % byte
    return bytes([byte])


def _meaning(escape: bytes) -> bytes:
    return _MEANING.get(escape) or bytes([int(escape, 8)])
