"""Intervals: by bootstrap, for one share, and for several answers at once."""

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

DRAWS = 2_000
"""Bootstrap resamples behind an interval."""
LEVEL = 0.95
BLOCK = 1 << 22
"""Resampled values in memory at once."""

Floats = NDArray[np.float64]
Interval = tuple[float, float]


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


def percentile_intervals(draws_MD: Floats, level: float = LEVEL) -> Floats:
    """Return low and high of each row of bootstrap draws; shape (rows, 2).

    Draws that are NaN (a part of a probe that a resample has no unit of) are left out.
    """
    tails = ((1 - level) / 2, (1 + level) / 2)
    result: Floats = np.quantile(draws_MD, tails, axis=1).T
    for row in np.flatnonzero(np.isnan(result[:, 0]) & ~np.isnan(draws_MD).all(1)):
        result[row] = np.nanquantile(draws_MD[row], tails)
    return result


def percentile_interval(draws_D: Floats, level: float = LEVEL) -> Interval:
    """Return low and high of one quantity's bootstrap draws; shape (draws,)."""
    low, high = percentile_intervals(draws_D[None], level)[0]
    return float(low), float(high)


def wilson_interval(share: float, n: int, level: float = LEVEL) -> Interval:
    """Return the score interval of a share of n independent units (Wilson, 1927).

    Unlike the bootstrap's it has a width where all units are right or all are wrong.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def holm_levels(p_values: Sequence[float], level: float = LEVEL) -> list[float]:
    """Return the level of the interval that each of several questions is answered with (Holm, 1979).

    The question with the smallest p is answered at 1 - alpha / m, the next one at 1 - alpha / (m - 1), and so on for
    as long as the answers are significant; the first that isn't sets the level of all that follow.
    """
    alpha = 1 - level
    levels = [0.0] * len(p_values)
    left, stopped = len(p_values), False
    for index in sorted(range(len(p_values)), key=lambda i: p_values[i]):
        levels[index] = 1 - alpha / left
        stopped = stopped or p_values[index] > alpha / left
        left -= not stopped
    return levels
