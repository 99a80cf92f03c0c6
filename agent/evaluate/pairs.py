"""Run parent and candidate on the same tasks, in interleaved pairs, round by round, and compare what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.candidate import Comparison, Spending
from agent.edits.tree import Tree
from agent.errors import SandboxDown
from agent.evaluate.compare import alike, compare
from agent.evaluate.dice import Dice
from agent.evaluate.probes.probe import Measured
from agent.evaluate.scoring import Request, Result, Scorer
from agent.evaluate.sequential import Look, Paired
from agent.evaluate.suite import FULL, ModelSuite, Split, Suite, mean_ppm
from agent.evaluate.trial import Attempted
from agent.evaluate.visible import visible
from agent.workspace import Settings
from sandbox.broker.ledger import Spent
from sandbox.contract import Ending

STORED_REPEAT = 0
"""Trials that a search may have run and stored long before."""

DECIDING_REPEAT = 1
"""Trials of a deciding comparison. Their seed is drawn from the pair of trees: each candidate is compared with a parent
that ran in its own batch, and an evaluation that was killed and taken up again pays nothing twice."""

KINDS_OF_REPEAT = 2
"""Where a task is run several times, the further repeats of each kind follow in these steps."""

_CUT_OFF: Mapping[str, str] = {Ending.TIMED_OUT: "met its deadline", Ending.KILLED: "was killed"}


@dataclass(slots=True)
class Side:
    """One side of a unit: its scores in ppm by task, oldest first, and how it came by them."""

    scores: dict[str, list[int]] = field(default_factory=dict)
    attempts: list[Attempted] = field(default_factory=list)
    retried: int = 0
    """Trials that were run again because the wall broke, or because their first run was cut off."""
    ended: str = "exited"
    silent: bool = False
    """Whether a round was not answered. Its tasks then count nothing."""

    def take(self, tasks: Sequence[str], result: Result) -> None:
        """Add what came of one round."""
        for task in tasks:
            self.scores.setdefault(task, []).append(result.scores[task] if result.scores is not None else 0)
        self.attempts += result.attempts
        self.retried += result.retries * len(tasks)
        if result.scores is None and not self.silent:
            self.silent, self.ended = True, result.ending

    def means(self) -> dict[str, int]:
        """Each task's mean."""
        return {task: mean_ppm(scores) for task, scores in self.scores.items()}


@dataclass(slots=True)
class Unit:
    """One suite and split: the parent as it is known, the parent run beside the candidate, and the candidate."""

    suite: Suite
    split: Split
    stored: Side = field(default_factory=Side)
    replayed: Side = field(default_factory=Side)
    candidate: Side = field(default_factory=Side)
    model: str = ""

    @property
    def repeats(self) -> int:
        """How often a task is to be run in all."""
        return self.suite.repeats if isinstance(self.suite, ModelSuite) else 1

    def families(self) -> dict[str, str]:
        """The cluster of each task of the split, run or not."""
        return {task.id: task.family for task in self.suite.tasks(self.split)}

    def paired(self) -> dict[str, Paired]:
        """What a test is shown."""
        return {
            task: Paired(tuple(scores), tuple(self.candidate.scores[task]))
            for task, scores in self.replayed.scores.items()
        }

    def measured(self, seed: int, look: Look | None = None) -> Measured:
        """Compare on the tasks that were run: as the last look of a test did, or with a test of a fixed size."""
        known = self.families()
        families = {task: known[task] for task in self.replayed.scores}
        replayed, candidate = self.replayed.means(), self.candidate.means()
        difference = compare(replayed, candidate, families, seed=seed)
        low, high = difference.low, difference.high
        if low == high:
            low, high = alike(difference.gain, difference.families)
        comparison = Comparison(
            suite=self.suite.name,
            suite_digest=self.suite.digest,
            split=self.split,
            tasks=len(families),
            families=difference.families,
            repeats=max((len(scores) for scores in self.candidate.scores.values()), default=1),
            parent_ppm=difference.parent,
            candidate_ppm=difference.candidate,
            gain_ppm=look.effect_ppm if look else difference.gain,
            gain_low_ppm=look.low_ppm if look else low,
            gain_high_ppm=look.high_ppm if look else high,
            moved=sum(replayed[task] != score for task, score in candidate.items()),
            p_value_ppm=min(FULL, -(-look.p_value_ppb // 1_000)) if look else difference.p_value,
            noise_ppm=abs(mean_ppm(list(self.stored.means().values())) - difference.parent),
            infrastructure_failures=sum(side.retried for side in (self.stored, self.replayed, self.candidate)),
            graded=self.suite.graded if isinstance(self.suite, ModelSuite) else "host",
            model=self.model,
            parent_spent=spending(self.replayed.attempts),
            candidate_spent=spending(self.candidate.attempts),
        )
        return Measured(
            suite=self.suite.name,
            split=self.split,
            comparison=comparison,
            stored=self.stored.means(),
            replayed=replayed,
            candidate={} if self.candidate.silent else candidate,
            ended=self.candidate.ended,
            impossible=self.suite.impossible(self.split) & families.keys(),
        )


@dataclass(frozen=True, slots=True)
class Round:
    """Tasks of a unit that each side is to run once more: each for the `turn`th time, from 0."""

    unit: Unit
    tasks: tuple[str, ...]
    turn: int


class Pairs:
    """All that is run of one candidate and its parent. `trials` counts what the evidence rests on, paid now or before.

    Every trial is named by its content and kept, so whoever asks for the same again, in the same or another process, is
    answered from the store.
    """

    def __init__(self, scorer: Scorer, settings: Settings, base: Tree, tree: Tree) -> None:
        self._scorer = scorer
        self._seed = settings.seed
        self._base, self._tree = visible(base, settings), visible(tree, settings)
        self._order = Dice(settings.seed, "order", base.digest, tree.digest)
        self.batch = int.from_bytes(self._order.seed_bytes()[:4])
        """The seed of what is drawn for these two trees alone."""
        self.trials = 0

    def run(self, rounds: Sequence[Round]) -> None:
        """Run these rounds, interleaved, and add what came of them to their units.

        Raises `SandboxDown` when the parent gave no answers: a comparison needs two sides.
        """
        requests: list[Request] = []
        takers: list[tuple[Round, Side]] = []
        for each in rounds:
            unit, number = each.unit, KINDS_OF_REPEAT * each.turn
            stored = (self._request(self._base, each, self._seed, STORED_REPEAT + number), unit.stored)
            parent = (self._request(self._base, each, self.batch, DECIDING_REPEAT + number), unit.replayed)
            candidate = (self._request(self._tree, each, self.batch, DECIDING_REPEAT + number), unit.candidate)
            # Which of a pair goes first is drawn, so that a machine that grows slower favours neither.
            pair = [candidate, parent] if self._order.below(2) else [parent, candidate]
            for request, side in (stored, *pair):
                requests.append(request)
                takers.append((each, side))
        for (each, side), result in zip(takers, self._scorer.score(requests), strict=True):
            if side is not each.unit.candidate:
                _demand_answers(each.unit, result)
            each.unit.model = result.model
            side.take(each.tasks, result)
        self.trials += sum(len(request.tasks) for request in requests)

    def measure(self, places: Iterable[tuple[Suite, Split]]) -> list[Measured]:
        """Run all tasks of these suites and splits, as often as each suite says, and compare."""
        units = [Unit(suite, split) for suite, split in places]
        self.run([Round(unit, tuple(unit.families()), turn) for unit in units for turn in range(unit.repeats)])
        return [unit.measured(self._seed) for unit in units]

    def _request(self, tree: Tree, each: Round, seed: int, repeat: int) -> Request:
        return Request(tree, each.unit.suite, each.unit.split, each.tasks, seed, repeat, self._tree.digest)


def _demand_answers(unit: Unit, result: Result) -> None:
    if result.scores is not None:
        return
    what = f"the parent's own scaffold gave no answers to suite {unit.suite.name}, {unit.split}"
    if result.ending in _CUT_OFF:
        raise SandboxDown(
            what,
            why=f"the run {_CUT_OFF[result.ending]}, twice in a row",
            mend="See that the machine has memory and time for it, then go on with: successor resume --parallel 1",
        )
    raise SandboxDown(
        what,
        why=f"the run {result.ending}",
        mend="A parent that cannot be measured has no children; mend it by hand first",
    )


def spending(attempts: Iterable[Attempted]) -> Spending:
    """Add up what trials asked of a model."""
    total = Spent()
    for attempt in attempts:
        total = total + attempt.spent
    usage = total.usage
    return Spending(
        calls=total.calls,
        input_tokens=usage.input,
        output_tokens=usage.output,
        cache_read_tokens=usage.read,
        cache_write_tokens=usage.write_5m + usage.write_1h,
        micro_usd=total.micro_usd,
    )
