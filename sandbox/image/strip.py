"""Remove what a source file says about itself: docstrings, other bare strings, and comments.

Runs under the interpreter whose standard library it strips (see `collect.py`), so that grammar and tokens are exactly
that version's. Standard library only. The layout of what remains is kept; the result is checked against the syntax tree
of the original, and a file whose layout defeats the cutter is printed anew from its tree instead.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator


def strip(source: bytes) -> bytes:
    """Return `source` without docstrings, bare strings and comments, as UTF-8. Raises `SyntaxError` for no Python."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    text = source.decode(encoding).removeprefix("\ufeff").replace("\r\n", "\n")
    tree = ast.parse(text)
    stripped = _cut(text, tree)
    wanted = _without_strings(tree)
    try:
        if ast.dump(_without_strings(ast.parse(stripped))) == ast.dump(wanted):
            return stripped.encode()
    except SyntaxError:
        pass
    return (ast.unparse(ast.fix_missing_locations(wanted)) + "\n").encode()


def _cut(text: str, tree: ast.Module) -> str:
    lines = io.StringIO(text).readlines()  # str.splitlines would also split at form feeds
    spans = [*_comments(text), *_bare_strings(tree, lines)]
    for first, start, last, end, replacement in sorted(spans, reverse=True):
        before, after = lines[first - 1][:start], lines[last - 1][end:]
        kept = before + replacement + after
        if not kept.strip():
            lines[first - 1 : last] = []
        elif not after.strip():
            lines[first - 1 : last] = [kept.rstrip() + "\n"]
        else:
            lines[first - 1 : last] = [kept]
    return "".join(lines)


Span = tuple[int, int, int, int, str]
"""First line (from 1), start column, last line, end column, what stands there instead."""


def _comments(text: str) -> list[Span]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [(t.start[0], t.start[1], t.end[0], t.end[1], "") for t in tokens if t.type == tokenize.COMMENT]


def _bare_strings(tree: ast.Module, lines: list[str]) -> list[Span]:
    """Return the spans of statements that are nothing but a string; `pass` keeps a suite from becoming empty."""
    spans: list[Span] = []
    for node, body in _suites(tree):
        doomed = [statement for statement in body if _is_bare_string(statement)]
        emptied = len(doomed) == len(body) and not isinstance(node, ast.Module)
        for statement in doomed:
            assert statement.end_lineno is not None
            assert statement.end_col_offset is not None
            first, last = lines[statement.lineno - 1], lines[statement.end_lineno - 1]
            start, end = _column(first, statement.col_offset), _column(last, statement.end_col_offset)
            alone = not (first[:start].strip() or _code(last[end:]))
            needed = not alone or (emptied and statement is doomed[0])
            spans.append((statement.lineno, start, statement.end_lineno, end, "pass" if needed else ""))
    return spans


def _suites(tree: ast.Module) -> Iterator[tuple[ast.AST, list[ast.stmt]]]:
    """Yield every list of statements with its owner. Expressions are not entered: they hold no statements."""
    owners: list[ast.AST] = [tree]
    while owners:
        owner = owners.pop()
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            held = getattr(owner, name, None)
            if not isinstance(held, list):
                continue  # the body of a lambda or of a conditional expression
            owners.extend(held)
            if held and isinstance(held[0], ast.stmt):
                yield owner, held


def _is_bare_string(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _column(line: str, offset: int) -> int:
    """Turn the tree's column in UTF-8 bytes into one in characters."""
    return len(line.encode()[:offset].decode())


def _code(rest: str) -> str:
    return rest.split("#", 1)[0].strip()


def _without_strings(tree: ast.Module) -> ast.Module:
    """Drop bare strings, and `pass` where it is not the whole suite, so that both sides can be compared."""
    for owner, suite in list(_suites(tree)):
        kept = [s for s in suite if not (_is_bare_string(s) or isinstance(s, ast.Pass))]
        suite[:] = kept or ([] if isinstance(owner, ast.Module) else [ast.Pass()])
    return tree
