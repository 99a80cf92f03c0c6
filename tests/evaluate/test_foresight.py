"""What is known of a suite before a run: measured where it can be, and where not, said to be a default."""

import pytest

from agent.evaluate.foresight import TRIAL_PPM, USUAL, foresee, known_of, points
from agent.evaluate.trial import TrialKey
from sandbox.broker.usage import Price
from tests.evaluate.test_attempts import SPENT, CodingSuite, came_to
from tests.loop.nulls import Population

TOKENS = Price(input=3_000_000, output=15_000_000, write_5m=3_750_000, write_1h=6_000_000, read=300_000)


def key(task, repeat=0, digest=CodingSuite.digest):
    return TrialKey("t", digest, "dev", task, "r", "l", 0, repeat, "m")


def test_without_a_model_trials_do_not_vary_and_the_time_is_that_of_earlier_runs():
    known = known_of(Population(), {}, None, 110)

    assert (known.noise.trial_ppm, known.price.milliseconds, known.price.micro_usd) == (0, 110, 0)
    assert "earlier runs" in known.price_from
    assert "not known" in known_of(Population(), {}, None, None).price_from


def test_where_nothing_was_run_defaults_are_used_and_called_so():
    known = known_of(CodingSuite(), {}, TOKENS, None)

    assert (known.noise.trial_ppm, known.price.tokens) == (TRIAL_PPM, USUAL.total)
    assert known.price.micro_usd == TOKENS.cost(USUAL)
    assert "default" in known.noise_from
    assert "default" in known.price_from
    unpriced = known_of(CodingSuite(), {}, None, None)
    assert unpriced.price.micro_usd == 0
    assert "not known" in unpriced.price_from


def test_what_was_run_more_than_once_is_measured_and_of_this_suite_alone():
    attempts = {
        key("a"): came_to(0), key("a", 2): came_to(1_000_000), key("b"): came_to(500_000),
        key("b", 2): came_to(None, "provider"), key("a", 0, "sha256:" + "9" * 64): came_to(7),
    }  # fmt: skip
    known = known_of(CodingSuite(), attempts, TOKENS, None)

    assert known.noise.trial_ppm == round((2 * 500_000**2) ** 0.5)
    assert "measured on 1 tasks" in known.noise_from
    assert (known.price.tokens, known.price.micro_usd) == (SPENT.usage.total, SPENT.micro_usd)
    assert "measured on 4 trials" in known.price_from


def test_the_smaller_the_level_the_larger_the_smallest_gain_that_is_found():
    known = known_of(Population(), {}, None, 10)
    easy, hard = (foresee(Population(), level, 0, known).smallest_gain_ppm for level in (25_000_000, 2_500_000))

    assert easy < hard


@pytest.mark.parametrize(("ppm", "words"), [(None, "none"), (0, "0.0 points"), (52_500, "5.2 points")])
def test_a_gain_is_told_in_points(ppm, words):
    assert points(ppm) == words
