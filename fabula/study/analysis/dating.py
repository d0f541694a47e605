"""When each series learned what, and when it passed the n-grams."""

import itertools
from collections.abc import Iterable, Mapping

import numpy as np

from fabula.study.analysis.measuring import Measured
from fabula.study.folder import Series, Study
from fabula.study.probes import Probe
from fabula.study.results import Acquisition
from fabula.study.statistics.acquisition import Fit, fit
from fabula.study.statistics.intervals import percentile_interval
from fabula.study.statistics.logistic import log_steps
from fabula.study.statistics.monotone import explained_by

HORIZON_NATS = 0.01
"""A context is used when words beyond it are worth more, with the whole interval."""
ORDERS = ("1", "2", "3", "4", "5")
LOSS = ("ladder", "gain1")
"""Panel and column whose negative is the held-out loss but for a constant, in nats per byte."""

Fits = Mapping[tuple[str, str], Fit]
"""By (probe, series' label)."""


def fit_all(measured: Measured, probes: Iterable[Probe]) -> Fits:
    """Fit a monotone curve to every probe of every series that has enough checkpoints."""
    fits = {}
    for probe in probes:
        for label, course in measured.courses.get(probe.name, {}).items():
            found = fit(course.steps, course.values, course.draws)
            if found is not None:
                fits[probe.name, label] = found
    return fits


def acquisitions(measured: Measured, fits: Fits) -> tuple[Acquisition, ...]:
    """Return the fits as they are reported."""
    losses = _losses(measured)
    found = []
    for (probe, label), entry in fits.items():
        t10, t50, t90 = entry.dates()
        halves = entry.half_draws()
        found.append(
            Acquisition(
                probe=probe,
                series=label,
                model=entry.model,
                t10=t10,
                t50=t50,
                t90=t90,
                t50_interval=None if halves is None else percentile_interval(halves),
                start=entry.start,
                end=entry.end,
                curve=entry.curve,
                depends_on_loss=None if probe == LOSS[0] else _depends_on_loss(measured, probe, label, losses),
            )
        )
    return tuple(found)


def horizons(study: Study, measured: Measured) -> dict[str, tuple[tuple[int, int | None], ...]]:
    """Return for each series and step the longest context k whose far side is still worth something.

    All shorter ones must be worth something too: a gain at one length alone is noise.
    """
    used: dict[tuple[str, int], dict[int, bool]] = {}
    for row in measured.rows:
        if row.probe == "context_gain" and row.measure == "gain" and row.condition.isdigit():
            worth = row.low is not None and row.low > HORIZON_NATS
            used.setdefault((row.series, row.step), {})[int(row.condition)] = worth
    return {
        series.label: found
        for series in study.series
        if (
            found := tuple(
                (step, _longest(worth))
                for (label, step), worth in sorted(used.items(), key=lambda entry: entry[0])
                if label == series.label
            )
        )
    }


def _longest(worth: Mapping[int, bool]) -> int | None:
    """Return the last of the lengths, ascending, before one that is worth nothing."""
    kept = list(itertools.takewhile(lambda k: worth[k], sorted(worth)))
    return kept[-1] if kept else None


def crossings(study: Study, measured: Measured) -> dict[str, dict[str, float | None]]:
    """Return the step at which each series' loss falls below each n-gram's."""
    found: dict[str, dict[str, float | None]] = {}
    for series in filter(trained, study.series):
        for order in ORDERS:
            points = _column(measured, series.label, f"gain{order}")
            if points:
                found.setdefault(series.label, {})[order] = _first_above_zero(points)
    return found


def _first_above_zero(points: dict[int, float]) -> float | None:
    """Return the first step at which a value is above 0, on a line over the step's logarithm; None: never."""
    steps = sorted(points)
    for place, step in enumerate(steps):
        if points[step] > 0:
            if place == 0:
                return float(step)
            before = steps[place - 1]
            part = -points[before] / (points[step] - points[before])
            low, high = log_steps([before, step])
            return float(10 ** (low + part * (high - low)))
    return None


def _column(measured: Measured, label: str, column: str) -> dict[int, float]:
    """Return one column of the ladder over steps."""
    return {
        row.step: row.value
        for row in measured.rows
        if row.series == label and row.probe == LOSS[0] and row.measure == column
    }


def _losses(measured: Measured) -> dict[tuple[str, int], float]:
    """Return the held-out loss of every checkpoint, but for a constant."""
    return {
        (row.series, row.step): -row.value for row in measured.rows if row.probe == LOSS[0] and row.measure == LOSS[1]
    }


def _depends_on_loss(
    measured: Measured, probe: str, label: str, losses: Mapping[tuple[str, int], float]
) -> float | None:
    """Return R2 of one series' values as a monotone function of the loss, fitted to all series together."""
    points = [
        (losses[series, step], value, series == label)
        for series, course in measured.courses[probe].items()
        for step, value in zip(course.steps, course.values, strict=True)
        if (series, step) in losses
    ]
    if not points:
        return None
    loss, values, mine = (np.array(part) for part in zip(*points, strict=True))
    return explained_by(loss.astype(np.float64), values.astype(np.float64), mine.astype(bool))


def trained(series: Series) -> bool:
    """Return whether a series is a run, and not a single model."""
    return series.steps > 0
