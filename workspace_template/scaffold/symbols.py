"""The definitions of Python source: where each function and class stands, by its qualified name."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from scaffold.layout import columns, parse, shifted
from scaffold.refused import Refused

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Symbol:
    """A definition: qualified name (`Class.method`), first and last line from 1 (decorators included), and its node."""

    name: str
    first: int
    last: int
    node: Definition

    @property
    def header(self) -> str:
        """The definition on one line, without its body."""
        if isinstance(self.node, ast.ClassDef):
            bases = ", ".join(ast.unparse(base) for base in (*self.node.bases, *self.node.keywords))
            return f"class {self.node.name}({bases})" if bases else f"class {self.node.name}"
        kind = "async def" if isinstance(self.node, ast.AsyncFunctionDef) else "def"
        result = f" -> {ast.unparse(self.node.returns)}" if self.node.returns else ""
        return f"{kind} {self.node.name}({ast.unparse(self.node.args)}){result}"

    @property
    def summary(self) -> str:
        """The first line of the docstring; empty when there is none."""
        return (ast.get_docstring(self.node) or "").partition("\n")[0]


def symbols(source: str) -> tuple[Symbol, ...]:
    """Return the definitions of a module in order, methods and nested ones included."""
    return tuple(_walk(_parsed(source), ""))


def find(source: str, name: str) -> Symbol:
    """Return the one definition of that qualified name; raise when there is none, or more (overloads, `if`/`else`)."""
    found = [symbol for symbol in symbols(source) if symbol.name == name]
    if len(found) != 1:
        known = ", ".join(sorted({symbol.name for symbol in symbols(source)})[:20])
        raise Refused(f"{len(found)} definitions are called {name!r}; defined are: {known or 'none'}")
    return found[0]


def outline(source: str) -> str:
    """Return the headers and one-line summaries of all definitions, indented as they are nested."""
    rows = []
    for symbol in symbols(source):
        summary = f"  # {symbol.summary}" if symbol.summary else ""
        rows.append(" " * symbol.node.col_offset + symbol.header + summary)
    return "\n".join(rows)


def fitted(definition: str, column: int) -> list[str]:
    """Return the lines of a definition, shifted to a column; strings that are not docstrings keep their inner lines."""
    lines = definition.strip("\n").split("\n")
    by = column - columns(lines[0])
    if by == 0:
        return lines
    above = ["if True:"] if columns(lines[0]) else []  # makes an indented definition a module that can be parsed
    fixed = _inside_strings("\n".join([*above, *lines]))
    return [line if number in fixed else shifted(line, by) for number, line in enumerate(lines, 1 + len(above))]


def _walk(node: ast.AST, prefix: str) -> Iterator[Symbol]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            continue  # an expression holds no definition
        if isinstance(child, Definition):
            first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
            yield Symbol(prefix + child.name, first, child.end_lineno or first, child)
            yield from _walk(child, f"{prefix}{child.name}.")
        else:
            yield from _walk(child, prefix)


def _parsed(source: str) -> ast.Module:
    tree = parse(source)
    if tree is None:
        raise Refused("the source is not valid Python")
    return tree


def _inside_strings(source: str) -> set[int]:
    """Return the numbers of the lines that begin inside a string whose white space is part of its value."""
    tree = _parsed(source)
    layout = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    strings = (node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr))
    return {
        line
        for node in strings
        if id(node) not in layout
        for line in range(node.lineno + 1, (node.end_lineno or node.lineno) + 1)
    }
