"""Statistics that every figure of a study shares."""

import numpy as np
from numpy.typing import NDArray

DRAWS = 2_000
"""Bootstrap resamples behind an interval."""
LEVEL = 0.95
BLOCK = 1 << 22
"""Resampled values in memory at once."""

Floats = NDArray[np.float64]


def ratio_intervals(
    numerators: Floats, denominators: Floats, seed: int = 0, draws: int = DRAWS
) -> list[tuple[float, float]] | None:
    """Return a 95 % percentile bootstrap interval of `sum(numerator) / sum(denominator)` over n units, for each row.

    Whole units (stories) are drawn, the same ones for every row, so that the ratios stay comparable (Efron and
    Tibshirani, 1993, chapter 13).

    Args:
        numerators: shape (rows, n).
        denominators: shape (rows, n), positive.
        seed: decides the draws.
        draws: how many resamples.

    Returns:
        Low and high of each row; None when there is only one unit, which says nothing about others.
    """
    rows, n = numerators.shape
    if n < 2:
        return None
    random = np.random.default_rng(seed)
    ratios = np.empty((rows, draws))
    block = max(1, BLOCK // n)
    for first in range(0, draws, block):
        units = random.integers(0, n, (min(block, draws - first), n), dtype=np.int32)
        for row in range(rows):
            sums = numerators[row][units].sum(1), denominators[row][units].sum(1)
            ratios[row, first : first + len(units)] = sums[0] / sums[1]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(ratios, (tail, 1 - tail), axis=1)
    return list(zip(low.tolist(), high.tolist(), strict=True))
