"""A candidate that asks for so much at once that nothing of the budget is left for its parent, measured beside it.

The parent's calls waited and were refused, its trials were scored as they stood, and the candidate looked the better.
"""

import threading
import time

import anthropic
import httpx2
import pytest

from agent.errors import BudgetSpent, CandidateTooDear
from agent.evaluate.attempts import ModelWork
from agent.evaluate.trial import Attempted
from sandbox.broker.desk import Desk
from sandbox.broker.ledger import Budget, Budgets
from tests.broker.conftest import MODEL, given  # noqa: F401  # a fixture
from tests.broker.scripted import Say, text
from tests.broker.test_way import ASK

LONG = Say([text("long")] * 8, pause=0.05)


def ask(door, *, stream=False):
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(door.path), verify=False)) as http:
        client = anthropic.Anthropic(api_key="x", base_url="http://localhost", http_client=http, max_retries=0)
        if stream:
            with client.messages.stream(**ASK) as events:
                events.get_final_message()
        else:
            client.messages.create(**ASK)


class Refused:
    """A trial of the parent's whose one call is refused while the candidate holds the budget; it scores nothing."""

    def __init__(self, desk, script):
        self.desk, self.script = desk, script

    def run(self, starter, limits):
        with self.desk.serve("c1") as greedy, self.desk.serve("c1") as patient:
            thread = threading.Thread(target=ask, args=(greedy,), kwargs={"stream": True})
            thread.start()
            while not self.script.requests:
                time.sleep(0.001)
            with pytest.raises(anthropic.RateLimitError):
                ask(patient)
            thread.join()
            return Attempted(0, "agent", "", patient.used, ())


@pytest.mark.parametrize(
    ("scope", "error"), [("run", BudgetSpent), ("day", BudgetSpent), ("candidate", CandidateTooDear)]
)
def test_a_trial_that_was_kept_waiting_for_money_counts_for_nothing(given, scope, error):  # noqa: F811  # the fixture
    world = given(LONG, budgets=Budgets(**{scope: Budget(micro_usd=60_000)}))
    desk = Desk(world.broker, MODEL)
    try:
        with pytest.raises(error):
            ModelWork(Refused(desk, world.script), desk, "c1").run(None, None)
    finally:
        desk.close()
