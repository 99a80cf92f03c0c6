"""All mutations of a mind, enumerated lazily and drawn by chance.

A draw chooses first the kind, then the definition, then one mutation among those: so a file of many operators does not
drown one `Literal`. The weights of kinds and definitions come from the caller, who learns them as the search goes on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

from agent.propose.kinds.calls import arguments, callees, constants, wraps
from agent.propose.kinds.operators import operators
from agent.propose.kinds.sequences import sequences
from agent.propose.kinds.site import Site
from agent.propose.kinds.statements import copies, deletions, duplicates, moves
from agent.propose.kinds.values import alternatives, bools, entries, keys, numbers
from agent.propose.mind import Mind
from agent.propose.mutations import Kind, Mutation
from agent.propose.reach import Key

Finder = Callable[[Site], Iterator[Mutation]]
T = TypeVar("T")

# Which function finds which kinds. One function may yield two kinds: a number is a `DEFAULT` or a `NUMBER`.
FINDERS: Mapping[Kind, tuple[Finder, ...]] = MappingProxyType(
    {
        Kind.ALTERNATIVE: (alternatives,),
        Kind.REGISTRY: (entries,),
        Kind.DEFAULT: (numbers, bools),
        Kind.ARGUMENT: (arguments,),
        Kind.SEQUENCE: (sequences,),
        Kind.NUMBER: (numbers,),
        Kind.BOOL: (bools,),
        Kind.STRING: (keys,),
        Kind.CALL: (callees, constants),
        Kind.WRAP: (wraps,),
        Kind.OPERATOR: (operators,),
        Kind.DELETE: (deletions,),
        Kind.COPY: (copies,),
        Kind.MOVE: (moves,),
        Kind.DUPLICATE: (duplicates,),
    }
)


class Catalogue:
    """The mutations of one mind, by kind and by definition; those of a kind are found when first asked for."""

    def __init__(self, mind: Mind, definitions: frozenset[Key]) -> None:
        self._mind = mind
        self._definitions = definitions
        self._found: dict[Kind, Mapping[Key, Sequence[Mutation]]] = {}

    def of(self, kind: Kind) -> Mapping[Key, Sequence[Mutation]]:
        """Return the mutations of a kind, by definition."""
        if kind not in self._found:
            found: dict[Key, dict[Mutation, None]] = {}
            for mutation in self._find(kind):
                found.setdefault(mutation.place, {})[mutation] = None
            self._found[kind] = {key: tuple(mutations) for key, mutations in found.items()}
        return self._found[kind]

    def draw(
        self, chance: random.Random, kind_weight: Callable[[Kind], float], place_weight: Callable[[Key], float]
    ) -> Mutation | None:
        """Return one mutation by chance, or `None` when the kind that was drawn has none."""
        kind = pick(chance, {kind: kind_weight(kind) for kind in Kind})
        found = self.of(kind)
        if not found:
            return None
        place = pick(chance, {key: place_weight(key) for key in found})
        return pick(chance, dict.fromkeys(found[place], 1.0))

    def __iter__(self) -> Iterator[Mutation]:
        """Yield every mutation, kind by kind."""
        for kind in Kind:
            for mutations in self.of(kind).values():
                yield from mutations

    def _find(self, kind: Kind) -> Iterator[Mutation]:
        for source in self._mind.sources.values():
            for spot in source.spots:
                if (source.path, spot.definition) in self._definitions:
                    for finder in FINDERS[kind]:
                        yield from (m for m in finder(Site(self._mind, source, spot)) if m.kind is kind)


def pick(chance: random.Random, weights: Mapping[T, float]) -> T:
    """Return a key with a probability that follows its weight.

    Only `random()` is asked, whose numbers are the same in every release of Python.
    """
    rest = chance.random() * sum(weights.values())
    keys = list(weights)
    for key in keys:
        rest -= weights[key]
        if rest < 0:
            return key
    return keys[-1]
