"""What a comparison could find: held against simulated trials, and against common sense."""

import numpy as np
import pytest
from scipy.special import expit, logit

from agent.evaluate.outlay import Beside, Outlay, Price
from agent.evaluate.plan import BILLION, Plan
from agent.evaluate.power import Needed, Noise, Power, chance, noise_of, power, worth
from agent.evaluate.sequential import Paired, SequentialTest

FULL = 1_000_000
NOISE = Noise(369_000, 60_000)
PRICE = Price(tokens=1_000, micro_usd=20_000, milliseconds=90_000)


def plan(tasks=60, repeats=3, alpha=0.05, size=2):
    return Plan({f"t{n}": f"f{n // size}" for n in range(tasks)}, repeats, round(alpha * BILLION), seed=1)


def simulated(chosen, shift, runs):
    random = np.random.default_rng(31)
    promoted, used = 0, []
    for _ in range(runs):
        made = {}
        for task in chosen.families:
            p = np.clip(random.beta(0.6, 0.6), 1e-4, 1 - 1e-4)
            sides = (random.random(chosen.repeats) < q for q in (p, expit(logit(p) + shift)))
            made[task] = Paired(*(tuple(int(x) * FULL for x in side) for side in sides))
        last = SequentialTest.resume(chosen, made).looks[-1]
        promoted += last.decision == "promote"
        used.append(last.pairs / last.of)
    return promoted / runs, np.mean(used)


@pytest.mark.parametrize(("tasks", "repeats"), [(60, 3), (30, 4)])
def test_the_chance_is_what_simulated_trials_come_to(tasks, repeats):
    """A shift of 0.743 in log odds is a gain of 10 points on tasks as hard as these."""
    chosen, noise = plan(tasks, repeats), Noise(369_000, 40_000)
    promoted, used = simulated(chosen, 0.743, 250)

    assert chance(chosen, noise, 100_000) == pytest.approx(promoted, abs=0.09)
    assert power(chosen, noise, PRICE).idle.trials / (2 * tasks * repeats) < used < 1


def test_without_a_gain_the_chance_is_no_more_than_the_error():
    for alpha in (0.05, 0.01, 0.0006):
        assert 0.1 * alpha < chance(plan(alpha=alpha), NOISE, 0) <= alpha


def test_more_of_anything_finds_more():
    chances = [chance(plan(tasks, repeats), NOISE, 80_000) for tasks, repeats in ((30, 1), (30, 3), (60, 3), (60, 5))]
    gains = [chance(plan(), NOISE, gain) for gain in (0, 20_000, 50_000, 100_000, 300_000)]
    smallest = [power(plan(alpha=a), NOISE, PRICE).smallest_gain_ppm for a in (0.05, 0.01, 0.001)]

    assert chances == sorted(chances)
    assert gains == sorted(gains)
    assert smallest == sorted(smallest)
    assert chance(plan(), Noise(200_000, 60_000), 80_000) > chance(plan(), NOISE, 80_000)


def test_repeats_do_not_help_against_families_that_gain_differently():
    noise = Noise(0, 200_000)

    assert chance(plan(repeats=20), noise, 50_000) <= chance(plan(repeats=3), noise, 50_000) + 0.02
    assert chance(plan(tasks=240), noise, 50_000) > chance(plan(), noise, 50_000) + 0.2


def test_the_smallest_gain_is_found_in_80_of_100_cases():
    found = power(plan(), NOISE, PRICE)

    assert chance(plan(), NOISE, found.smallest_gain_ppm) == pytest.approx(0.8, abs=0.002)
    assert found.chance_of_five_ppm == round(chance(plan(), NOISE, 50_000) * FULL)


def test_a_suite_as_large_as_was_said_finds_five_points():
    needed = power(plan(), NOISE, PRICE).five_points
    larger = plan(tasks=needed.tasks + needed.tasks % 2)

    assert power(larger, NOISE, PRICE).smallest_gain_ppm == pytest.approx(50_000, rel=0.05)
    assert needed.trials == pytest.approx(power(larger, NOISE, PRICE).better.trials, rel=0.05)


def test_the_price_is_that_of_the_trials():
    one = power(plan(), NOISE, PRICE)

    for needed in (one.idle, one.better, one.five_points):
        assert needed.tokens == needed.trials * 1_000
        assert needed.micro_usd == needed.trials * 20_000
        assert needed.seconds == needed.trials * 90
    assert one.idle.trials < one.better.trials <= 360
    assert (one.parent.trials, one.parent.seconds) == (180, 180 * 90)


def test_what_is_measured_beside_the_test_is_paid_as_well():
    rest = Beside(Outlay(100, 7, 50, 2_000), Outlay(30, 0, 9, 500), Outlay(40, 1, 2, 3_000))
    alone, one = power(plan(), NOISE, PRICE), power(plan(), NOISE, PRICE, rest)

    assert (one.idle.trials - alone.idle.trials, one.idle.micro_usd - alone.idle.micro_usd) == (100, 50)
    assert (one.better.trials - alone.better.trials, one.better.micro_usd - alone.better.micro_usd) == (130, 59)
    assert (one.parent.tokens - alone.parent.tokens, one.parent.seconds - alone.parent.seconds) == (1, 3)
    assert one.five_points.trials - alone.five_points.trials == 130


def test_so_few_families_that_all_together_could_not_convince_find_nothing():
    one = power(plan(tasks=6, size=2), NOISE, PRICE)

    assert one.smallest_gain_ppm is None
    assert one.five_points is None
    assert one.chance_of_five_ppm == 0
    assert "no gain at all" in " ".join(worth(one, candidates=1, hoped_ppm=FULL).why)


def test_an_error_that_is_finer_than_the_ways_that_are_looked_at_finds_nothing():
    """All families won, and the test still cannot tell: so says the test itself, and so says the plan."""
    fine, enough = (plan(tasks=336, repeats=1, alpha=ppb / BILLION) for ppb in (2_500, 4_000))
    test = SequentialTest.resume(fine, {task: Paired((0,), (FULL,)) for task in fine.families})
    one = power(fine, Noise(0), PRICE)

    assert test.looks[-1].decision == "stop"
    assert (one.smallest_gain_ppm, one.chance_of_five_ppm, one.better.trials) == (None, 0, 2 * 336)
    assert "draft fewer candidates" in " ".join(worth(one, candidates=20_000, hoped_ppm=FULL).why)
    assert power(enough, Noise(0), PRICE).smallest_gain_ppm is not None


def test_a_parent_without_noise_can_be_planned_for():
    one = power(plan(), Noise(0, 0), PRICE)

    assert one.smallest_gain_ppm < 1_000


def test_noise_is_the_deviation_of_trials_around_the_mean_of_their_task():
    random = np.random.default_rng(2)
    rates = random.beta(0.6, 0.6, 400)
    scores = {f"t{n}": tuple(int(x) * FULL for x in random.random(3) < p) for n, p in enumerate(rates)}

    assert noise_of(scores).trial_ppm == pytest.approx(369_000, rel=0.05)
    assert noise_of({"a": (5, 5), "b": (7,)}).trial_ppm == 0
    assert noise_of({"a": (0, FULL)}).trial_ppm == round(FULL / 2**0.5)
    assert noise_of({"a": (0, 1)}, own_ppm=3).own_ppm == 3


@pytest.mark.parametrize("scores", [{}, {"a": (5,)}, {"a": (), "b": (1,)}], ids=str)
def test_noise_that_nobody_measured_is_not_made_up(scores):
    with pytest.raises(ValueError, match="twice"):
        noise_of(scores)


@pytest.mark.parametrize("wrong", [(-1, 0), (0, -1), (FULL + 1, 0), (float("nan"), 0)])
def test_noise_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="deviation"):
        Noise(*wrong)


def one_of(**change):
    needed = Needed(60, 200, 0, 4_000_000, 3_600)
    found = {"families": 30, "smallest_gain_ppm": 90_000, "chance_of_five_ppm": 0, "five_points": None}
    return Power(**(found | {"parent": Needed(60, 0, 0, 0, 0), "idle": needed, "better": needed} | change))


def test_a_run_is_worth_starting_when_what_is_hoped_for_could_be_found_and_paid():
    assert worth(one_of(), candidates=10, hoped_ppm=100_000, micro_usd=40_000_000, seconds=36_000).yes
    assert not worth(one_of(), candidates=10, hoped_ppm=80_000).yes
    assert not worth(one_of(families=9), candidates=10, hoped_ppm=100_000).yes


@pytest.mark.parametrize(("budget", "enough"), [(39_999_999, 9), (8_000_000, 2), (4_000_000, 1), (3_999_999, 0)])
def test_a_budget_that_ends_before_the_candidates_is_said_with_how_many_it_is_enough_for(budget, enough):
    (why,) = worth(one_of(), candidates=10, hoped_ppm=100_000, micro_usd=budget).why

    assert f"about {enough} of 10 candidates" in why
    assert "40.00 USD" in why


def test_time_that_ends_first_is_said_too():
    (why,) = worth(one_of(), candidates=10, hoped_ppm=100_000, seconds=7_200).why

    assert "the time lasts for about 2 of 10 candidates, if one is promoted (2.00 of 10.00 hours)" in why


def test_the_parents_side_is_paid_once_and_finding_a_candidate_each_time():
    one, finding = one_of(parent=Needed(60, 100, 0, 2_000_000, 1_800)), Outlay(milliseconds=1_800_000)
    (money,) = worth(one, candidates=10, hoped_ppm=100_000, micro_usd=41_999_999, finding=finding).why
    (time,) = worth(one, candidates=10, hoped_ppm=100_000, seconds=12_600, finding=finding).why

    assert "about 9 of 10 candidates, if one is promoted (42.00 of 42.00 USD)" in money
    assert "about 2 of 10 candidates, if one is promoted (3.50 of 15.50 hours)" in time
