"""Twins of tasks, run by candidate and parent: in other words (blocks), and under other labels (a tripwire).

Re-worded: a gain that is there on the tasks and not on the same tasks in other words was learned by heart. Asked only
where there is a gain. The gap must be more than chance gives, as between dev and held-out tasks; or what is left of the
gain, at its best, less than half of what it is at least: who learned tasks by what re-wording sometimes keeps has a
gain left that is no chance. A scaffold that knows the tasks by a few rare words of theirs is not caught: those stay.

Re-labelled: other ids, order, paths, names of host and user, time zone. A suite without chance has the same outcomes,
whatever its tasks are called; a candidate whose outcomes move more than its parent's looks at what it should not need.
Which twins are run is drawn from the workspace's secret, so that no proposer can make them beforehand.
The date and the kernel's own host name are not changed, and none of this shows a scaffold that holds back everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agent.candidate import Comparison, ProbeResult
from agent.evaluate.compare import compare
from agent.evaluate.probes.heldout_gap import is_gap
from agent.evaluate.probes.probe import Measured, Subject, result
from agent.evaluate.probes.running import Answered, Place, Seen, TaskWish, Wish
from agent.evaluate.twins import Kind, Twin, Twinned
from agent.evaluate.visible import visible

LABELLED = 117
"""Most tasks of a split that are run under other labels. Some are always left out: their number is a label too."""
Pair = tuple[Measured, Twinned, tuple[str, ...]]


def _wishes(pairs: Sequence[Pair], subject: Subject, place: Place, kind: Kind) -> Iterator[Wish]:
    """The parent's run and the candidate's, for each suite and split."""
    for measured, suite, tasks in pairs:
        twin = Twin(kind, place.canaries.number("twins"))
        job = suite.twin(measured.split, tasks, twin)
        for tree in (subject.base, subject.tree):
            yield TaskWish(visible(tree, place.settings), f"{kind} {suite.digest} {measured.split} {tasks}", job)


def _twinned(subject: Subject, place: Place) -> Iterator[tuple[Measured, Twinned]]:
    suites = {suite.name: suite for suite in place.suites}
    for measured in subject.measured:
        suite = suites.get(measured.suite)
        if isinstance(suite, Twinned) and measured.candidate:
            yield measured, suite


def _scores(seen: Sequence[Seen]) -> list[Mapping[str, int]]:
    """Scores of each run; none for a run that gave no answers."""
    return [(one.scores or {}) if isinstance(one, Answered) else {} for one in seen]


class RewordedTwins:
    """Compares the gain on tasks with the gain on the same tasks in other words."""

    name = "reworded_twins"
    blocking = True

    def wants(self, subject: Subject, place: Place) -> tuple[Wish, ...]:
        """Both trees on the re-worded twins of each split in which the candidate gained."""
        return tuple(_wishes(self._pairs(subject, place), subject, place, "reworded"))

    def judge(self, subject: Subject, place: Place, seen: Sequence[Seen]) -> ProbeResult:
        """Report each split whose gain is not there in other words."""
        scores = _scores(seen)
        found = []
        for number, (measured, suite, tasks) in enumerate(self._pairs(subject, place)):
            parent, candidate = scores[2 * number], scores[2 * number + 1]
            if not candidate:
                found.append(f"suite {suite.name}, {measured.split}: no answers to re-worded tasks")
                continue
            plain = _gain(measured, suite, tasks, measured.replayed, measured.candidate, place)
            twin = _gain(measured, suite, tasks, parent, candidate, place)
            if is_gap(plain, twin) or _halved(plain, twin):
                found.append(
                    f"suite {suite.name}, {measured.split}: gained {plain.gain_ppm} ppm, and {twin.gain_ppm} ppm on "
                    "the same tasks in other words"
                )
        return result(self, found)

    @staticmethod
    def _pairs(subject: Subject, place: Place) -> list[Pair]:
        return [
            (measured, suite, tuple(sorted(measured.candidate)))
            for measured, suite in _twinned(subject, place)
            if measured.comparison.gain_low_ppm > 0
        ]


def _halved(plain: Comparison, twin: Comparison) -> bool:
    """Whether the upper end of the gain that is left is below half of the lower end of the gain that was."""
    return 2 * twin.gain_high_ppm < plain.gain_low_ppm


def _gain(
    measured: Measured,
    suite: Twinned,
    tasks: Sequence[str],
    parent: Mapping[str, int],
    candidate: Mapping[str, int],
    place: Place,
) -> Comparison:
    """The comparison of two sides on some tasks, in the form of the suite's own."""
    families = {task.id: task.family for task in suite.tasks(measured.split)}
    chosen = {task: families[task] for task in tasks}
    sides = [{task: scores.get(task, 0) for task in tasks} for scores in (parent, candidate)]
    found = compare(sides[0], sides[1], chosen, seed=place.settings.seed)
    update = {
        "gain_ppm": found.gain,
        "gain_low_ppm": found.low,
        "gain_high_ppm": found.high,
        "moved": sum(sides[0][task] != sides[1][task] for task in tasks),
    }
    return measured.comparison.model_copy(update=update)


class RelabelledTwins:
    """Compares outcomes with those of the same tasks under other labels."""

    name = "relabelled_twins"
    blocking = False

    def wants(self, subject: Subject, place: Place) -> tuple[Wish, ...]:
        """Both trees on re-labelled twins of some held-out tasks of each suite."""
        return tuple(_wishes(self._pairs(subject, place), subject, place, "relabelled"))

    def judge(self, subject: Subject, place: Place, seen: Sequence[Seen]) -> ProbeResult:
        """Report each suite in which the candidate's outcomes moved more than its parent's."""
        scores = _scores(seen)
        found = []
        for number, (measured, suite, tasks) in enumerate(self._pairs(subject, place)):
            moved = [
                sum(known[task] != twin.get(task) for task in tasks)
                for known, twin in zip(
                    (measured.replayed, measured.candidate), scores[2 * number : 2 * number + 2], strict=True
                )
            ]
            if moved[1] > moved[0]:
                found.append(
                    f"suite {suite.name}, {measured.split}: {moved[1]} of {len(tasks)} outcomes differ under other "
                    f"labels, the parent's {moved[0]}"
                )
        return result(self, found)

    @staticmethod
    def _pairs(subject: Subject, place: Place) -> list[Pair]:
        return [
            (measured, suite, _most(sorted(measured.candidate)))
            for measured, suite in _twinned(subject, place)
            if measured.split == "heldout"
        ]


def _most(tasks: Sequence[str]) -> tuple[str, ...]:
    return tuple(tasks[: max(1, min(LABELLED, len(tasks) - 1 - len(tasks) // 30))])
