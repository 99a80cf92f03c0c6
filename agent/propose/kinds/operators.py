"""Mutations of operators: each into those that bind as tightly, so that the rest of the expression means the same.

Example: `a < b` becomes `a <= b`; `a + b` becomes `a - b`; `a and b` becomes `a or b`; `not a` becomes `a`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from agent.propose.kinds.site import Site
from agent.propose.mutations import Kind, Mutation

SWAPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "<": ("<=", ">"),
        "<=": ("<", ">="),
        ">": (">=", "<"),
        ">=": (">", "<="),
        "==": ("!=", ">=", "<="),
        "!=": ("==",),
        "in": ("not in",),
        "not in": ("in",),
        "is": ("is not",),
        "is not": ("is",),
        "+": ("-",),
        "-": ("+",),
        "*": ("/",),
        "/": ("*", "//"),
        "//": ("/", "%"),
        "%": ("//",),
        "|": ("&",),
        "&": ("|", "-"),
        "and": ("or",),
        "or": ("and",),
        "not": ("",),
        "+=": ("-=", "="),
        "-=": ("+=",),
        "*=": ("/=", "+="),
        "/=": ("*=",),
        "|=": ("&=",),
        "&=": ("|=",),
    }
)


def operators(site: Site) -> Iterator[Mutation]:
    """Yield the swaps of one operator."""
    if site.spot.role == "operator":
        for text in SWAPS.get(" ".join(site.spot.text.split()), ()):
            yield site.becomes(Kind.OPERATOR, text)
