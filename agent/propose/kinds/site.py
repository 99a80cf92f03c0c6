"""What a finder of mutations is given: one spot, the file that it is in, and the mind around it."""

from __future__ import annotations

from dataclasses import dataclass

from agent.propose.mind import Mind
from agent.propose.mutations import Kind, Mutation, Need, mutate
from agent.propose.source import Source
from agent.propose.spots import Spot


@dataclass(frozen=True, slots=True)
class Site:
    """One spot in its surroundings."""

    mind: Mind
    source: Source
    spot: Spot

    def becomes(self, kind: Kind, after: str, *, need: Need | None = None, following: str = "") -> Mutation:
        """Return the mutation that puts `after` in place of the spot and of the text `following` it."""
        return mutate(kind, self.source, self.spot, after, need=need, following=following)
