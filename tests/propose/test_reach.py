"""Static reachability: code that the objective never enters is not worth a trial."""

import pytest

from agent.propose.reach import reachable

CODE = """
LIMIT = 3
UNUSED = 4
TABLE = {"a": low, "b": high}


def low(x):
    return x


def high(x):
    return x


def other(x):
    return UNUSED


class Index:
    size: int = LIMIT

    def __init__(self, x):
        self.x = x

    def rank_all(self, x):
        def inner(y):
            return TABLE["a"](y)

        return inner(x)

    def unrelated(self):
        return other(1)


class Stranger:
    size: int = 3

    def low(self):
        return 1


def main(command):
    return Index(1).rank_all(1) if command == "rank" else other(1)
"""


@pytest.fixture
def reached(tree_of, library):
    def reached(*entries):
        return {name for _, name in reachable(library.mind(tree_of({"mind/a.py": CODE})), entries)}

    return reached


def test_what_an_entry_point_uses_is_reached_through_tables_constants_and_classes(reached):
    inside = {"Index", "Index.size", "Index.__init__", "Index.rank_all", "Index.rank_all.inner", "TABLE", "LIMIT"}
    assert reached("rank") == inside | {"low", "high"}


def test_a_method_is_not_reached_by_its_name_alone_when_nothing_makes_its_class(reached):
    assert not {"Stranger", "Stranger.low", "Stranger.size"} & reached("rank")


def test_without_an_entry_that_anything_is_named_after_everything_is_reached(reached):
    assert reached() == reached("nothing") >= {"main", "other", "Stranger.low", "UNUSED", ""}


def test_mutations_stay_within_what_is_reached(tree_of, catalogue):
    definitions = {m.definition for m in catalogue(tree_of({"mind/a.py": CODE}), ("rank",))}
    assert definitions
    assert not definitions & {"other", "UNUSED", "main", "Stranger.size", "Stranger.low", "Index.unrelated", ""}
