"""The statistics hold what they promise: on simulated data, in any order, from either side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.evaluate.compare import MAX_EXACT_FAMILIES, alike, compare, interval, sign_flip_p

FULL = 1_000_000
ppm = st.integers(0, FULL)
tables = st.lists(st.tuples(ppm, ppm, st.integers(0, 5)), min_size=1, max_size=40)


def scored(rows):
    parent = {f"t{n}": row[0] for n, row in enumerate(rows)}
    candidate = {f"t{n}": row[1] for n, row in enumerate(rows)}
    families = {f"t{n}": f"f{row[2]}" for n, row in enumerate(rows)}
    return parent, candidate, families


@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_the_tasks_and_the_names_of_the_families_change_nothing(rows, random):
    shuffled = [(a, b, 5 - family) for a, b, family in rows]
    random.shuffle(shuffled)

    assert compare(*scored(rows), seed=1) == compare(*scored(shuffled), seed=1)


@given(tables)
def test_exchanging_parent_and_candidate_mirrors_the_gain_and_its_interval(rows):
    parent, candidate, families = scored(rows)
    there, back = compare(parent, candidate, families, seed=1), compare(candidate, parent, families, seed=1)

    assert there.gain == -back.gain
    assert (there.low, there.high) == (-back.high, -back.low)


@given(st.lists(st.integers(-FULL, FULL), min_size=1, max_size=30))
def test_the_two_one_sided_p_values_share_all_flips(sums):
    """Each flip is at least as high from one side or the other, and a tie from both."""
    there, back = sign_flip_p(sums, seed=1), sign_flip_p([-value for value in sums], seed=1)

    assert there + back >= FULL


@given(tables)
def test_the_gain_is_the_difference_of_the_means_and_lies_in_its_interval(rows):
    result = compare(*scored(rows), seed=1)

    assert result.gain == result.candidate - result.parent
    assert result.low <= result.gain <= result.high
    assert -FULL <= result.low <= result.high <= FULL
    assert 0 < result.p_value <= FULL


def test_a_few_families_are_flipped_in_every_way():
    """Five families, all better by the same: one flip of 32 is as high."""
    assert sign_flip_p([10] * 5, seed=1) == FULL // 32
    assert sign_flip_p([10] * 4 + [-10], seed=1) == 6 * FULL // 32


def test_many_families_are_flipped_by_draws_and_p_is_never_zero():
    p = sign_flip_p([10] * (MAX_EXACT_FAMILIES + 20), seed=1)

    assert 0 < p < 100


def test_drawn_and_listed_flips_agree():
    sums = [50, -30, 20, 45, -10, 60, 5, -25, 40, 15, -5, 35, 10, 12]

    exact = sign_flip_p(sums, seed=1)
    drawn = sign_flip_p([*sums, 1], seed=1)
    assert abs(exact - drawn) < 15_000


def test_no_difference_at_all_is_no_evidence():
    same = {"a": 5, "b": 7}
    result = compare(same, same, {"a": "x", "b": "y"}, seed=1)

    assert (result.gain, result.low, result.high, result.p_value) == (0, 0, 0, FULL)


@pytest.mark.parametrize("families", [2, 5, 40])
def test_what_all_families_share_says_only_so_much_of_those_that_were_not_seen(families):
    """At the edge of the interval, as many families alike as were seen would come once in forty times."""
    for mean in (0, FULL, -200_000):
        low, high = alike(mean, families)
        for edge, extreme in ((low, -FULL), (high, FULL)):
            if extreme == mean:
                assert edge == mean
                continue
            unlike = (edge - mean) / (extreme - mean)
            assert abs((1 - unlike) ** families - 0.025) < 1e-4


def test_one_family_knows_nothing_of_others():
    result = compare({"a": 0, "b": 0}, {"a": FULL, "b": FULL}, {"a": "x", "b": "x"}, seed=1)

    assert (result.low, result.high) == (-FULL, FULL)
    assert result.p_value == FULL // 2


def test_scores_of_different_tasks_cannot_be_compared():
    with pytest.raises(ValueError, match="both scores"):
        compare({"a": 1}, {"b": 1}, {"a": "x", "b": "x"}, seed=1)


def test_tasks_of_one_family_do_not_count_as_independent():
    """Twenty copies of the same two observations are two observations."""
    few = interval([100_000, 300_000], [1, 1])
    many = interval([2_000_000, 6_000_000], [20, 20])

    assert few == many


def simulate(runs, families, sizes, gain=0.0):
    """p-values and whether the interval held the truth, for families with a fate of their own."""
    random = np.random.default_rng(20)
    p_values, covered = [], []
    for _ in range(runs):
        fates = random.normal(gain, 60_000, families)
        sums = [int(random.normal(fate * n, 150_000 * np.sqrt(n))) for fate, n in zip(fates, sizes, strict=True)]
        p_values.append(sign_flip_p(sums, seed=1) / FULL)
        low, high = interval(sums, sizes)
        covered.append(low <= gain <= high)
    return np.array(p_values), np.mean(covered)


@pytest.mark.parametrize(
    "sizes",
    [[6] * 12, [7] * 40, [1] * 20 + [30] * 4, [40, 40, 5, 5, 5, 5, 5, 5]],
    ids=["few", "many", "uneven", "heavy"],
)
def test_under_the_null_p_is_uniform_and_the_interval_covers(sizes):
    p_values, coverage = simulate(400, len(sizes), sizes)

    for level in (0.05, 0.1, 0.25, 0.5, 0.75):
        error = 3 * np.sqrt(level * (1 - level) / 400)
        assert np.mean(p_values <= level) <= level + error
    assert np.mean(p_values <= 0.5) >= 0.4
    assert coverage >= 0.91


def test_a_true_gain_is_seen():
    p_values, coverage = simulate(100, 40, [7] * 40, gain=60_000)

    assert np.mean(p_values <= 0.05) >= 0.9
    assert coverage >= 0.88
