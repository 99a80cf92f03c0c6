"""How sure a simulated rate is."""

from __future__ import annotations

from scipy.stats import beta


def rate_with_interval(hits: int, of: int) -> tuple[float, float, float]:
    """Return the rate and its exact two-sided 95 % interval, after Clopper and Pearson."""
    low = float(beta.ppf(0.025, hits, of - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, of - hits)) if hits < of else 1.0
    return hits / of, low, high


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return Wilson's two-sided 95 % interval of a share; all of it where nothing was counted."""
    if not of:
        return 0.0, 1.0
    z = 1.959964
    middle = (hits + z * z / 2) / (of + z * z)
    half = z / (of + z * z) * (hits * (of - hits) / of + z * z / 4) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)
