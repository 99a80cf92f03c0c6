"""All mutations of a mind, enumerated lazily and drawn by chance.

A draw chooses first the kind, then the definition, then what to replace in it, then by what: so a file of many
operators does not drown one `Literal`, nor a number with ten alternatives a switch with one. The weights come from the
caller, who learns them as the search goes on.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
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

    def draw(self, chance: random.Random, weigh: Callable[[Hashable], float]) -> Mutation | None:
        """Return one mutation by chance, or `None` when the kind that was drawn has none.

        weigh: gives the weight of a kind, of a definition (`Mutation.place`) and of a target (`Mutation.target`).
        """
        found = self.of(pick(chance, {kind: weigh(kind) for kind in Kind}))
        if not found:
            return None
        mutations = found[pick(chance, {place: weigh(place) for place in found})]
        target = pick(chance, {mutation.target: weigh(mutation.target) for mutation in mutations})
        return pick(chance, {mutation: 1.0 for mutation in mutations if mutation.target == target})

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
