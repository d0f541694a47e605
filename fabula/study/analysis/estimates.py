"""Means with their bootstrap draws: what every number of a study is made of."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from fabula.study.analysis.panels import weights
from fabula.study.results import Interval
from fabula.study.scores import Scores
from fabula.study.statistics.bootstrap import ClusterBootstrap, Sums
from fabula.study.statistics.intervals import percentile_interval, percentile_intervals, wilson_interval

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Mean:
    """A mean over units, with its resampled values."""

    value: float
    draws: Floats
    """Clusters drawn; the same draws for all means of a panel."""
    n: int
    clusters: int
    interval: Interval | None
    """At 95 %: Wilson's for a share of independent units, else the bootstrap's; None: a single cluster."""


@dataclass(frozen=True)
class Estimate:
    """A probe at one checkpoint."""

    mean: Mean
    baseline: Mean | None
    """On the same units; None: there is none, or it is `chance`."""
    baseline_name: str | None
    floor: float | None
    """The baseline's value, or chance; None: the probe has neither."""

    @property
    def above(self) -> float | None:
        """Value minus baseline."""
        return None if self.floor is None else self.mean.value - self.floor

    @property
    def floor_draws(self) -> Floats:
        """The baseline's draws; a constant for chance."""
        if self.baseline is not None:
            return self.baseline.draws
        assert self.floor is not None
        return np.full(len(self.mean.draws), self.floor)


@dataclass(frozen=True)
class Course:
    """A probe through one series, over units that all its checkpoints share."""

    steps: tuple[int, ...]
    values: Floats
    draws: Floats
    margins: Floats
    """Mean lead of the right answer in nats; for probes without one the values again."""


class Means:
    """Collects means and takes them together, in one matrix product."""

    def __init__(self, bootstrap: ClusterBootstrap) -> None:
        """Begin with none."""
        self._bootstrap = bootstrap
        self._sums: list[Sums] = []
        self._about: list[tuple[int, bool]] = []

    def add(self, scores: Scores, values: Floats, mask: Mask, column: str = "") -> int:
        """Ask for the mean of some units' values, and return its number; units whose value is NaN don't count.

        Args:
            scores: whose clusters and weights count.
            values: of each unit, often a column of `scores`; shape (units,).
            mask: which units; shape (units,).
            column: name of the values, where their weights depend on it.
        """
        mask = mask & ~np.isnan(values)
        index, kept = self._bootstrap.index(scores.clusters[mask].tolist()), values[mask]
        weighted = weights(scores, column)
        counted = None if weighted is None else weighted[mask]
        self._sums.append(self._bootstrap.sums(index, kept, counted))
        alone = len(set(index.tolist())) == len(index)
        self._about.append((len(kept), alone and counted is None and bool(np.isin(kept, (0, 1)).all())))
        return len(self._sums) - 1

    def take(self) -> list[Mean]:
        """Return every mean that was asked for."""
        if not self._sums:
            return []
        draws_MD = self._bootstrap.means(self._sums)
        bounds = percentile_intervals(draws_MD).tolist()
        return [
            _mean(sums, row, (low, high), n, share)
            for sums, row, (low, high), (n, share) in zip(self._sums, draws_MD, bounds, self._about, strict=True)
        ]


def _mean(sums: Sums, draws: Floats, bounds: Interval, n: int, share: bool) -> Mean:
    """Return a mean with its interval; `share`: its units are right or wrong (1 or 0), each its own cluster."""
    value, clusters = sums.mean, int((sums.denominators > 0).sum())
    interval = bounds if clusters > 1 and bounds[0] == bounds[0] else None
    return Mean(value, draws, n, clusters, wilson_interval(value, n) if share and n else interval)


def widened(mean: Mean, seed: int) -> Mean:
    """Return a share whose draws are all alike (all right, or all wrong) with those of a Jeffreys posterior.

    The bootstrap gives such a share no uncertainty at all, however few the clusters.
    """
    if mean.value not in (0.0, 1.0) or np.ptp(mean.draws) > 0:
        return mean
    right, draws = mean.value * mean.clusters, len(mean.draws)
    quantiles = beta.ppf((np.arange(draws) + 0.5) / draws, right + 0.5, mean.clusters - right + 0.5)
    drawn = np.random.default_rng(seed).permutation(quantiles)
    return replace(mean, draws=drawn, interval=wilson_interval(mean.value, mean.clusters))


def ratio(above: Mean, below: Mean) -> Mean:
    """Return a ratio of two means, paired by cluster."""
    draws = above.draws / below.draws
    interval = None if above.interval is None else percentile_interval(draws)
    return Mean(above.value / below.value, draws, above.n + below.n, above.clusters, interval)


def shared_units(parts: Sequence[tuple[Scores, Mask]]) -> list[Mask]:
    """Return for each file the units that all of them have (in its own order).

    Without any, or with too few, each keeps its own.
    """
    names = [np.char.add(np.char.add(s.conditions, "\n"), s.units)[mask] for s, mask in parts]
    if all(np.array_equal(names[0], other) for other in names[1:]):
        return [mask for _, mask in parts]
    common = set(names[0].tolist()).intersection(*(other.tolist() for other in names[1:]))
    if 2 * len(common) < min(len(other) for other in names):
        return [mask for _, mask in parts]
    kept = []
    for (_, mask), own in zip(parts, names, strict=True):
        chosen = mask.copy()
        chosen[np.flatnonzero(mask)] = np.isin(own, list(common))
        kept.append(chosen)
    return kept
