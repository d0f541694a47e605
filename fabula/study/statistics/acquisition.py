"""When something was learned: dates and window shares of a curve over training, with their uncertainty."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fabula.study.statistics.intervals import percentile_interval
from fabula.study.statistics.logistic import LogisticGrid, Shapes, log_steps
from fabula.study.statistics.monotone import isotonic, levels

ISOTONIC_BIC = 10.0
"""A logistic curve whose BIC is worse by more gives way to isotonic regression."""
FEWEST_CHECKPOINTS = 5
"""With fewer, a curve of four parameters fits anything."""
GAINS = (0.1, 0.5, 0.9)
"""Parts of the change that are dated: t10, t50, t90."""
DRAWN_POINTS = 60
"""Of a fitted logistic."""
UNIFORM_FROM = 10 / 4_000
"""Share of the run before which a smooth change is taken not to have begun."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Isotonic:
    """Fitted curves without a formula; between checkpoints they are straight lines over the step's logarithm."""

    x: Floats
    curves: Floats
    """Rising; curves that fall are stored with their sign changed."""

    def share(self, start: float, stop: float) -> Floats:
        """Return how much of the change falls between two logarithms of steps; shape (curves,)."""
        whole = np.maximum(self.curves[:, -1] - self.curves[:, 0], 1e-12)
        return np.array([np.interp(stop, self.x, row) - np.interp(start, self.x, row) for row in self.curves] / whole)

    def date(self, gained: float) -> Floats:
        """Return the step at which a part of the change is made; shape (curves,)."""
        at = np.empty(len(self.curves))
        for number, row in enumerate(self.curves):
            wanted = row[0] + gained * (row[-1] - row[0])
            behind = min(max(int(np.searchsorted(row, wanted)), 1), len(row) - 1)
            low, high = row[behind - 1], row[behind]
            part = (wanted - low) / (high - low) if high > low else 0.0
            at[number] = self.x[behind - 1] + part * (self.x[behind] - self.x[behind - 1])
        return np.power(10.0, at)


@dataclass(frozen=True)
class Fit:
    """A curve's monotone fit, and the same fit to its bootstrap draws."""

    model: Literal["logistic", "isotonic", "none"]
    start: float
    """Fitted values at the first and the last checkpoint."""
    end: float
    curve: tuple[tuple[float, float], ...]
    """(step, fitted value), for drawing."""
    best: Shapes | Isotonic | None
    """One curve; None: it did not change."""
    drawn: Shapes | Isotonic | None
    """One for each draw."""

    def dates(self) -> tuple[float | None, float | None, float | None]:
        """Return the steps of 10, 50 and 90 % of the change."""
        if self.best is None:
            return None, None, None
        t10, t50, t90 = (float(self.best.date(gained)[0]) for gained in GAINS)
        return t10, t50, t90

    def half_draws(self) -> Floats | None:
        """Return t50 of each draw; shape (draws,)."""
        return None if self.drawn is None else self.drawn.date(0.5)

    def share(self, start: float, stop: float) -> tuple[float, Floats] | None:
        """Return W of the steps from `start` to `stop`, and of each draw; None: nothing changed."""
        if self.best is None or self.drawn is None:
            return None
        low, high = log_steps([start, stop])
        return float(self.best.share(low, high)[0]), self.drawn.share(low, high)


def fit(steps: Sequence[int], curve_T: Floats, draws_DT: Floats) -> Fit | None:
    """Date a curve.

    Args:
        steps: of the checkpoints, ascending.
        curve_T: the probe's value at each, over the same units.
        draws_DT: its bootstrap draws, the same clusters for all checkpoints; shape (draws, checkpoints).

    Returns:
        None for fewer than `FEWEST_CHECKPOINTS`.
    """
    if len(steps) < FEWEST_CHECKPOINTS:
        return None
    low, high = percentile_interval(draws_DT[:, -1] - draws_DT[:, 0])
    if low <= 0 <= high:
        middle = float(curve_T.mean())
        return Fit("none", middle, middle, ((steps[0], middle), (steps[-1], middle)), None, None)
    sign = 1.0 if curve_T[-1] > curve_T[0] else -1.0
    rising_T = isotonic(sign * curve_T[None])[0]
    grid = LogisticGrid(steps)
    shape, smooth_T = grid.polish(curve_T)
    noise = float(draws_DT.var(0).mean())
    falls = sign * (smooth_T[-1] - smooth_T[0]) <= 0
    if (
        falls
        or _bic(curve_T - smooth_T, 4, noise) > _bic(sign * curve_T - rising_T, levels(rising_T), noise) + ISOTONIC_BIC
    ):
        fitted = sign * rising_T
        curve = tuple(zip((float(step) for step in steps), fitted.tolist(), strict=True))
        drawn = Isotonic(grid.x, isotonic(sign * draws_DT))
        return Fit("isotonic", curve[0][1], curve[-1][1], curve, Isotonic(grid.x, rising_T[None]), drawn)
    x = np.linspace(grid.x[0], grid.x[-1], DRAWN_POINTS)
    rise = np.array([shape.rise(float(at))[0] for at in x])
    scaled = smooth_T[0] + (rise - rise[0]) / (rise[-1] - rise[0]) * (smooth_T[-1] - smooth_T[0])
    curve = tuple(zip(np.power(10.0, x).tolist(), scaled.tolist(), strict=True))
    return Fit(
        "logistic", float(smooth_T[0]), float(smooth_T[-1]), curve, shape, _drawn(grid, curve_T, shape, draws_DT)
    )


def _drawn(grid: LogisticGrid, curve_T: Floats, best: Shapes, draws_DT: Floats) -> Shapes:
    """Fit the draws on the grid, moved by what the grid is off for the curve itself."""
    drawn, rough = grid.fit(draws_DT), grid.fit(curve_T[None])
    return Shapes(drawn.tau + (best.tau - rough.tau), drawn.width * (best.width / rough.width), best.first, best.last)


def smooth_share(start: int, stop: int, steps: int) -> float:
    """Return W of a change that is uniform in the logarithm of the step, between `UNIFORM_FROM` and the end."""
    first = UNIFORM_FROM * steps
    return float(np.log(max(stop, first) / max(start, first)) / np.log(steps / first))


def _bic(residuals_T: Floats, parameters: int, noise: float) -> float:
    """Return n ln(mean square) + k ln n; residuals below the sampling noise count as that."""
    n = len(residuals_T)
    return float(n * np.log(max(float((residuals_T**2).mean()), noise, 1e-12)) + parameters * np.log(n))
