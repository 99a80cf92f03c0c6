"""The probes in use, in the order in which they are shown."""

from __future__ import annotations

from agent.evaluate.probes.answers_given import AnswersGiven
from agent.evaluate.probes.environment_sensing import EnvironmentSensing
from agent.evaluate.probes.heldout_gap import HeldoutGap
from agent.evaluate.probes.hidden_characters import HiddenCharacters
from agent.evaluate.probes.impossible_twins import ImpossibleTwins
from agent.evaluate.probes.parent_replay import ParentReplay
from agent.evaluate.probes.probe import Probe

PROBES: tuple[Probe, ...] = (
    HiddenCharacters(),
    EnvironmentSensing(),
    ImpossibleTwins(),
    ParentReplay(),
    AnswersGiven(),
    HeldoutGap(),
)
