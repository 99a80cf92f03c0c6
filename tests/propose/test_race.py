"""Who is stopped could hardly have won, and whoever could have is looked at again."""

import math
import random

import pytest

from agent.propose.ledger import Gain, paired_gain
from agent.propose.pools import FEWEST, share_out
from agent.propose.race import chance


def test_on_all_tasks_there_is_no_chance_any_more():
    assert chance(Gain(2.0, 1.0), 250, 250, 2.0) == 1.0
    assert chance(Gain(1.99, 1.0), 250, 250, 2.0) == 0.0
    assert chance(Gain(0.0, 0.0), 250, 250, 2.0) == 0.0


def test_a_worse_beginning_leaves_a_smaller_chance_and_a_later_one_a_smaller_still():
    chances = [chance(Gain(z, 1.0), 50, 250, 2.0) for z in (2.0, 1.0, 0.0, -1.0, -2.0)]
    assert chances == sorted(chances, reverse=True)
    assert chance(Gain(-1.0, 1.0), 12, 250, 2.0) > 0.05 > chance(Gain(-1.0, 1.0), 50, 250, 2.0)


def test_what_is_different_in_the_same_way_on_every_task_is_certain():
    assert chance(Gain(1.0, 0.0), 12, 250, 2.0) == 1.0
    assert chance(Gain(-1.0, 0.0), 12, 250, 2.0) == 0.0


def test_fewer_than_two_tasks_say_nothing():
    assert chance(Gain(0.0, math.inf), 1, 250, 2.0) == 1.0


def test_who_moved_nothing_is_looked_at_again_until_enough_tasks_said_so():
    chances = [chance(Gain(0.0, 0.0), seen, 250, 2.0) for seen in (12, 25, 50, 100)]
    assert chances == sorted(chances, reverse=True)
    assert chances[1] > 0.05 > chances[2]
    assert chance(Gain(0.0, 0.0), 12, 250, -1.0) == 1.0


@pytest.mark.parametrize("drift", [0.0, 0.05, 0.12])
def test_of_those_who_would_have_won_few_are_stopped(drift):
    """Races of 250 tasks that gain `drift` standard deviations each: few are stopped who would have won to the end."""
    dice, won, stopped = random.Random(7), 0, 0
    for _ in range(600):
        base = [0] * 250
        child = [round(1_000 * dice.gauss(drift, 1)) for _ in base]
        wins = paired_gain(base, child).sigmas >= 2
        killed = any(
            chance(paired_gain(base[:seen], child[:seen]), seen, 250, 2.0) < 0.05 for seen in (12, 25, 50, 100)
        )
        won, stopped = won + wins, stopped + (wins and killed)
    assert stopped <= 0.05 * 600
    assert stopped <= 0.5 * won


def test_looks_grow_and_the_last_one_is_what_chooses():
    pools = share_out([f"t{n}" for n in range(500)], 500, (0.025, 0.05, 0.1, 0.2, 0.5), random.Random(1))
    assert [len(look) for look in pools.looks] == [12, 25, 50, 100, 250]
    assert all(later[: len(look)] == look for look, later in zip(pools.looks, pools.looks[1:], strict=False))
    assert (len(pools.race), len(pools.fresh)) == (250, 250)


@pytest.mark.parametrize(("tasks", "looks"), [(80, [16, 40]), (20, [10]), (2, [1])])
def test_a_look_at_too_few_tasks_is_left_out(tasks, looks):
    pools = share_out([f"t{n}" for n in range(tasks)], 500, (0.025, 0.05, 0.1, 0.2, 0.5), random.Random(1))
    assert [len(look) for look in pools.looks] == looks
    assert all(len(look) >= FEWEST for look in pools.looks[:-1])
