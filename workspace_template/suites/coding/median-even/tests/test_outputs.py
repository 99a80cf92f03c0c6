"""Medians of sorted and unsorted lists, of odd and even length, and of none."""

import random
import statistics

MEDIANS = "from summary import median\nresult = [median(numbers) for numbers in given]"


def test_even_and_odd(check):
    check(MEDIANS, [[1, 2, 3, 10], [1, 2, 3], [7], [1, 2], [4, 4, 4, 4]], [2.5, 2.0, 7.0, 1.5, 4.0])


def test_numbers_in_any_order(check):
    check(MEDIANS, [[9, 1, 5], [10, 1, 3, 2], [-5, 0, -10, 3]], [5.0, 2.5, -2.5])


def test_many_lists(check):
    dice = random.Random(8)
    lists = [[dice.randint(-50, 50) for _ in range(dice.randint(1, 12))] for _ in range(100)]
    check(MEDIANS, lists, [float(statistics.median(numbers)) for numbers in lists])


def test_the_list_of_the_caller_stays_as_it_was(check):
    check("from summary import median\nmedian(given)\nresult = given", [3, 1, 2, 0], [3, 1, 2, 0])


def test_no_numbers(check):
    code = """
from summary import mean, median, spread
result = []
for figure in (mean, median, spread):
    try:
        result.append(figure([]))
    except ValueError:
        result.append("refused")
"""
    check(code, None, ["refused"] * 3)


def test_the_other_figures_are_what_they_were(check):
    check("from summary import mean, spread\nresult = [mean([1, 2, 6]), spread([4, 9, 2])]", None, [3.0, 7])
