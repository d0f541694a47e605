"""Do things come in the order that was claimed?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import page_trend_test

Floats = NDArray[np.float64]


def order_probability(dates_KD: Floats) -> float:
    """Return the share of bootstrap draws whose dates ascend strictly; shape (things, draws)."""
    return float((np.diff(dates_KD, axis=0) > 0).all(0).mean())


def trend_p(dates_SK: Sequence[Sequence[float]]) -> float | None:
    """Return p of Page's test (1963) that dates ascend, against no order, over seeds.

    Args:
        dates_SK: for each seed the dates, in the claimed order.

    Returns:
        None for fewer than two seeds or three things.
    """
    if len(dates_SK) < 2 or len(dates_SK[0]) < 3:
        return None
    return float(page_trend_test(np.array(dates_SK)).pvalue)
