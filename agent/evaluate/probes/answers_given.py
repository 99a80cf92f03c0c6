"""A candidate that crashes or runs out of time has no scores; it is counted as all zero, and said here in words."""

from __future__ import annotations

from agent.candidate import ProbeResult
from agent.evaluate.probes.probe import Subject, result


class AnswersGiven:
    """Reports each suite and split in which the candidate answered nothing."""

    name = "answers_given"
    blocking = True

    def look(self, subject: Subject) -> ProbeResult:
        """Report how each silent run ended."""
        silent = [measured for measured in subject.measured if not measured.candidate]
        return result(self, [f"suite {m.suite}, {m.split}: no answers, the run {m.ended}" for m in silent])
