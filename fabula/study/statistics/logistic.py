"""Logistic curves over the logarithm of the step, fitted to thousands of curves at once.

m(s) = lo + (hi - lo) / (1 + exp(-(log10 s - tau) / w)). For given tau and w the rest is a straight line, so the best
of a grid of (tau, w) is the one whose shape has the highest correlation with the curve: one matrix product. Falling
curves are those with hi < lo. Step 0 stands at log10 of 0.5, one doubling before step 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit, logit

FIRST_STEP = 0.5
"""Where step 0 stands on a logarithmic axis."""
WIDTHS = (0.025, 0.035, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.55, 0.75, 1.0)
"""Of the grid, in decades of steps: an S from 12 % to 88 % is four widths long."""
TAUS = 121
"""Midpoints of the grid."""
BEYOND = 0.3
"""Decades behind the last checkpoint where a midpoint may lie: a curve that is still rising."""
BLOCK = 1 << 23
"""Correlations in memory at once."""
SAME = 1e-9
"""A shape whose variance over the checkpoints is smaller is flat."""

Floats = NDArray[np.float64]


def log_steps(steps: Sequence[float] | Floats) -> Floats:
    """Return the base-10 logarithms of steps, step 0 at `FIRST_STEP`."""
    return np.log10(np.maximum(np.asarray(steps, np.float64), FIRST_STEP))


@dataclass(frozen=True)
class Shapes:
    """Curves' midpoints and widths; everything about their dates, because lo and hi don't matter for them."""

    tau: Floats
    width: Floats
    first: float
    """Logarithm of the first checkpoint's step."""
    last: float

    def rise(self, at: float) -> Floats:
        """Return the logistic at a logarithm of a step, before scaling; shape (curves,)."""
        result: Floats = expit((at - self.tau) / self.width)
        return result

    def share(self, start: float, stop: float) -> Floats:
        """Return how much of the change between first and last checkpoint falls between two logarithms of steps."""
        whole = self.rise(self.last) - self.rise(self.first)
        return (self.rise(stop) - self.rise(start)) / np.maximum(whole, 1e-12)

    def date(self, gained: float) -> Floats:
        """Return the step at which a part of the change between first and last checkpoint is made."""
        start, stop = self.rise(self.first), self.rise(self.last)
        wanted = np.clip(start + gained * (stop - start), 1e-12, 1 - 1e-12)
        at = np.clip(self.tau + self.width * logit(wanted), self.first, self.last)
        steps: Floats = np.power(10.0, at)
        return steps


class LogisticGrid:
    """Fits logistic curves over fixed checkpoints."""

    def __init__(self, steps: Sequence[float] | Floats) -> None:
        """Lay out the grid; `steps` ascending, at least four."""
        self.x = log_steps(steps)
        taus, widths = np.meshgrid(np.linspace(self.x[0], self.x[-1] + BEYOND, TAUS), WIDTHS, indexing="ij")
        self.tau, self.width = taus.ravel(), widths.ravel()
        self.units = centred_units(expit((self.x - self.tau[:, None]) / self.width[:, None]))

    def fit(self, curves_NT: Floats) -> Shapes:
        """Return the best shape for each row; midpoints are refined between the grid's by a parabola."""
        best_N = np.empty(len(curves_NT), np.int64)
        tau_N = np.empty(len(curves_NT))
        rows = max(1, BLOCK // len(self.units))
        spacing = self.tau[len(WIDTHS)] - self.tau[0]
        for start in range(0, len(curves_NT), rows):
            part = slice(start, start + rows)
            fit_NG = (curves_NT[part] @ self.units.T) ** 2
            best = fit_NG.argmax(1)
            row = np.arange(len(best))
            inside = np.clip(best, len(WIDTHS), len(self.tau) - 1 - len(WIDTHS))
            before, at, behind = (fit_NG[row, inside + shift * len(WIDTHS)] for shift in (-1, 0, 1))
            bend = np.minimum(before - 2 * at + behind, -1e-300)
            offset = np.where(inside == best, np.clip(0.5 * (before - behind) / bend, -0.5, 0.5), 0.0)
            best_N[part], tau_N[part] = best, self.tau[best] + spacing * offset
        return Shapes(tau_N, self.width[best_N], float(self.x[0]), float(self.x[-1]))

    def polish(self, curve_T: Floats) -> tuple[Shapes, Floats]:
        """Return one curve's shape by least squares from the grid's best, and its fitted values; shape (T,)."""
        start = self.fit(curve_T[None])
        centre, scale = curve_T.mean(), max(float(curve_T.std()), 1e-12)
        wanted = (curve_T - centre) / scale

        def line(shape: Floats) -> Floats:
            unit = centred_units(expit((self.x - shape[0]) / shape[1])[None])[0]
            fitted: Floats = unit * float(unit @ wanted)
            return fitted

        bounds = ([self.x[0], WIDTHS[0]], [self.x[-1] + BEYOND, 2 * WIDTHS[-1]])
        guess = np.clip([start.tau[0], start.width[0]], *bounds)
        found = least_squares(lambda shape: line(shape) - wanted, guess, bounds=bounds)
        tau, width = found.x
        shape = Shapes(np.array([tau]), np.array([width]), start.first, start.last)
        return shape, centre + scale * line(found.x)


def centred_units(shapes_GT: Floats) -> Floats:
    """Return shapes without their mean and with length 1; flat ones become 0."""
    centred = shapes_GT - shapes_GT.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.where(length**2 > SAME, centred / np.maximum(length, 1e-300), 0.0)
