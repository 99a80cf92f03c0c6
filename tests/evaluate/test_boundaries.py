"""Boundaries of looks: the published tables, and an integration of another kind."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from agent.evaluate.boundaries import futility, obrien_fleming, spent, walk

THIRDS = (1 / 3, 2 / 3, 1.0)


# Jennison and Turnbull (2000), table 2.3: constants of O'Brien and Fleming for 1 to 5 looks, by two-sided error.
TABLE = {
    0.1: [1.645, 1.678, 1.710, 1.733, 1.751],
    0.05: [1.960, 1.977, 2.004, 2.024, 2.040],
    0.01: [2.576, 2.580, 2.595, 2.609, 2.621],
}


@pytest.mark.parametrize(("both", "looks"), [(both, looks) for both in TABLE for looks in range(1, 6)])
def test_the_boundaries_are_those_of_the_published_tables(both, looks):
    fractions = tuple((k + 1) / looks for k in range(looks))
    constant = TABLE[both][looks - 1]

    assert obrien_fleming(both / 2, fractions) == pytest.approx([constant / t**0.5 for t in fractions], rel=4e-4)


def test_three_looks_at_five_percent_are_the_boundaries_that_everybody_knows():
    assert obrien_fleming(0.05, THIRDS) == pytest.approx([2.961, 2.094, 1.710], abs=0.0006)


@pytest.mark.parametrize("drift", [0.0, 1.3, 2.5])
@pytest.mark.parametrize("fractions", [THIRDS, (0.1, 0.55, 1.0)])
def test_crossing_is_what_a_multivariate_normal_says(fractions, drift):
    t = np.array(fractions)
    bounds = np.array(obrien_fleming(0.05, fractions))
    correlation = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    stays = multivariate_normal.cdf(bounds - drift * np.sqrt(t), cov=correlation, abseps=1e-8)

    assert sum(walk(fractions, tuple(bounds), drift=drift).up) == pytest.approx(1 - stays, abs=2e-5)


def test_giving_up_leaves_less_to_cross_and_all_ways_of_ending_are_counted():
    upper = obrien_fleming(0.05, THIRDS)
    lower = futility(THIRDS, upper, 0.08)
    free, held = walk(THIRDS, upper, drift=2.4), walk(THIRDS, upper, lower, drift=2.4)

    assert sum(held.up) < sum(free.up)
    assert sum(held.up) + sum(held.down) == pytest.approx(1, abs=1e-6)
    assert held.share_used(THIRDS) < free.share_used(THIRDS) < 1


def test_the_boundary_of_giving_up_is_where_the_predicted_chance_is_the_least():
    upper = obrien_fleming(0.01, THIRDS)
    z = futility(THIRDS, upper, 0.1)[0]
    end = np.random.default_rng(1).normal(z * np.sqrt(3), np.sqrt(2), 400_000)

    assert np.mean(end > upper[-1]) == pytest.approx(0.1, abs=0.002)


@pytest.mark.parametrize("alpha", [1e-8, 1e-5, 0.0006, 0.05, 0.3])
def test_all_of_the_error_is_spent_and_late(alpha):
    used = spent(THIRDS, obrien_fleming(alpha, THIRDS))

    assert used[-1] == pytest.approx(alpha, rel=1e-4)
    assert used[0] < used[1] / 2 < used[2] / 2


def test_less_error_and_more_looks_make_boundaries_higher():
    last = [obrien_fleming(alpha, THIRDS)[-1] for alpha in (0.1, 0.05, 0.01, 0.001, 1e-6)]

    assert last == sorted(last)
    assert norm.isf(0.05) < obrien_fleming(0.05, (0.5, 1.0))[-1] < obrien_fleming(0.05, THIRDS)[-1]
    assert obrien_fleming(0.05, (1.0,))[0] == pytest.approx(norm.isf(0.05), abs=1e-6)


@pytest.mark.parametrize("fractions", [(), (0.5,), (0.5, 0.5, 1.0), (0.6, 0.3, 1.0), (0.0, 1.0), (0.5, float("nan"))])
def test_shares_that_do_not_grow_to_the_whole_are_refused(fractions):
    with pytest.raises(ValueError, match="shares"):
        obrien_fleming(0.05, fractions)


@pytest.mark.parametrize("alpha", [0.0, -0.1, 0.5, 1.0, float("nan")])
def test_an_error_that_is_none_is_refused(alpha):
    with pytest.raises(ValueError, match="error"):
        obrien_fleming(alpha, THIRDS)
