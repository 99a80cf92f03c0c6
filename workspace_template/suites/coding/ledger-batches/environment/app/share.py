"""Sharing an amount out."""


def share(cents, weights):
    """Return `cents` in as many parts as there are weights, in proportion to them, with nothing lost or added.

    What is left after rounding every part towards zero goes out cent by cent, from the first part on. Taking an amount
    back is the opposite of giving it: `share(-cents, weights)` holds the negatives of `share(cents, weights)`.
    Weights are whole and not negative; raises ValueError when all of them are zero or there are none.
    """
    whole = sum(weights)
    if whole <= 0:
        raise ValueError("there is nobody to share with")
    parts = [cents * weight // whole for weight in weights]
    for place in range(cents - sum(parts)):
        parts[place] += 1
    return parts
