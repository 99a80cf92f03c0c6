"""Which kinds of mutation and which definitions have borne fruit: weights that a search learns as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from agent.propose.mutations import Kind, Mutation
from agent.propose.reach import Key

# How promising each kind is before anything was tried. A value that the author of the code already
# thought of as an alternative is the best bet; a statement moved at random the worst.
FIRST_WEIGHTS: Mapping[Kind, float] = MappingProxyType(
    {
        Kind.ALTERNATIVE: 2.0,
        Kind.DEFAULT: 1.0,
        Kind.REGISTRY: 0.15,
        Kind.ARGUMENT: 0.3,
        Kind.SEQUENCE: 0.3,
        Kind.NUMBER: 0.4,
        Kind.BOOL: 0.2,
        Kind.STRING: 0.3,
        Kind.CALL: 0.3,
        Kind.WRAP: 0.15,
        Kind.OPERATOR: 0.15,
        Kind.DELETE: 0.15,
        Kind.COPY: 0.08,
        Kind.MOVE: 0.05,
        Kind.DUPLICATE: 0.05,
    }
)
_KIND_MEMORY = 6.0
_PLACE_MEMORY = 2.0
_PLACE_FIRST = 0.5


class Arms:
    """Running means of how well kinds and definitions did, each starting from what was expected of it."""

    def __init__(self) -> None:
        self._kinds: dict[Kind, tuple[int, float]] = {}
        self._places: dict[Key, tuple[int, float]] = {}
        self._refuted: set[tuple[Key, str, str, str]] = set()

    def learn(self, mutation: Mutation, *, improved: bool, changed: bool) -> None:
        """Take in one result. A definition that makes a difference, if only for the worse, is worth more tries."""
        if not improved:
            self._refuted.add(_what(mutation))
        count, total = self._kinds.get(mutation.kind, (0, 0.0))
        self._kinds[mutation.kind] = (count + 1, total + improved)
        count, total = self._places.get(mutation.place, (0, 0.0))
        self._places[mutation.place] = (count + 1, total + (1.0 if improved else 0.4 if changed else 0.0))

    def doubts(self, mutation: Mutation) -> bool:
        """Whether the same change was tried before, on whatever parent, and did not help."""
        return _what(mutation) in self._refuted

    def kind_weight(self, kind: Kind) -> float:
        """Return how often a kind should be drawn, relative to others."""
        count, total = self._kinds.get(kind, (0, 0.0))
        return (_KIND_MEMORY * FIRST_WEIGHTS[kind] + total) / (_KIND_MEMORY + count)

    def place_weight(self, place: Key) -> float:
        """Return how often a definition should be drawn, relative to others."""
        count, total = self._places.get(place, (0, 0.0))
        return (_PLACE_MEMORY * _PLACE_FIRST + total) / (_PLACE_MEMORY + count)


def _what(mutation: Mutation) -> tuple[Key, str, str, str]:
    return mutation.place, mutation.label, mutation.before, mutation.after
