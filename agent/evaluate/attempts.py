"""A trial with a model as work for the executor: run again when the provider failed, stopped when money is spent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.errors import BudgetSpent, CandidateTooDear, ModelDown
from agent.evaluate.suite import ModelTrial
from agent.evaluate.trial import Attempted
from sandbox.broker.desk import Desk
from sandbox.broker.ledger import Spent
from sandbox.contract import Limits, Starter

MOST_TRIES = 3
"""How often a trial that was not measured is run in all."""


@dataclass(frozen=True, slots=True)
class ModelWork:
    """One trial, booked on `account`."""

    trial: ModelTrial
    desk: Desk
    account: str

    def run(self, starter: Starter, limits: Limits) -> Attempted:
        """Run the trial until it is measured.

        Raises `BudgetSpent` or `CandidateTooDear` when calls were refused for want of money: what a scaffold leaves
        that could not ask any more says nothing about it.
        """
        spent = Spent()
        for _ in range(MOST_TRIES):
            attempted = self.trial.run(starter, limits)
            demand_budget(self.desk, self.account)
            spent += attempted.spent
            if attempted.score is not None:
                break
        # All of them were paid for, and what was said in the one that counts is what can be repeated.
        return replace(attempted, spent=spent)

    def broken(self, why: str) -> Attempted:
        """A scaffold that brings its sandbox down each time has solved nothing."""
        return Attempted(0, "agent", f"its sandbox broke each time: {why}", Spent(), ())


def demand_measured(attempted: Attempted, task: str) -> None:
    """Raise `ModelDown` for a trial that could not be measured."""
    if attempted.score is None:
        raise ModelDown(
            f"task {task} could not be measured",
            why=f"{attempted.failure}: {attempted.note} ({MOST_TRIES} times)",
            mend="See that the model's server answers, then go on with: successor resume",
        )


def demand_budget(desk: Desk, account: str) -> None:
    """Raise when the run, the day or this account may spend no more."""
    stopped = desk.ledger.stopped
    if stopped is not None:
        raise BudgetSpent(
            f"the model's budget of the {stopped.scope} is spent",
            why=f"{_told(desk.ledger.run)} in this run",
            mend="Raise it in successor.toml, or with --budget-usd, and go on with: successor resume",
        )
    if desk.ledger.over(account):
        raise CandidateTooDear(
            "the model's budget of one candidate is spent",
            why=f"{_told(desk.ledger.spent(account))} went into it",
            mend="Raise candidate in [model.budget_usd] or [model.budget_tokens] of successor.toml",
        )


def _told(spent: Spent) -> str:
    return f"{spent.micro_usd / 1e6:.2f} USD and {spent.usage.total:,} tokens"
