"""Is a Python source shallow enough to be given to libcst?

libcst's parser is recursive: ten thousand open brackets overflow its stack and kill the whole process, and a dozen
nested dict patterns in one `case`, or tuples in one `del`, keep it busy for hours. Sources come from candidates, so
they are measured by this scanner first. It runs in linear time, does not recurse, and refuses whenever it is unsure
where a string ends: a refused file is still editable as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_BYTES = 1 << 19
MAX_DEPTH = 24
MAX_TARGET_DEPTH = 4
MAX_CHAIN = 300
MAX_ELIF = 200

_EXPONENTIAL = frozenset({b"case", b"del"})  # statements whose brackets libcst tries in two ways at each level
_PREFIXES = frozenset({b"", b"r", b"u", b"b", b"br", b"rb", b"f", b"fr", b"rf", b"t", b"tr", b"rt"})
_CLOSERS = {b"(": b")", b"[": b"]", b"{": b"}"}
# Bytes from 0x80 on count as letters, as they do in identifiers; the callers let only such encodings through.
_TOKEN = re.compile(
    rb"""(?P<skip>[ \t\f\r]++|\\\r?\n|\#[^\n]*+)
    |(?P<prefix>[A-Za-z0-9_\x80-\xff]*+)(?P<quote>\"{3}|'{3}|"|')
    |(?P<word>[A-Za-z0-9_\x80-\xff]++)
    |(?P<newline>\n)
    |(?P<open>[(\[{])|(?P<close>[)\]}])
    |(?P<other>:=|!=|.)""",
    re.VERBOSE | re.DOTALL,
)
_STRING_END = {
    b'"': re.compile(rb'(?:[^"\\\n]++|\\.)*+"', re.DOTALL),
    b"'": re.compile(rb"(?:[^'\\\n]++|\\.)*+'", re.DOTALL),
    b'"""': re.compile(rb'(?:[^"\\]++|\\.|"(?!""))*+"""', re.DOTALL),
    b"'''": re.compile(rb"(?:[^'\\]++|\\.|'(?!''))*+'''", re.DOTALL),
}
_NAMED_CHARACTER = re.compile(rb"\\N\{[A-Za-z0-9 \-]++\}")
_FORMAT = re.compile(rb"[^{}()\[\]\"'\\\n]{0,80}")
_PLAIN = re.compile(rb"[^{}\"'\\\n]++")


@dataclass(slots=True)
class _Frame:
    """An open bracket, or a string with fields in it (`quote` set) when its text is being read."""

    closer: bytes
    quote: bytes = b""
    raw: bool = False
    chain: int = 0
    lambdas: int = 0
    loops: int = 0


def too_deep(source: bytes) -> str:
    """Return why `source` must not be parsed, or nothing when it may be."""
    if len(source) > MAX_BYTES:
        return f"it is longer than {MAX_BYTES} bytes"
    return _Scan(source).run()


class _Scan:
    """One pass over a source. `chain` bounds the height of the syntax tree above the place that is being read."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.at = 0
        self.frames = [_Frame(b"")]
        self.chain = 0
        self.elifs = 0
        self.first_word = b""

    def run(self) -> str:
        fault = ""
        while self.at < len(self.source) and not fault:
            fault = self._text() if self.frames[-1].quote else self._code()
            depth = len(self.frames) - 1
            if depth > (MAX_TARGET_DEPTH if self.first_word in _EXPONENTIAL else MAX_DEPTH):
                fault = "its brackets are nested too deeply"
            elif self.chain > MAX_CHAIN or self.elifs > MAX_ELIF:
                fault = "an expression or a chain of elif in it is too long"
        return fault

    def _code(self) -> str:
        """Read one token of code."""
        token = _TOKEN.match(self.source, self.at)
        assert token is not None  # the last alternative matches any byte
        self.at = token.end()
        kind, text = token.lastgroup, token[0]
        if kind == "skip":
            return "a comment stands inside a format string" if text[:1] == b"#" and self._inside_string() else ""
        if kind == "newline":
            return self._newline()
        if kind == "quote":
            return self._string(token["prefix"].lower(), token["quote"])
        if kind == "close":
            return self._close(text)
        self._count(text)
        if kind == "open":
            self.frames.append(_Frame(_CLOSERS[text]))
        elif text == b":" and len(self.frames) > 1 and self.frames[-2].quote and not self.frames[-1].lambdas:
            return self._format()
        return ""

    def _newline(self) -> str:
        if any(len(frame.quote) == 1 for frame in self.frames):
            return "a format string goes over the end of a line"
        if len(self.frames) == 1:
            self.chain = 0
            self.frames = [_Frame(b"")]
            self.first_word = b""
        return ""

    def _count(self, text: bytes) -> None:
        """Add one token to the chain. A comma ends the element before it, unless it belongs to a lambda or a loop."""
        frame = self.frames[-1]
        if len(self.frames) == 1 and not self.first_word:
            self.first_word = text
            self.elifs += text == b"elif"
        frame.lambdas += (text == b"lambda") - (text == b":" and frame.lambdas > 0)
        frame.loops += (text == b"for") - (text == b"in" and frame.loops > 0)
        if text == b"," and not frame.lambdas and not frame.loops:
            self.chain -= frame.chain
            frame.chain = 0
        else:
            self.chain += 1
            frame.chain += 1

    def _close(self, text: bytes) -> str:
        frame = self.frames[-1]
        if frame.closer != text:
            return "its brackets do not match"
        self._pop()
        return ""

    def _pop(self) -> None:
        self.chain -= self.frames.pop().chain

    def _inside_string(self) -> bool:
        return any(frame.quote for frame in self.frames)

    def _string(self, prefix: bytes, quote: bytes) -> str:
        if prefix not in _PREFIXES:
            return "a word stands directly in front of a string"
        if any(frame.quote[:1] == quote[:1] and len(frame.quote) <= len(quote) for frame in self.frames if frame.quote):
            return "a format string holds its own kind of quotes"
        self._count(quote)
        if prefix.strip(b"r") in (b"f", b"t"):
            self.frames.append(_Frame(b"", quote, raw=b"r" in prefix))
            return ""
        end = _STRING_END[quote].match(self.source, self.at)
        if end is None:
            return "a string in it does not end"
        if b"\n" in end[0] and any(len(frame.quote) == 1 for frame in self.frames):
            return "a format string goes over the end of a line"
        self.at = end.end()
        return ""

    def _text(self) -> str:
        """Read one piece of the text of a format string."""
        if plain := _PLAIN.match(self.source, self.at):
            self.at = plain.end()
            return ""
        frame, rest = self.frames[-1], self.source[self.at : self.at + 3]
        if rest.startswith(frame.quote):
            self.at += len(frame.quote)
            self._pop()
        elif rest[:2] in (b"{{", b"}}"):
            self.at += 2
        elif rest[:1] == b"{":
            self.at += 1
            self.frames.append(_Frame(b"}"))
        elif rest[:1] == b"}" or (rest[:1] == b"\n" and len(frame.quote) == 1):
            return "a format string in it is broken"
        elif rest[:2] == rb"\N" and not frame.raw:
            return self._named_character()
        elif rest[:1] == b"\\" and rest[1:2] not in (b"{", b"}"):
            self.at += 2
        else:
            self.at += 1
        return ""

    def _named_character(self) -> str:
        name = _NAMED_CHARACTER.match(self.source, self.at)
        self.at = name.end() if name else self.at + 2
        return "" if name else "a named character in it is broken"

    def _format(self) -> str:
        """Read the format after the colon of a field: plain text and fields, up to the brace that ends the field."""
        text = _FORMAT.match(self.source, self.at)
        assert text is not None  # it may be empty
        self.at = text.end()
        if self.source[self.at : self.at + 1] not in (b"{", b"}") or self.source[self.at : self.at + 2] == b"{{":
            return "the format of a field is not plain"
        return ""
