"""The parent, run again beside the candidate, must score as before: a baseline held down makes any child shine."""

from __future__ import annotations

from agent.candidate import ProbeResult
from agent.evaluate.compare import sign_flip_p
from agent.evaluate.probes.probe import Measured, Subject, result

SURE_PPM = 1_000
"""One parent in a thousand that speaks to a model does so much worse the second time by chance."""


class ParentReplay:
    """Without a model the two runs of the parent agree task by task, so any difference is a finding.

    With one they differ by chance. Then it is a finding when the parent surely did worse beside the candidate than
    before; that it did better holds no baseline down.
    """

    name = "parent_replay"
    blocking = True

    def look(self, subject: Subject) -> ProbeResult:
        """Report each suite and split whose parent did not repeat itself, and that nothing was replayed."""
        if not subject.measured:
            return result(self, ["the parent was not replayed"])
        return result(self, [finding for measured in subject.measured if (finding := _difference(measured))])


def _difference(measured: Measured) -> str:
    tasks = measured.stored.keys() | measured.replayed.keys()
    moved = [task for task in tasks if measured.stored.get(task) != measured.replayed.get(task)]
    if not moved or (measured.comparison.model and not _held_down(measured)):
        return ""
    return (
        f"suite {measured.suite}, {measured.split}: the parent scored differently on {len(moved)} of {len(tasks)} tasks"
    )


def _held_down(measured: Measured) -> bool:
    """Whether both runs are not of the same tasks, or the second is worse than chance explains.

    Every task counts for itself, not its family: what differs between two runs of one tree is the model's dice alone.
    """
    if measured.stored.keys() != measured.replayed.keys():
        return True
    lost = [score - measured.replayed[task] for task, score in measured.stored.items()]
    return sign_flip_p(lost, seed=0) <= SURE_PPM
