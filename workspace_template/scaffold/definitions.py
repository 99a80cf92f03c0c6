"""Change Python source by definition: replace, insert beside or delete a function or class, and not a byte more."""

from collections.abc import Sequence
from typing import Any, Literal

import libcst as cst

from scaffold.layout import columns, parse
from scaffold.refused import Refused
from scaffold.symbols import find, fitted

Action = Literal["replace", "insert_before", "insert_after", "delete"]
Definition = cst.FunctionDef | cst.ClassDef


def change_definition(source: bytes, name: str, action: Action, code: str = "") -> bytes:
    """Return the source with one definition changed; `code` holds what comes there, indented in any way."""
    module = _module(source)
    text = source.decode(module.encoding).removeprefix("\ufeff")
    symbol = find(text, name)
    column = columns(text.split("\n")[symbol.first - 1])
    given = [] if action == "delete" else _definitions(code, column, module)
    result = module.visit(_Change(name, action, given, column)).bytes
    if parse(result.decode(module.encoding).removeprefix("\ufeff")) is None:
        raise Refused("the result would not be valid Python")
    return result


class _Change(cst.CSTTransformer):
    """Carries out one action at the definition of a qualified name."""

    def __init__(self, name: str, action: Action, given: list[Any], column: int) -> None:
        super().__init__()
        self._name, self._action, self._given = name, action, given
        self._blank = [cst.EmptyLine(indent=False)] * (1 if column else 2)
        self._inside: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Remember which definitions this is inside of."""
        if isinstance(node, Definition):
            self._inside.append(node.name.value)
        return super().on_visit(node)

    def on_leave(self, original_node: Any, updated_node: Any) -> Any:
        """Change the definition of that name."""
        left = super().on_leave(original_node, updated_node)
        return self._changed(left) if isinstance(left, Definition) else left

    def _changed(self, node: Definition) -> Any:
        name = ".".join(self._inside)
        self._inside.pop()
        if name != self._name:
            return node
        if self._action == "delete":
            return cst.RemoveFromParent()
        first, *rest = self._given
        above = [line for line in node.leading_lines if line.comment is None]
        own = [line for line in first.leading_lines if line.comment]
        if self._action == "replace":
            return cst.FlattenSentinel(
                [first.with_changes(leading_lines=[*above, *own] if own else node.leading_lines), *rest]
            )
        if self._action == "insert_after":
            return cst.FlattenSentinel([node, first.with_changes(leading_lines=[*self._blank, *own]), *rest])
        comments = [line for line in node.leading_lines if line.comment]
        moved = node.with_changes(leading_lines=[*self._blank, *comments])
        return cst.FlattenSentinel([first.with_changes(leading_lines=[*above, *own]), *rest, moved])


def _module(source: bytes) -> cst.Module:
    """Parse a file; refuse one that the parser would not give back byte for byte."""
    try:
        module = cst.parse_module(source)
    except (cst.ParserSyntaxError, UnicodeError) as error:
        raise Refused("the file is not valid Python") from error
    if module.bytes != source:
        raise Refused("this file cannot be changed by definition without changing more; use edit_text")
    return module


def _definitions(code: str, column: int, module: cst.Module) -> list[Any]:
    """Parse new statements as they would stand at a column of this module."""
    if not code.strip():
        raise Refused("`code` is missing")
    lines = fitted(code.replace("\r\n", "\n"), column)
    text = module.default_newline.join((["if True:"] if column else []) + [*lines, ""])
    try:
        parsed = cst.parse_module(text, config=module.config_for_parsing)
    except cst.ParserSyntaxError as error:
        raise Refused(f"`code` is not valid Python: {error.message}") from error
    found: Sequence[Any] = parsed.body[0].body.body if column and isinstance(parsed.body[0], cst.If) else parsed.body
    if not found:
        raise Refused("`code` holds comments only")
    first, *rest = found  # comments above the first statement of a module belong to the module
    return [first.with_changes(leading_lines=[*parsed.header, *first.leading_lines]), *rest]
