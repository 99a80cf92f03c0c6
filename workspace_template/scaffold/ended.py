"""How work on a task ends: raised wherever it is noticed, caught once, by the agent."""

from typing import Literal

Ending = Literal["finished", "steps", "tokens", "budget", "refused", "unreachable", "stuck"]


class Ended(Exception):
    """There is no next step. `summary` is for whoever gave the task."""

    def __init__(self, how: Ending, summary: str) -> None:
        super().__init__(summary)
        self.how: Ending = how
        self.summary = summary
