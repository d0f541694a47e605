"""Are there phases at all? Four breaks that all probes share, against a smooth curve for each.

A change-point library finds breaks in any smooth curve, so finding some says nothing. Here the smooth model is fitted
too, and the comparison is repeated on curves that were drawn from it (a parametric bootstrap): what it finds there is
what 'no phases' looks like.

- M0, smooth: each probe is a logistic, or a power law, of the step: four parameters.
- M1, breaks: each probe is a continuous line over the step's logarithm that bends at four steps, which are the same
  for all: six parameters each, and four. All choices of four checkpoints are tried.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabula.study.statistics.logistic import LogisticGrid, centred_units, log_steps

BREAKS = 4
SMOOTH_PARAMETERS = 4
LINE_PARAMETERS = 2 + BREAKS
APART = 2
"""Checkpoints between two breaks at least: a line needs points."""
FEWEST_CHECKPOINTS = 12
MOST_CHECKPOINTS = 30
"""All choices of breaks are tried, and their number grows with the fourth power."""
FEWEST_PROBES = 2
OFFSETS = (0.5, 2, 8, 32, 128, 512)
"""Steps before which a power law is flat."""
EXPONENTS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0)
BLOCK = 1 << 22
"""Correlations in memory at once."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BreakTest:
    """Four common breaks against smooth curves."""

    delta_bic: float
    """BIC of the smooth curves minus BIC with breaks: above 0 speaks for breaks."""
    p: float | None
    """Share of smooth simulations with at least this difference, the data counted among them; None: no draws."""
    null: tuple[float, ...]
    """The simulations' differences."""
    breaks: tuple[int, ...]
    """Steps of the best four."""


class BreakModels:
    """Fits both models to any number of studies over fixed checkpoints."""

    def __init__(self, steps: Sequence[int]) -> None:
        """Lay out both models; `FEWEST_CHECKPOINTS` to `MOST_CHECKPOINTS` steps, ascending."""
        assert FEWEST_CHECKPOINTS <= len(steps) <= MOST_CHECKPOINTS, len(steps)
        grid = LogisticGrid(steps)
        at = np.asarray(steps, np.float64)
        power = [(at + offset) ** -exponent for offset in OFFSETS for exponent in EXPONENTS]
        self.steps = list(steps)
        self._smooth_GT = np.concatenate((grid.units, centred_units(np.array(power))))
        self._choices, self._lines_CTT = _broken_lines(log_steps(steps))

    def smooth(self, curves_NT: Floats) -> tuple[Floats, Floats]:
        """Return each row's best smooth curve (N, T) and the squared length of what it leaves (N,)."""
        centre_N1 = curves_NT.mean(1, keepdims=True)
        total_N = ((curves_NT - centre_N1) ** 2).sum(1)
        best_N, explained_N = np.empty(len(curves_NT), np.int64), np.empty(len(curves_NT))
        rows = max(1, BLOCK // len(self._smooth_GT))
        for start in range(0, len(curves_NT), rows):
            part = slice(start, start + rows)
            projection = curves_NT[part] @ self._smooth_GT.T
            np.square(projection, out=projection)
            best_N[part] = projection.argmax(1)
            explained_N[part] = projection[np.arange(len(projection)), best_N[part]]
        unit_NT = self._smooth_GT[best_N]
        fitted = centre_N1 + unit_NT * (unit_NT * curves_NT).sum(1, keepdims=True)
        return fitted, np.maximum(total_N - explained_N, 0)

    def broken(self, studies_SPT: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Return the squared length of what the best common breaks leave (S,) and which choice of breaks that is (S,).

        What a choice explains is the trace of its projection times the studies' T x T matrix of products, whatever
        the number of probes.
        """
        products_STT = np.einsum("spt,spu->stu", studies_SPT, studies_SPT)
        length = len(self.steps)
        explained_CS = self._lines_CTT.reshape(-1, length**2) @ products_STT.reshape(-1, length**2).T
        best_S = explained_CS.argmax(0)
        total_S = np.trace(products_STT, axis1=1, axis2=2)
        return np.maximum(total_S - explained_CS[best_S, np.arange(len(best_S))], 0), best_S

    def delta_bic(self, studies_SPT: Floats) -> tuple[Floats, NDArray[np.int64]]:
        """Return BIC(M0) - BIC(M1) of each study, and its best choice of breaks."""
        count, probes, length = studies_SPT.shape
        n = probes * length
        smooth_S = self.smooth(studies_SPT.reshape(-1, length))[1].reshape(count, probes).sum(1)
        broken_S, best_S = self.broken(studies_SPT)
        smooth_S, broken_S = (np.maximum(left, 1e-9 * n) for left in (smooth_S, broken_S))
        extra = (LINE_PARAMETERS - SMOOTH_PARAMETERS) * probes + BREAKS
        return n * np.log(smooth_S / broken_S) - extra * np.log(n), best_S

    def breaks(self, choice: int) -> tuple[int, ...]:
        """Return the steps of a choice of breaks."""
        return tuple(self.steps[index] for index in self._choices[choice])


def break_test(steps: Sequence[int], curves_PT: Floats, draws: int, seed: int) -> BreakTest | None:
    """Compare four common breaks with smooth curves, in one run.

    Simulated noise has the residuals' covariance between probes (a bad checkpoint is bad for many) and none between
    checkpoints.

    Args:
        steps: of the checkpoints, ascending, at most `MOST_CHECKPOINTS`.
        curves_PT: each probe's values; those that are constant are left out.
        draws: simulations; 0: only the difference of BIC.
        seed: decides the simulations.

    Returns:
        None for too few checkpoints (`FEWEST_CHECKPOINTS`) or probes (`FEWEST_PROBES`).
    """
    spread = curves_PT.std(1)
    curves_PT = curves_PT[spread > 1e-12]
    if len(steps) < FEWEST_CHECKPOINTS or len(curves_PT) < FEWEST_PROBES:
        return None
    standard_PT = (curves_PT - curves_PT.mean(1, keepdims=True)) / curves_PT.std(1, keepdims=True)
    models = BreakModels(steps)
    observed, best = models.delta_bic(standard_PT[None])
    null = np.empty(0)
    if draws:
        fitted_PT, _ = models.smooth(standard_PT)
        residuals_PT = (standard_PT - fitted_PT) / (len(steps) - SMOOTH_PARAMETERS) ** 0.5
        normal_STT = np.random.default_rng(seed).standard_normal((draws, len(steps), len(steps)))
        null, _ = models.delta_bic(fitted_PT + residuals_PT @ normal_STT)
    p = (1 + int((null >= observed[0]).sum())) / (1 + draws) if draws else None
    return BreakTest(float(observed[0]), p, tuple(np.round(null, 3).tolist()), models.breaks(int(best[0])))


def schedule_breaks(learning_rates: Sequence[tuple[int, float]]) -> tuple[int, ...]:
    """Return the steps where a learning rate's course has a kink: the end of warm-up and the start of decay.

    Args:
        learning_rates: (step, learning rate), ascending.

    Returns:
        None, one (a decay that begins where the warm-up ends) or two steps.
    """
    if not learning_rates:
        return ()
    top = max(rate for _, rate in learning_rates) * (1 - 1e-6)
    at_top = [step for step, rate in learning_rates if rate >= top]
    inside = (learning_rates[0][0], learning_rates[-1][0])
    return tuple(sorted({step for step in (at_top[0], at_top[-1]) if step not in inside}))


def near(step: float, others: Sequence[float], factor: float) -> bool:
    """Return whether one of the others is within a factor of a step."""
    return any(other > 0 and step > 0 and max(step / other, other / step) <= factor for other in others)


def _broken_lines(x_T: Floats) -> tuple[list[tuple[int, ...]], Floats]:
    """Return each choice of breaks and its projection onto continuous lines with these breaks; (choices, T, T)."""
    choices = [
        choice
        for choice in itertools.combinations(range(APART, len(x_T) - APART), BREAKS)
        if all(later - earlier >= APART for earlier, later in itertools.pairwise(choice))
    ]
    knots_CB = x_T[np.array(choices)]
    bends_CTB = np.maximum(x_T[None, :, None] - knots_CB[:, None, :], 0)
    straight_CT2 = np.broadcast_to(np.stack((np.ones_like(x_T), x_T), 1), (len(choices), len(x_T), 2))
    orthogonal_CTK = np.linalg.qr(np.concatenate((straight_CT2, bends_CTB), 2))[0]
    return choices, orthogonal_CTK @ orthogonal_CTK.transpose(0, 2, 1)
