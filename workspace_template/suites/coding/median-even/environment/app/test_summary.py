"""What the figures have to be."""

from summary import mean, median, spread


def test_mean():
    assert mean([1, 2, 6]) == 3.0


def test_median():
    assert median([1, 2, 3, 10]) == 2.5


def test_spread():
    assert spread([4, 9, 2]) == 7
