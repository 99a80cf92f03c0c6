"""Which kinds of mutation and which definitions have borne fruit: weights that a search learns as it goes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import MappingProxyType

from agent.propose.mutations import Kind, Mutation

# How promising each kind is before anything was tried. A value that the author of the code already
# thought of as an alternative is the best bet; a statement moved at random the worst.
FIRST_WEIGHTS: Mapping[Kind, float] = MappingProxyType(
    {
        Kind.ALTERNATIVE: 2.0,
        Kind.DEFAULT: 1.0,
        Kind.REGISTRY: 0.05,
        Kind.ARGUMENT: 0.3,
        Kind.SEQUENCE: 0.2,
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
# How many results what was expected weighs as much as.
_KIND_MEMORY = 4.0
_PLACE_MEMORY = 2.0
_PLACE_FIRST = 0.5
_CHANGED = 0.4  # what a result is worth that made a difference, if only for the worse


class Arms:
    """Running means of how well kinds, definitions and targets did, each starting from what was expected of it."""

    def __init__(self) -> None:
        self._results: dict[Hashable, tuple[int, float]] = {}
        self._refuted: set[tuple[Hashable, str]] = set()

    def learn(self, mutation: Mutation, *, improved: bool, changed: bool) -> None:
        """Take in one result. A place that makes a difference, if only for the worse, is worth more tries."""
        if not improved:
            self._refuted.add((mutation.target, mutation.after))
        worth = 1.0 if improved else _CHANGED if changed else 0.0
        for arm, value in ((mutation.kind, float(improved)), (mutation.place, worth), (mutation.target, worth)):
            count, total = self._results.get(arm, (0, 0.0))
            self._results[arm] = (count + 1, total + value)

    def doubts(self, mutation: Mutation) -> bool:
        """Whether the same change was tried before, on whatever parent, and did not help."""
        return (mutation.target, mutation.after) in self._refuted

    def weight(self, arm: Hashable) -> float:
        """Return how often a kind, a definition or a target should be drawn, relative to others of its sort."""
        memory = _KIND_MEMORY if isinstance(arm, Kind) else _PLACE_MEMORY
        first = FIRST_WEIGHTS[arm] if isinstance(arm, Kind) else _PLACE_FIRST
        count, total = self._results.get(arm, (0, 0.0))
        return (memory * first + total) / (memory + count)
