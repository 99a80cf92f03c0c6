"""What is known beforehand of the test of an objective: how noisy its trials are, what they cost, and what it can find.

Noise and price are those of trials that were run and stored, where there are any; else they are stated defaults, and
whoever reads the figures is told so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.evaluate.deciding import plan_of
from agent.evaluate.outlay import Beside, Outlay, Price, beside
from agent.evaluate.pairs import Unit
from agent.evaluate.power import Noise, Power, noise_of, power
from agent.evaluate.suite import FULL, ModelSuite, Suite
from agent.evaluate.trial import Attempted, TrialKey
from sandbox.broker.usage import Price as TokenPrice
from sandbox.broker.usage import Usage

TRIAL_PPM = 370_000
"""How much trials with a model deviate, where nobody has measured it: that of tasks that are won or lost, some nearly
always and some nearly never, as docs/acceptance.md simulates them."""

USUAL = Usage(input=20_000, output=4_000, write_5m=30_000, read=300_000)
"""What a coding task is taken to cost in tokens, where nobody has measured it."""


@dataclass(frozen=True, slots=True)
class Known:
    """Noise and price of the trials of one suite, and where each figure comes from, in words."""

    noise: Noise
    noise_from: str
    price: Price
    price_from: str
    beside: Beside = field(default_factory=Beside)
    """What is measured beside the suite's test."""
    finding: Outlay = field(default_factory=Outlay)
    """What it takes to find a candidate, before it is measured."""
    finding_from: str = "not known"

    def with_finding(self, trials: int, finding_from: str) -> Known:
        """Add how many trials it takes to find a candidate. They take time; the model that drafts it is not counted."""
        cost = Outlay.of(trials, Price(milliseconds=self.price.milliseconds))
        return replace(self, finding=cost, finding_from=finding_from)


def known_of(
    suite: Suite,
    attempts: Mapping[TrialKey, Attempted],
    price: TokenPrice | None,
    milliseconds: int | None,
    others: Sequence[Suite] = (),
) -> Known:
    """Gather what is known of a suite's trials, and of all that is measured beside its test.

    `attempts`: those of the parent with a model. `price`: of the model's tokens, where there is a model that has one.
    `milliseconds`: what a trial took on average in earlier runs. `others`: the other suites that a run measures.
    """
    priced = [(each, _price(each, attempts, price, milliseconds or 0)) for each in (suite, *others)]
    rest = beside(suite, ((each, cost) for each, (cost, _) in priced))
    (_, (own_price, own_from)), *further = priced
    dear = [f"of suite {each.name}, {told}" for each, (_, told) in further if isinstance(each, ModelSuite)]
    clock = "time from earlier runs" if milliseconds is not None else "time is not known before the first run"
    return Known(*_noise(suite, attempts), own_price, "; ".join([own_from, *dear, clock]), rest)


def foresee(suite: Suite, level_ppb: int, seed: int, known: Known) -> Power:
    """Say what the test of an objective's held-out split can find at this level, and takes with all beside it."""
    return power(plan_of(Unit(suite, "heldout"), level_ppb, seed), known.noise, known.price, known.beside)


def points(ppm: int | None) -> str:
    """Write a gain in points, for a person."""
    return "none" if ppm is None else f"{ppm * 100 / FULL:.1f} points"


def _noise(suite: Suite, attempts: Mapping[TrialKey, Attempted]) -> tuple[Noise, str]:
    if not isinstance(suite, ModelSuite):
        return Noise(0), "answers without a model do not vary"
    scores: dict[str, list[int]] = defaultdict(list)
    for key, attempt in attempts.items():
        if key.suite_digest == suite.digest and attempt.score is not None:
            scores[f"{key.split} {key.task} {key.model}"].append(attempt.score)
    repeated = sum(len(marks) > 1 for marks in scores.values())
    if not repeated:
        return Noise(TRIAL_PPM), "a default: no task was run twice yet"
    return noise_of(scores), f"measured on {repeated} tasks that the parent was run on more than once"


def _price(
    suite: Suite, attempts: Mapping[TrialKey, Attempted], price: TokenPrice | None, milliseconds: int
) -> tuple[Price, str]:
    if not isinstance(suite, ModelSuite):
        return Price(milliseconds=milliseconds), "no model"
    own = [attempt for key, attempt in attempts.items() if key.suite_digest == suite.digest]
    spent, spent_from = _spent(own, price)
    return replace(spent, milliseconds=milliseconds), spent_from


def _spent(own: Collection[Attempted], price: TokenPrice | None) -> tuple[Price, str]:
    if own:
        tokens = sum(attempt.spent.usage.total for attempt in own) // len(own)
        micro_usd = -(-sum(attempt.spent.micro_usd for attempt in own) // len(own))
        return Price(tokens, micro_usd), f"measured on {len(own)} trials of the parent"
    if price is None:
        return Price(USUAL.total), "tokens are a default, and the price of the model is not known"
    return Price(USUAL.total, price.cost(USUAL)), "tokens are a default, at the price of the model"
