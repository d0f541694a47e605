"""What a group of runs says about a probe at one step, over seeds and clusters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabula.study.analysis.estimates import Estimate
from fabula.study.analysis.measuring import Measured
from fabula.study.analysis.rules import Rules
from fabula.study.folder import Series
from fabula.study.probes import Probe
from fabula.study.statistics.bootstrap import over_seeds
from fabula.study.statistics.logistic import log_steps

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """A probe at one step: the mean over seeds with two-level bootstrap draws."""

    step: int
    value: float
    value_draws: Floats
    floor: float | None
    """Best baseline, or chance."""
    floor_draws: Floats | None
    floor_name: str | None
    by_seed: tuple[float, ...]
    """Each seed's value minus its floor, or its value where there is no floor."""

    @property
    def above(self) -> float:
        """Value minus floor; the value where there is none."""
        return self.value - (self.floor or 0.0)

    @property
    def above_draws(self) -> Floats:
        """Draws of `above`."""
        return self.value_draws if self.floor_draws is None else self.value_draws - self.floor_draws

    def normalised(self, ceiling: float) -> tuple[float, Floats] | None:
        """Return S = (value - floor) / (ceiling - floor) with its draws; None where the floor is the ceiling."""
        if self.floor is None or self.floor_draws is None or ceiling - self.floor < 1e-9:
            return None
        room_D = np.maximum(ceiling - self.floor_draws, 1e-9)
        return self.above / (ceiling - self.floor), self.above_draws / room_D


def evidence(
    probe: Probe, members: Sequence[Series], step: int | None, measured: Measured, rules: Rules, counts_DS: Floats
) -> Evidence | None:
    """Pool a group's seeds.

    Args:
        probe: what is asked.
        members: the runs, or the single model.
        step: claimed step; None: the end of training (of a single model its only checkpoint).
        measured: all estimates.
        rules: how near a checkpoint must be.
        counts_DS: draws of seeds.

    Returns:
        None when a run has no measured checkpoint near enough.
    """
    estimates: list[Estimate] = []
    steps = []
    for series in members:
        known = {
            place: e for (label, place), e in measured.estimates.get(probe.name, {}).items() if label == series.label
        }
        at = _nearest(list(known), (series.steps or None) if step is None else step, rules.nearest)
        if at is None:
            return None
        estimates.append(known[at])
        steps.append(at)
    draws_D = over_seeds(np.array([estimate.mean.draws for estimate in estimates]), counts_DS)
    floors = [estimate.floor for estimate in estimates]
    with_floor = all(floor is not None for floor in floors)
    aboves = [e.above if e.above is not None else e.mean.value for e in estimates]
    return Evidence(
        step=steps[-1],
        value=float(np.mean([estimate.mean.value for estimate in estimates])),
        value_draws=draws_D,
        floor=float(np.mean([floor for floor in floors if floor is not None])) if with_floor else None,
        floor_draws=over_seeds(np.array([e.floor_draws for e in estimates]), counts_DS) if with_floor else None,
        floor_name=estimates[0].baseline_name,
        by_seed=tuple(aboves),
    )


def _nearest(steps: Sequence[int], wanted: int | None, factor: float) -> int | None:
    """Return the step nearest to the wanted one, if it is within the factor; the last one when none is wanted."""
    if not steps or wanted is None:
        return max(steps, default=None)
    distances = np.abs(log_steps(list(steps)) - log_steps([wanted]))
    best = int(distances.argmin())
    return steps[best] if distances[best] <= np.log10(factor) + 1e-12 else None
