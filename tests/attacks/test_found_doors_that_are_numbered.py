"""A scaffold that reads in /proc/self/mountinfo how many doors were opened before its own.

The number told trials of a search from those that decide, and the parent's turn from the candidate's.
"""

import itertools

from sandbox.broker.broker import Broker
from sandbox.broker.desk import Desk
from sandbox.broker.ledger import Budgets, Ledger
from tests.broker.conftest import CONFIG, MODEL, PRICES


def names(count):
    """Names of the folders of doors that are opened one after another."""
    with Broker(CONFIG, "", Ledger(Budgets()), prices=PRICES) as broker:
        desk = Desk(broker, MODEL)
        try:
            for _ in range(count):
                with desk.serve("c1") as door:
                    yield door.mount.source.name
        finally:
            desk.close()


def test_the_name_of_a_door_tells_nothing_of_those_before():
    one, other = list(names(6)), list(names(6))

    assert len({*one, *other}) == 12
    assert all(len(name) == 16 and set(name) <= set("0123456789abcdef") for name in (*one, *other))
    steps = {int(after, 16) - int(before, 16) for before, after in itertools.pairwise(one)}
    assert len(steps) == 5
