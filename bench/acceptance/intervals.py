"""How sure a simulated rate is."""

from __future__ import annotations

from scipy.stats import beta


def rate_with_interval(hits: int, of: int) -> tuple[float, float, float]:
    """Return the rate and its exact two-sided 95 % interval, after Clopper and Pearson."""
    low = float(beta.ppf(0.025, hits, of - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, of - hits)) if hits < of else 1.0
    return hits / of, low, high
