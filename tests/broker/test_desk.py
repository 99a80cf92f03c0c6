"""A desk gives each sandbox a door of its own to one model."""

import anthropic
import httpx2
import pytest

from sandbox.broker.broker import Broker
from sandbox.broker.desk import Desk
from sandbox.broker.ledger import Budgets, Ledger
from tests.broker.conftest import CONFIG, MODEL, PRICES, serving
from tests.broker.scripted import KEY, Say, Script, text
from tests.broker.test_way import ASK


@pytest.fixture
def desk():
    script = Script([Say([text("one")]), Say([text("two")])])
    with serving(script) as server:
        config = type(CONFIG)(CONFIG.policy, base_url=server.base_url, patience=CONFIG.patience)
        with Broker(config, KEY, Ledger(Budgets()), prices=PRICES) as broker:
            made = Desk(broker, MODEL)
            yield made
            made.close()
    script.done()


def ask(door):
    with httpx2.Client(transport=httpx2.HTTPTransport(uds=str(door.path), verify=False)) as http:
        client = anthropic.Anthropic(api_key="x", base_url="http://localhost", http_client=http, max_retries=0)
        return client.messages.create(**ASK).content[0].text


def test_two_doors_are_two_folders_with_two_accounts(desk):
    with desk.serve("a") as one, desk.serve("b") as two:
        assert (ask(one), ask(two)) == ("one", "two")
        assert one.mount.source != two.mount.source
    assert (one.spent.calls, two.spent.calls) == (1, 1)


def test_a_door_has_the_calls_that_it_was_opened_with(desk):
    with desk.serve("a", calls=1) as door:
        assert ask(door) == "one"
        with pytest.raises(anthropic.RateLimitError) as told:
            ask(door)
    assert told.value.error_code == "calls_exhausted"
    with desk.serve("a", calls=1) as again:
        assert ask(again) == "two"


def test_a_closed_desk_leaves_no_folder(desk):
    with desk.serve("a", calls=0) as door:
        folder = door.path.parent
    with desk.serve("a") as one, desk.serve("a") as two:
        assert (ask(one), ask(two)) == ("one", "two")
    desk.close()
    assert not folder.parent.exists()


def test_a_scaffold_is_told_the_name_of_its_model(desk):
    with desk.serve("a") as one, desk.serve("a") as two:
        ask(one), ask(two)
    assert desk.env == {"SCAFFOLD_MODEL": MODEL, "SCAFFOLD_ANSWER_TOKENS": "4000"}
