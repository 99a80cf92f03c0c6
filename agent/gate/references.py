"""Which facts and parameters an expression asks for, so that a misspelt one is found when the law is loaded.

At run time a missing field is an error and denies, but `a || f.mispelt` would hold whenever `a` does. Chains that start
at a variable are checked here against the schema; fields of what a macro runs over are left to the engines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from agent.gate.facts import Facts

_STRING = re.compile(r"""[rRbB]{0,2}("{3}|'{3}|"|')(?:\\.|(?!\1).)*?\1""", re.DOTALL)
_CHAIN = re.compile(r"(?<![\w.])([A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)(\s*\()?")
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|filter|map)\s*\(\s*([A-Za-z_]\w*)\s*,")
_WORDS = frozenset({"true", "false", "null", "in"})


def unknown_references(source: str, parameters: Iterable[str], variables: tuple[str, ...]) -> tuple[str, ...]:
    """Return the chains in a CEL expression that name neither a fact, a parameter nor a macro's own variable."""
    bare = _STRING.sub('""', source)
    own = {found[1] for found in _MACRO.finditer(bare)}
    if own & set(variables):
        return tuple(sorted(own & set(variables)))  # a macro that takes a variable's name makes it mean another thing
    return tuple(sorted(set(_unknown(bare, own, frozenset(parameters), variables))))


def _unknown(bare: str, own: set[str], parameters: frozenset[str], variables: tuple[str, ...]) -> Iterator[str]:
    for found in _CHAIN.finditer(bare):
        parts = re.sub(r"\s", "", found[1]).split(".")
        if found[2]:
            parts = parts[:-1]  # the last one is a function
        if not parts or parts[0] in own or parts[0] in _WORDS:
            continue
        if parts[0] not in variables:
            yield parts[0]
        elif parts[0] == "say":
            if not _is_known(parts[1:], parameters):
                yield ".".join(parts)
        elif not _is_known(parts, parameters):
            yield ".".join(parts)


def _is_known(parts: list[str], parameters: frozenset[str]) -> bool:
    if parts[:1] == ["p"]:
        return len(parts) == 2 and parts[1] in parameters
    return parts[:1] == ["f"] and ".".join(parts[1:]) in _paths()


@cache
def _paths() -> frozenset[str]:
    """Every field of the facts document that can be reached by names alone."""
    return frozenset(_fields(Facts, ""))


def _fields(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = prefix + (field.alias or name)
        yield path
        inner: Any = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and not get_args(inner):
            yield from _fields(inner, path + ".")
