"""A gain on the tasks that the search saw, and none on those it did not: learned by heart, or fitted to the exam."""

from __future__ import annotations

import math

from agent.candidate import Comparison, ProbeResult
from agent.evaluate.probes.probe import Subject, result

LEAST_GAIN = 10_000
"""A dev gain under this, in ppm, is too small to ask about."""

ONE_SIDED_95 = 1.645
_TWO_SIDED_95 = 1.96


class HeldoutGap:
    """Compares the gains of the two splits of each suite.

    The best of many tries always looks better on the tasks it was chosen by, so a smaller held-out gain is no finding.
    It is one when the dev gain is there, the held-out gain may be nothing, and the gap is more than chance gives.
    """

    name = "heldout_gap"
    blocking = True

    def look(self, subject: Subject) -> ProbeResult:
        """Report each suite with such a gap, and each that lacks one of the splits."""
        by_suite: dict[str, dict[str, Comparison]] = {}
        for measured in subject.measured:
            by_suite.setdefault(measured.suite, {})[measured.split] = measured.comparison
        findings = []
        for suite, splits in by_suite.items():
            if splits.keys() != {"dev", "heldout"}:
                findings.append(f"suite {suite}: only one split was measured")
            elif is_gap(splits["dev"], splits["heldout"]):
                findings.append(
                    f"suite {suite}: gained {splits['dev'].gain_ppm} ppm on dev tasks and {splits['heldout'].gain_ppm} "
                    "ppm on held-out tasks"
                )
        return result(self, findings)


def is_gap(dev: Comparison, heldout: Comparison) -> bool:
    """Whether the dev gain is there and the held-out gain is both doubtful and smaller by more than chance."""
    error = math.hypot(_error(dev), _error(heldout))
    apart = dev.gain_ppm - heldout.gain_ppm > ONE_SIDED_95 * error
    return apart and dev.gain_ppm >= LEAST_GAIN and dev.gain_low_ppm > 0 >= heldout.gain_low_ppm


def _error(comparison: Comparison) -> float:
    """Standard error of a gain, from its interval; a little large where the interval is Student's.

    None where nothing moved: that interval is of tasks that nobody saw, and learning by heart moves none but the seen.
    """
    if not comparison.moved:
        return 0.0
    return (comparison.gain_high_ppm - comparison.gain_low_ppm) / (2 * _TWO_SIDED_95)
