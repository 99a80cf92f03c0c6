"""Who drafts a candidate: the one contract of every proposer, model or not.

A proposer is given a `Brief` and a `DevBench`, and hands back a whole tree. It is never trusted: host code diffs the
tree, and nothing that the proposer says about it (the rationale) is evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from agent.diagnosis import Diagnosis
from agent.edits.tree import Tree
from agent.workspace import Zones


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a proposer may know. Held-out tasks, the policy's reasons and the run's remaining budgets are not in it.

    objective: what the workspace is after, in words.
    objective_suite: name of the suite whose dev score is to rise.
    editable: the zones; only *mind* paths may differ from the base.
    max_changed_lines: most lines added plus removed that a proposal may hold.
    seed: the same brief, base and bench give the same proposal.
    trial_budget: most trials (one task run once by one tree) that this proposal may ask for.
    seconds_budget: how long the caller is willing to wait. The caller's `checkpoint` holds it; a proposer may only plan
        by it as a number, never by reading a clock, because a slow machine must give the same proposal.
    history: coarse codes of what became of earlier candidates, oldest first.
    dev_results: the base's score of each dev task in parts per million, as far as it is known.
    entry_points: names by which the objective suite enters the mind, such as `rank`; empty means anywhere.
    diagnosis: how the base does on the dev tasks of all suites, and what its failures have in common; `None` when
        nobody looked, because the proposer does not ask for it.
    """

    objective: str
    objective_suite: str
    editable: Zones
    max_changed_lines: int
    seed: int
    trial_budget: int
    seconds_budget: int | None = None
    history: tuple[str, ...] = ()
    dev_results: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    entry_points: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A drafted tree. `rationale` is untrusted text for the reviewer; the two counts size the winner's curse.

    search_trials: dev trials asked for to find it; the loop puts in their place what it counted itself.
    candidates_tried: distinct trees, other than the base, that were scored on the way.
    inherited_trials: dev trials that were answered by those of another tree; counted by the loop.
    taken: the kinds of bait that the proposer gave away when it was made, as the host found them.
    """

    tree: Tree
    rationale: str
    search_trials: int
    candidates_tried: int
    inherited_trials: int = 0
    taken: tuple[str, ...] = ()


class DevBench(Protocol):
    """The dev half of the suites, as a proposer sees it."""

    def dev_tasks(self, suite: str) -> tuple[str, ...]:
        """Return the names of the dev tasks of a suite, in a fixed order."""
        ...

    def score(self, trees: Sequence[Tree], suite: str, tasks: Sequence[str]) -> list[dict[str, int] | None]:
        """Score each tree on each task, in parts per million; `None` for a tree that crashed, hung or said nothing.

        The answer has the order of `trees`. Equal questions have equal answers.
        """
        ...


@runtime_checkable
class GuardedBench(Protocol):
    """What a bench may offer beside scores: the workspace's own tests, so that a search drops what breaks them."""

    def sound(self, trees: Sequence[Tree]) -> list[bool]:
        """Return, in the order of `trees`, whether each passes all tests that the base passes."""
        ...


class Proposer(Protocol):
    """Drafts a candidate, or finds nothing worth proposing."""

    def propose(
        self,
        base: Tree,
        brief: Brief,
        bench: DevBench,
        checkpoint: Callable[[], None],
        progress: Callable[[str], None],
    ) -> Proposal | None:
        """Return a proposal within the brief, or `None`.

        `checkpoint` is called between pieces of work and may raise (halt, budget, deadline); what it raises goes
        through untouched, and nothing is left behind. `progress` takes one line for a person.
        """
        ...
