"""Indentation and line ends: the layout that a model gets wrong while its code is right."""

import ast
import warnings
from collections.abc import Sequence

from scaffold.refused import Refused

TAB_COLUMNS = 4


def columns(line: str) -> int:
    """Return how far a line is indented; a tab is worth `TAB_COLUMNS`."""
    expanded = line.expandtabs(TAB_COLUMNS)
    return len(expanded) - len(expanded.lstrip())


def shifted(line: str, by: int, tabs: bool = False) -> str:
    """Return a line indented by `by` columns more (or fewer), in tabs or in spaces, without trailing space."""
    if not line.strip():
        return ""
    width = columns(line) + by
    if width < 0:
        raise Refused(f"the line {line.strip()[:60]!r} would have to start left of the margin")
    indent = "\t" * (width // TAB_COLUMNS) + " " * (width % TAB_COLUMNS) if tabs else " " * width
    return indent + line.strip()


def uses_tabs(lines: Sequence[str]) -> bool:
    """Tell whether more lines begin with a tab than with a space."""
    return sum(line.startswith("\t") for line in lines) > sum(line.startswith(" ") for line in lines)


def uses_crlf(text: str) -> bool:
    r"""Tell whether most lines end in `\r\n`."""
    return text.count("\r\n") * 2 > text.count("\n")


def parse(source: str) -> ast.Module | None:
    """Return the syntax tree of Python source, or None when it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Python thinks of the code under edit is not about the edit
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
