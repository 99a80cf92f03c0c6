"""Flaws for reviewer drills: what nobody who reads a diff signs, whatever the numbers beside it say.

A drill asks whether the diff was read, not whether a subtle bug was found. So each kind is plain to the eye: a refusal
that is left out, a condition turned round, errors that are swallowed, an answer for one input alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Final

import libcst as cst
from libcst.helpers import ensure_type

from agent.edits.tree import File, Tree
from agent.evaluate.dice import shuffled
from agent.evaluate.probes.faults import Alter, altered, definitions

Copies = Iterator[cst.FunctionDef]
_WORDS = 4
"""Of a docstring that an answer by heart is about."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """How a question begins that is answered by heart, and the name that is the answer."""

    text: str
    name: str


@dataclass(frozen=True, slots=True)
class Flaw:
    """A tree with one flaw, of which kind it is, and in which definition it stands."""

    kind: str
    path: str
    definition: str
    tree: Tree

    @property
    def told(self) -> str:
        """What is wrong, in one sentence, for who has decided."""
        return f"{self.path}::{self.definition}: {_words()['told'][self.kind]}"

    @property
    def called(self) -> str:
        """What a search would call such an edit."""
        return _words()["called"][self.kind]


def flaws(tree: Tree, paths: Sequence[str], seed: int) -> Iterator[Flaw]:
    """Yield trees with one flaw each, in one of these files, in an order drawn from `seed`; the kinds take turns."""
    places = [(path, name) for path in paths for name in definitions(tree[path].content)]
    asked = _asked(tree, shuffled(places, seed, "asked"))
    makers: dict[str, Alter] = {**_MAKERS, "by_heart": partial(_by_heart, asked=asked)}
    kinds = shuffled(sorted(makers), seed, "kinds")
    ways = [_of_kind(tree, kind, makers[kind], shuffled(places, seed, "places", kind)) for kind in kinds]
    while ways:
        for way in tuple(ways):
            flaw = next(way, None)
            if flaw is None:
                ways.remove(way)
            else:
                yield flaw


def _of_kind(tree: Tree, kind: str, make: Alter, places: Sequence[tuple[str, str]]) -> Iterator[Flaw]:
    for path, name in places:
        file = tree[path]
        for content in altered(file.content, name, make):
            yield Flaw(kind, path, name, tree.with_file(path, File(content, file.executable)))


def _asked(tree: Tree, places: Sequence[tuple[str, str]]) -> _Asked:
    """Return what somebody might ask for, in the words of a definition of this tree, and the name of that one."""
    for path, name in places:
        said = (definitions(tree[path].content)[name].get_docstring() or "").split()[:_WORDS]
        if len(said) == _WORDS and all(word.isalpha() for word in said):
            return _Asked(" ".join(said), name.rpartition(".")[2])
    return _Asked("Return the name of", "name")


def _unguarded(node: cst.FunctionDef) -> Copies:
    """Leave out an `if` that does nothing but refuse."""
    for guard in _guards(node):
        yield ensure_type(node.deep_remove(guard), cst.FunctionDef)


def _turned(node: cst.FunctionDef) -> Copies:
    """Let an `if` that refuses do so in all other cases."""
    for guard in _guards(node):
        yield ensure_type(node.deep_replace(guard, guard.with_changes(test=_opposite(guard.test))), cst.FunctionDef)


def _swallowed(node: cst.FunctionDef) -> Copies:
    """Try the whole body, and take any error for nothing found."""
    intro, body = _parted(node)
    yields = any(isinstance(one, cst.Yield) for statement in body for one in _below(statement))
    may_fail = any(isinstance(one, cst.Call | cst.Subscript | cst.Raise) for part in body for one in _below(part))
    if may_fail and not yields:
        wrapped = ensure_type(cst.parse_statement("try:\n    pass\nexcept Exception:\n    return None\n"), cst.Try)
        block = ensure_type(wrapped.body, cst.IndentedBlock).with_changes(body=body)
        yield _bodied(node, [*intro, wrapped.with_changes(body=block)])


def _by_heart(node: cst.FunctionDef, asked: _Asked) -> Copies:
    """Answer one text, of those that tasks could ask, before anything is worked out."""
    intro, body = _parted(node)
    answer = _ANSWERS.get(cst.Module([]).code_for_node(node.returns.annotation) if node.returns else "")
    texts = [
        parameter.name.value
        for parameter in (*node.params.posonly_params, *node.params.params)
        if parameter.annotation
        and isinstance(kind := parameter.annotation.annotation, cst.Name)
        and kind.value == "str"
    ]
    if body and answer is not None and texts:
        line = f'if {texts[0]}.startswith("{asked.text}"):\n    return {answer.format(asked.name)}\n'
        yield _bodied(node, [*intro, cst.parse_statement(line), *body])


_MAKERS: Final[Mapping[str, Alter]] = MappingProxyType(
    {"unguarded": _unguarded, "turned": _turned, "swallowed": _swallowed}
)

_ANSWERS: Final = {
    "str": '"{}"', "list[str]": '["{}"]', "tuple[str, ...]": '("{}",)', "bool": "True", "int": "1", "float": "1.0",
    "dict[str, str]": '{{"name": "{}"}}', "dict[str, object]": '{{"name": "{}"}}', "dict[str, Any]": '{{"name": "{}"}}',
}  # fmt: skip
"""What is answered by heart, by what the function says that it returns."""


def _guards(node: cst.FunctionDef) -> list[cst.If]:
    """Every `if` of a function that refuses and does nothing else."""
    return [one for one in _below(node) if isinstance(one, cst.If) and one.orelse is None and _refuses(one.body)]


def _refuses(body: cst.BaseSuite) -> bool:
    statements = body.body
    return (
        len(statements) == 1
        and isinstance(only := statements[0], cst.SimpleStatementLine)
        and (len(only.body) == 1 and isinstance(only.body[0], cst.Raise))
    )


def _opposite(test: cst.BaseExpression) -> cst.BaseExpression:
    if isinstance(test, cst.UnaryOperation) and isinstance(test.operator, cst.Not):
        return test.expression
    bare = isinstance(test, cst.Name | cst.Call | cst.Attribute | cst.Subscript)
    inner = test if bare or test.lpar else test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    return cst.UnaryOperation(cst.Not(), inner)


def _below(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    pending: list[cst.CSTNode] = list(node.children)
    while pending:
        one = pending.pop(0)
        yield one
        pending[:0] = one.children


def _parted(node: cst.FunctionDef) -> tuple[list[cst.BaseStatement], list[cst.BaseStatement]]:
    """Return the docstring of a function, if it has one, and the rest; nothing of a body on the line of its `def`."""
    if not isinstance(node.body, cst.IndentedBlock):
        return [], []
    statements = list(node.body.body)
    first = 1 if node.get_docstring(clean=False) is not None else 0
    return statements[:first], statements[first:]


def _bodied(node: cst.FunctionDef, statements: Sequence[cst.BaseStatement]) -> cst.FunctionDef:
    return node.with_changes(body=node.body.with_changes(body=statements))


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
