"""The table of capabilities (`capabilities.toml`) and the question it answers: what does this name make possible?"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import cast

from pydantic import Field

from agent.candidate import Record
from agent.gate.document import CapabilityKind


class _Section(Record):
    """One kind in the file. Lists left out are empty."""

    modules: list[str] = Field(default_factory=list)
    names: list[str] = Field(default_factory=list)
    builtins: list[str] = Field(default_factory=list)
    methods: list[str] = Field(default_factory=list)
    attributes: list[str] = Field(default_factory=list)


class Table(Record):
    """The file turned around: from a name to its kind."""

    modules: dict[str, CapabilityKind]
    names: dict[str, CapabilityKind]
    builtins: dict[str, CapabilityKind]
    methods: dict[str, CapabilityKind]
    attributes: dict[str, CapabilityKind]

    def of_module(self, module: str) -> CapabilityKind | None:
        """Kind of importing `module`: that of the nearest listed module at or above it."""
        parts = module.split(".")
        found = (self.modules.get(".".join(parts[:length])) for length in range(len(parts), 0, -1))
        return next((kind for kind in found if kind), None)

    def of_name(self, name: str) -> CapabilityKind | None:
        """Kind of a fully qualified name: that of the longest listed prefix of it."""
        parts = name.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((kind for p in prefixes if (kind := self.names.get(p) or self.modules.get(p))), None)

    def within(self, chain: str, modules: frozenset[str]) -> tuple[str, CapabilityKind] | None:
        """Kind of a dotted chain whose tail is a listed name, such as `self.os.system` or `own.os.popen`.

        `modules` are those whose name alone, anywhere in the chain, is taken for the module.
        """
        parts = chain.split(".")
        for start in range(1, len(parts) - 1):
            for end in range(len(parts), start + 1, -1):
                tail = ".".join(parts[start:end])
                kind = self.names.get(tail) or (self.modules.get(parts[start]) if parts[start] in modules else None)
                if kind:
                    return tail, kind
        return None


@cache
def table() -> Table:
    """Read the table that ships beside this module."""
    raw = tomllib.loads(files("agent.gate").joinpath("capabilities.toml").read_text("utf-8"))
    sections = {cast("CapabilityKind", kind): _Section.model_validate(section) for kind, section in raw.items()}
    return Table.model_validate(
        {
            column: {name: kind for kind, section in sections.items() for name in getattr(section, column)}
            for column in ("modules", "names", "builtins", "methods", "attributes")
        }
    )
