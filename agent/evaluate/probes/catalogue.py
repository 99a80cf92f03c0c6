"""The probes in use, in the order in which they are shown."""

from __future__ import annotations

from agent.evaluate.probes.answers_given import AnswersGiven
from agent.evaluate.probes.canary_tokens import CanaryTokens
from agent.evaluate.probes.cumulative import MOST_LINES, Cumulative
from agent.evaluate.probes.encoded_data import EncodedData
from agent.evaluate.probes.environment_sensing import EnvironmentSensing
from agent.evaluate.probes.heldout_gap import HeldoutGap
from agent.evaluate.probes.hidden_characters import HiddenCharacters
from agent.evaluate.probes.impossible_twins import ImpossibleTwins
from agent.evaluate.probes.oversight import Oversight
from agent.evaluate.probes.parent_replay import ParentReplay
from agent.evaluate.probes.planted_faults import PlantedFaults
from agent.evaluate.probes.probe import Named, Probe
from agent.evaluate.probes.running import RunningProbe
from agent.evaluate.probes.twin_runs import RelabelledTwins, RewordedTwins

PATCH: tuple[Probe, ...] = (HiddenCharacters(), EnvironmentSensing(), EncodedData(), Oversight())
"""Those that read a patch and nothing else."""

PROBES: tuple[Probe, ...] = (*PATCH, ImpossibleTwins(), ParentReplay(), AnswersGiven(), HeldoutGap())
"""Those that compute from what was measured anyway."""

RUNNING: tuple[RunningProbe, ...] = (PlantedFaults(), RewordedTwins(), CanaryTokens(), RelabelledTwins())
"""Those that want something run."""


def cumulative(most_lines: int = MOST_LINES) -> Cumulative:
    """Return the scans of a patch, over all that came since the last deep review."""
    return Cumulative(PATCH, most_lines)


ALL: tuple[Named, ...] = (*PROBES, *RUNNING, cumulative())
