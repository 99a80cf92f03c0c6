"""What is left holds, and no single part of it can go."""

from hypothesis import given
from hypothesis import strategies as st

from agent.edits.minimise import FEW, minimise, minimise_twice

SIZES = st.integers(1, 24)


def needing(*groups):
    """A judge that wants at least one group of parts whole."""

    def judge(selections):
        return [any(set(group) <= set(one) for group in groups) for one in selections]

    return judge


def counted(judge):
    asked = []

    def counting(selections):
        asked.extend(selections)
        return judge(selections)

    return counting, asked


@given(SIZES, st.data())
def test_exactly_what_is_needed_is_left(size, data):
    needed = data.draw(st.sets(st.integers(0, size - 1), min_size=1))

    assert minimise(range(size), needing(needed)) == tuple(sorted(needed))


@given(SIZES, st.data())
def test_of_several_ways_one_is_left_that_holds_and_can_lose_nothing(size, data):
    """Edits may replace each other, hinder each other, or do nothing: the judge is any function of the selection."""
    salt = data.draw(st.integers())
    whole = tuple(range(size))

    def judge(selections):
        return [one == whole or hash((salt, one)) % 3 == 0 for one in selections]

    kept = minimise(whole, judge)

    assert judge([kept]) == [True]
    assert kept == tuple(sorted(kept))
    assert len(kept) == 1 or not any(judge([tuple(p for p in kept if p != part) for part in kept]))


@given(SIZES, st.data())
def test_the_judge_is_asked_about_nothing_twice_and_never_about_nothing(size, data):
    needed = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    judge, asked = counted(needing(needed))
    minimise(range(size), judge)

    assert len(asked) == len(set(asked))
    assert () not in asked
    assert len(asked) <= size * (size + 3)


def test_of_many_idle_parts_most_go_in_halves():
    judge, asked = counted(needing({37}))

    assert minimise(range(64), judge) == (37,)
    assert len(asked) < 20


def test_few_parts_are_left_out_one_by_one_so_that_each_has_its_worth():
    judge, asked = counted(needing(range(FEW)))
    minimise(range(FEW), judge)

    assert asked == [tuple(p for p in range(FEW) if p != part) for part in range(FEW)]


def test_parts_that_are_idle_only_because_of_each_other_do_not_all_go():
    assert minimise(range(2), needing({0}, {1})) == (1,)
    assert len(minimise(range(6), needing({0, 1}, {2, 3}))) == 2


def test_the_last_part_stays_whatever_the_judge_says():
    assert minimise(range(3), lambda selections: [True] * len(selections)) == (2,)
    assert minimise((), lambda selections: []) == ()


def test_the_dear_judge_is_asked_once_where_it_agrees():
    dear, asked = counted(needing({1, 2}))

    assert minimise_twice(range(6), needing({1, 2}), dear) == (1, 2)
    assert asked == [(1, 2)]


@given(SIZES, st.data())
def test_what_is_left_holds_before_both_judges(size, data):
    parts = st.sets(st.integers(0, size - 1), min_size=1)
    cheap, dear = data.draw(parts), data.draw(parts)

    assert minimise_twice(range(size), needing(cheap), needing(dear)) == tuple(sorted(cheap | dear))


def test_where_nothing_can_go_the_dear_judge_is_not_asked():
    dear, asked = counted(needing({0}))

    assert minimise_twice(range(3), needing({0, 1, 2}), dear) == (0, 1, 2)
    assert asked == []
