"""Which facts and parameters an expression asks for: a misspelt one is found when the law is loaded.

At run time a missing field is an error and denies, but `a || f.mispelt` would hold whenever `a` does. Chains that start
at a variable are checked here against the schema; fields of what a macro runs over are left to the engines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from agent.gate.facts import Facts

_STRING = re.compile(r"""[rRbB]{0,2}("{3}|'{3}|"|')(?:\\.|(?!\1).)*?\1""", re.DOTALL)
_CHAIN = re.compile(r"(?<![\w.])([A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)(\s*\()?")
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|filter|map)\s*\(\s*([A-Za-z_]\w*)\s*,")
_WORDS = frozenset({"true", "false", "null", "in"})


Path = tuple[str, ...]
"""Where a value stands: a variable and the names below it."""


def unknown_references(source: str, parameters: Iterable[str], variables: tuple[str, ...]) -> tuple[str, ...]:
    """Return the chains in a CEL expression that name neither a fact, a parameter nor a macro's own variable."""
    shadowed = _own_variables(source) & set(variables)  # a variable's name must not come to mean another thing
    known = frozenset(parameters)
    unknown = {".".join(path) for path in references(source) if not _is_known(path, known, variables)}
    return tuple(sorted(shadowed | unknown))


def references(source: str) -> frozenset[Path]:
    """Return every chain of names in a CEL expression that does not start at a macro's own variable."""
    own = _own_variables(source) | _WORDS
    found = set()
    for match in _CHAIN.finditer(_STRING.sub('""', source)):
        parts = re.sub(r"\s", "", match[1]).split(".")
        path = tuple(parts[:-1] if match[2] else parts)  # before a parenthesis stands a function
        if path and path[0] not in own:
            found.add(path)
    return frozenset(found)


def pruned(document: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """Return of a nested document only what stands at `paths`: engines pay for every value that they are given.

    A path that is not there is left out, so that who asks for it is told so by the engines.
    """
    kept: dict[str, Any] = {}
    for path in sorted(paths, key=len):
        _keep(document, kept, path)
    return kept


def _keep(source: Any, kept: dict[str, Any], path: Path) -> None:
    for part in path[:-1]:
        source = source.get(part) if isinstance(source, dict) else None
        if kept.setdefault(part, {}) is source:
            return  # all of it is kept already
        kept = kept[part]
    if isinstance(source, dict) and path[-1] in source:
        kept[path[-1]] = source[path[-1]]


def _own_variables(source: str) -> set[str]:
    return {found[1] for found in _MACRO.finditer(_STRING.sub('""', source))}


def _is_known(path: Path, parameters: frozenset[str], variables: tuple[str, ...]) -> bool:
    if path[0] not in variables:
        return False
    within = path[1:] if path[0] == "say" else path
    if within[:1] == ("p",):
        return len(within) == 2 and within[1] in parameters
    return within[:1] == ("f",) and ".".join(within[1:]) in _fact_paths()


@cache
def _fact_paths() -> frozenset[str]:
    """Every field of the facts document that can be reached by names alone."""
    return frozenset(_fields(Facts, ""))


def _fields(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        path = prefix + (field.alias or name)
        yield path
        inner: Any = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _fields(inner, path + ".")
