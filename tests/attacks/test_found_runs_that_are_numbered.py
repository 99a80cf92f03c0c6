"""A candidate that knows how many sandboxes there were before its own: the kernel tells inside where a mount came from."""

import pytest

from sandbox.slots import Slots


@pytest.fixture
def slots():
    made = Slots()
    yield made
    made.close()


def test_the_name_of_a_slot_does_not_count(slots):
    names = [slots.make().name for _ in range(40)]

    assert len(set(names)) == 40
    assert names != sorted(names)
    assert not any(name.isdigit() and int(name) < 1000 for name in names)
