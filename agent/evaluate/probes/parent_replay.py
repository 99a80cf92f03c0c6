"""The parent, run again beside the candidate, must score as before: a baseline held down makes any child shine."""

from __future__ import annotations

from agent.candidate import ProbeResult
from agent.evaluate.probes.probe import Measured, Subject, result


class ParentReplay:
    """For suites without chance the two runs of the parent agree task by task, so any difference is a finding."""

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
    if not moved:
        return ""
    return (
        f"suite {measured.suite}, {measured.split}: the parent scored differently on {len(moved)} of {len(tasks)} tasks"
    )
