"""The offline proposer: a seeded search over mutations of the mind, guided by the dev tasks of the objective suite.

A generation of children is bred from the best so far, by mutation and by joining the edits of two. They race against
their parents on more and more tasks, who cannot win any more is stopped, and only what gained on all tasks of the race,
and breaks no test of the workspace, stays. At the end the finalists are scored on tasks that no choice was made by, and
every edit that does not carry gain is taken out again.

Nothing here looks at a clock or at the number of workers, so the same seed gives the same proposal on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.edits.tree import Tree
from agent.propose.arms import Arms
from agent.propose.catalogue import Catalogue, pick
from agent.propose.finish import Finish, Outcome, finish_cost, points
from agent.propose.genome import Genome, changed_lines, cross, extend
from agent.propose.ledger import Ledger
from agent.propose.mind import Library
from agent.propose.mutations import Mutation
from agent.propose.pools import Pools, share_out
from agent.propose.proposer import Brief, DevBench, Proposal
from agent.propose.race import chance
from agent.propose.reach import reachable


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search spends its budget. Part of what a seed reproduces: change it, and the proposal may change.

    generation: children per generation; the bench is asked about all of them at once.
    elites: how many genomes are kept as parents.
    crosses: most children of a generation that join two genomes instead of mutating one.
    looks: growing shares of the dev tasks at which a race looks. The last is all that chooses; the tasks beyond it are
        kept for the finalists.
    joins: standard errors by which a child must beat its parent on all tasks of the race.
    least_chance: a child with a smaller chance to come to that is stopped. 0: every race is run to its end.
    doubt: how often a change that did not help another parent is passed over.
    patience: generations without a new elite after which the search ends.
    trees: most trees scored when the brief names no seconds.
    seconds_per_tree: nominal, to turn the brief's seconds into a number of trees; never measured.
    fewest_trees: a small budget of trials is spent on fewer tasks, so that it still buys about so many trees.
    """

    generation: int = 8
    elites: int = 4
    crosses: int = 3
    looks: tuple[float, ...] = (0.025, 0.05, 0.1, 0.2, 0.5)
    joins: float = 2.0
    least_chance: float = 0.05
    doubt: float = 0.75
    patience: int = 4
    trees: int = 90
    seconds_per_tree: float = 2.0
    fewest_trees: int = 30


# Draws for one mutant: most fail because they were made before, do not compile or make the diff too long. When that
# many fail in a row, the space near the elites is as good as used up, and the search ends.
_TRIES = 200


class Codemod:
    """Proposer by program search. It keeps nothing between two proposals."""

    def __init__(self, plan: Plan | None = None) -> None:
        self._plan = plan or Plan()

    def propose(
        self,
        base: Tree,
        brief: Brief,
        bench: DevBench,
        checkpoint: Callable[[], None],
        progress: Callable[[str], None],
    ) -> Proposal | None:
        """Search, and return the smallest tree found that beats the base, or `None`."""
        trees = self._plan.trees
        if brief.seconds_budget is not None:
            trees = int(brief.seconds_budget / self._plan.seconds_per_tree)
        ledger = Ledger(bench, brief.objective_suite, trials=brief.trial_budget, trees=trees, checkpoint=checkpoint)
        dice = random.Random(brief.seed)  # noqa: S311  # chance that can be repeated is what a search needs
        dev = bench.dev_tasks(brief.objective_suite)
        most = brief.trial_budget // self._plan.fewest_trees
        tasks = share_out(dev, most, self._plan.looks, dice)
        outcome = _Search(base, brief, self._plan, ledger, tasks, dice=dice, progress=progress).run()
        if outcome is None:
            return None
        return Proposal(outcome.tree, outcome.rationale, ledger.trials, ledger.trees - 1)


@dataclass(frozen=True, slots=True)
class _Child:
    """A genome that was just bred, the one it must beat, and the mutation that made it, if one did."""

    genome: Genome
    parent: Genome
    mutation: Mutation | None


class _Search:
    """One run of the search."""

    def __init__(
        self,
        base: Tree,
        brief: Brief,
        plan: Plan,
        ledger: Ledger,
        tasks: Pools,
        *,
        dice: random.Random,
        progress: Callable[[str], None],
    ) -> None:
        self._brief, self._plan, self._ledger, self._tasks = brief, plan, ledger, tasks
        self._dice, self._progress = dice, progress
        self._library = Library(brief.editable)
        self._arms = Arms()
        self._base = Genome((), base)
        self._found: list[Genome] = []  # every genome that ever beat its parent, the best first
        self._seen = {base.digest}
        self._catalogues: dict[str, Catalogue] = {}
        self._definitions = reachable(self._library.mind(base), brief.entry_points)

    def run(self) -> Outcome | None:
        """Search until the budget, the patience or the supply of mutations ends; then settle on the best."""
        if len(self._tasks.every) < 2 or not self._ledger.score([self._base.tree], self._tasks.every):
            self._progress("codemod: the budget does not allow a search")
            return None
        if self._ledger.scores(self._base.tree, self._tasks.every) is None:
            self._progress("codemod: the base does not run, so nothing can be compared with it")
            return None
        idle = 0
        while idle < self._plan.patience and (children := self._breed()):
            idle = 0 if self._race(children) else idle + 1
            self._report()
        end = Finish(self._base.tree, self._ledger, self._tasks, self._library)
        return end.settle(self._found, self._progress)

    def _breed(self) -> list[_Child]:
        """Return the next generation: joins of what was found, then mutations, as many as the budget allows."""
        best = self._found[0] if self._found else self._base
        room = self._ledger.room(len(self._tasks.race), keep=finish_cost(self._found, self._tasks))
        if room < self._plan.generation // 2:
            return []  # what is left pays for too little to choose from
        wanted = min(self._plan.generation, room)
        children = self._crossed(best)[: min(self._plan.crosses, wanted)]
        self._seen.update(child.genome.tree.digest for child in children)
        while len(children) < wanted and (child := self._mutant()):
            self._seen.add(child.genome.tree.digest)
            children.append(child)
        return children

    def _crossed(self, best: Genome) -> list[_Child]:
        """Return joins of the best genome with all others at once, and with each of them, as far as they are new."""
        everything = best
        for other in self._found[1:]:
            everything = cross(self._base.tree, everything, other, self._library)
        pairs = [cross(self._base.tree, best, other, self._library) for other in self._found[1:]]
        new = {genome.tree.digest: genome for genome in (everything, *pairs) if self._allowed(genome)}
        return [_Child(genome, best, None) for genome in new.values()]

    def _mutant(self) -> _Child | None:
        """Return a new mutant, or `None` when chance finds none any more."""
        for _ in range(_TRIES):
            parent = self._parent()
            draw = self._catalogue(parent).draw(self._dice, self._arms.weight)
            if draw and self._arms.doubts(draw) and self._dice.random() < self._plan.doubt:
                continue
            genome = extend(self._base.tree, parent, draw, self._library) if draw else None
            if genome and self._allowed(genome):
                return _Child(genome, parent, draw)
        return None

    def _parent(self) -> Genome:
        elites = self._found[: self._plan.elites] or [self._base]
        return elites[pick(self._dice, {rank: 0.5**rank for rank in range(len(elites))})]

    def _catalogue(self, genome: Genome) -> Catalogue:
        if genome.tree.digest not in self._catalogues:
            self._catalogues[genome.tree.digest] = Catalogue(self._library.mind(genome.tree), self._definitions)
        return self._catalogues[genome.tree.digest]

    def _allowed(self, genome: Genome) -> bool:
        """Whether a tree is new and its diff small enough."""
        new = genome.tree.digest not in self._seen
        return new and changed_lines(self._base.tree, genome.tree) <= self._brief.max_changed_lines

    def _race(self, children: Sequence[_Child]) -> int:
        """Look at children until they are stopped or through, learn from them, and return how many were taken in."""
        alive = list(children)
        for tasks in self._tasks.looks:
            self._ledger.score([child.genome.tree for child in alive], tasks)
            alive = [child for child in alive if self._may_win(child, tasks)]
        better = [child for child in alive if self._wins(child)]
        sound = self._ledger.sound([child.genome.tree for child in better])
        joined = [child for child, whole in zip(better, sound, strict=True) if whole]
        for child in children:
            if child.mutation:
                self._arms.learn(child.mutation, improved=child in joined, changed=self._differs(child))
        self._found = sorted([*self._found, *(child.genome for child in joined)], key=self._low, reverse=True)
        return len(joined)

    def _may_win(self, child: _Child, tasks: Sequence[str]) -> bool:
        """Whether it is worth looking at a child again. One that does not run is not."""
        gain = self._ledger.gain(child.parent.tree, child.genome.tree, tasks)
        if gain is None:
            return False
        return chance(gain, len(tasks), len(self._tasks.race), self._plan.joins) >= self._plan.least_chance

    def _wins(self, child: _Child) -> bool:
        gain = self._ledger.gain(child.parent.tree, child.genome.tree, self._tasks.race)
        return gain is not None and gain.sigmas >= self._plan.joins

    def _differs(self, child: _Child) -> bool:
        """Whether a child runs and scores differently on some task: its mutation touched something that matters.

        Only the first look says so, because all children come to it.
        """
        mine = self._ledger.scores(child.genome.tree, self._tasks.looks[0])
        return mine is not None and mine != self._ledger.scores(child.parent.tree, self._tasks.looks[0])

    def _low(self, genome: Genome) -> float:
        gain = self._ledger.gain(self._base.tree, genome.tree, self._tasks.race)
        return gain.low if gain else float("-inf")

    def _report(self) -> None:
        best = self._ledger.gain(self._base.tree, self._found[0].tree, self._tasks.race) if self._found else None
        state = f"best {points(best)}" if best else "nothing better yet"
        self._progress(f"codemod: {self._ledger.trees - 1} candidates tried, {self._ledger.trials} trials, {state}")
