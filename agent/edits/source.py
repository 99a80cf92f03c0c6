"""Python source in, libcst module out: the only door through which candidate bytes reach a parser in this process.

libcst crashes the process on deep sources, does not always give back the bytes it was given (`except X :`, a form
feed at the start of a line, lone carriage returns), and follows any encoding cookie. Here a source is measured, its
encoding is one of a few, and the module must print exactly the bytes it was made from; else `EditConflict` says why
not.
"""

from __future__ import annotations

import io
import tokenize
from itertools import islice

import libcst as cst
from libcst._nodes.internal import CodegenState

from agent.edits.nesting import too_deep
from agent.errors import EditConflict

# In each of these a byte below 0x80 means what it means in ASCII, wherever it stands.
ENCODINGS = frozenset({"utf-8", "utf-8-sig", "ascii", "us-ascii", "iso-8859-1", "iso-8859-15", "cp1252"})


class _Printer(CodegenState):
    """Prints a module once, and counts on the way how many lines each statement has."""

    def __init__(self, module: cst.Module) -> None:
        super().__init__(default_indent=module.default_indent, default_newline=module.default_newline)
        self.counts: dict[int, int] = {}
        self._open: list[int] = []
        self._newlines = 0
        self._counted = 0

    def before_codegen(self, node: cst.CSTNode) -> None:
        """Note where a statement begins."""
        if type(node) in _COUNTED:
            self._open.append(self._so_far())

    def after_codegen(self, node: cst.CSTNode) -> None:
        """Note how many lines ended since."""
        if type(node) in _COUNTED:
            self.counts[id(node)] = self._so_far() - self._open.pop()

    def _so_far(self) -> int:
        self._newlines += sum(token.count("\n") for token in islice(self.tokens, self._counted, None))
        self._counted = len(self.tokens)
        return self._newlines


# By exact type: asked of every node. What is missing here is counted by printing it alone.
_COUNTED = frozenset(
    {cst.SimpleStatementLine, cst.FunctionDef, cst.ClassDef, cst.If, cst.For, cst.While, cst.With, cst.Match}
    | {cst.Try, cst.TryStar, cst.Else, cst.ExceptHandler, cst.ExceptStarHandler, cst.Finally}
)


def parse_source(source: bytes, *, name: str = "the source") -> cst.Module:
    """Return the module of `source`, whose `.bytes` are exactly `source`; raise `EditConflict` when there is none."""
    return parse_counted(source, name=name)[0]


def parse_counted(source: bytes, *, name: str = "the source") -> tuple[cst.Module, dict[int, int]]:
    """The same, and how many lines each statement has, by the identity of its node while the module lives."""
    if reason := _refusal(source):
        raise _unreadable(name, reason)
    try:
        module = cst.parse_module(source)
        printer = _Printer(module)
        module._codegen(printer)  # what `Module.code` does, with a printer of our own
        exact = "".join(printer.tokens).encode(module.encoding) == source
    except cst.ParserSyntaxError as error:
        raise _unreadable(name, f"syntax error in line {error.raw_line}") from error
    except (UnicodeError, LookupError, ValueError, RecursionError) as error:
        raise _unreadable(name, f"libcst cannot read it ({type(error).__name__})") from error
    if not exact:
        raise _unreadable(name, "libcst would not write it back byte for byte")
    return module, printer.counts


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
