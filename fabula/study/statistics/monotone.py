"""The best rising curve, whatever its form: isotonic regression of many curves at once."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def isotonic(curves_NT: Floats) -> Floats:
    """Return the least-squares fit that never falls, of each row; shape as given.

    Point i gets the largest, over starts j <= i, of the smallest, over ends k >= i, mean of points j..k (Barlow et
    al., 1972, theorem 1.4): the pool-adjacent-violators solution without a loop over curves.
    """
    length = curves_NT.shape[1]
    sums = np.concatenate((np.zeros((len(curves_NT), 1)), np.cumsum(curves_NT, 1)), 1)
    start, stop = np.arange(length)[:, None], np.arange(length)[None]
    means_NJK = (sums[:, 1:][:, None, :] - sums[:, :-1][:, :, None]) / np.maximum(stop - start + 1, 1)
    means_NJK = np.where(start <= stop, means_NJK, np.inf)
    smallest_NJK = np.minimum.accumulate(means_NJK[:, :, ::-1], 2)[:, :, ::-1]
    smallest_NJK = np.where(start <= stop, smallest_NJK, -np.inf)
    result: Floats = np.maximum.accumulate(smallest_NJK, 1)[:, np.arange(length), np.arange(length)]
    return result


def levels(curve_T: Floats) -> int:
    """Return how many different values a fitted curve has: its parameters."""
    return 1 + int((np.abs(np.diff(curve_T)) > 1e-12).sum())


def explained_by(predictor: Floats, values: Floats, chosen: NDArray[np.bool_] | None = None) -> float | None:
    """Return R2 of `values` as a monotone (isotonic) function of `predictor`.

    Within one run whose loss falls steadily, every monotone curve is such a function: the number says something where
    the loss isn't monotone, or where runs of several kinds are pooled.

    Args:
        predictor: shape (points,).
        values: shape (points,).
        chosen: points that R2 is computed over, all of which take part in the fit; None: all.

    Returns:
        At most 1; None for fewer than four points, or values that don't vary.
    """
    chosen = np.ones(len(values), bool) if chosen is None else chosen
    spread = float(((values[chosen] - values[chosen].mean()) ** 2).sum()) if chosen.any() else 0.0
    if chosen.sum() < 4 or spread < 1e-12:
        return None
    order = np.argsort(predictor, kind="stable")
    ascending = values[order]
    best = np.inf
    for sign in (1.0, -1.0):
        fitted = np.empty_like(values)
        fitted[order] = sign * isotonic(sign * ascending[None])[0]
        best = min(best, float(((values - fitted)[chosen] ** 2).sum()))
    return 1 - best / spread
