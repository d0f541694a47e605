"""The cluster bootstrap: whole clusters are drawn, the same ones for everything that was measured on them.

Units of one cluster (a story, a template family) are not independent, so clusters are what is drawn (Miller, 2024,
arXiv:2411.00640). A mean needs only the sums within clusters, which makes a draw a row of a matrix product.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """A mean before the division: what each cluster adds to it."""

    numerators: Floats
    """Sum of weight times value over the cluster's units."""
    denominators: Floats
    """Sum of weights over the cluster's units; 0 for a cluster without any."""

    @property
    def mean(self) -> float:
        """The mean over all units; NaN when there are none."""
        weight = self.denominators.sum()
        return float(self.numerators.sum() / weight) if weight else float("nan")


class ClusterBootstrap:
    """Draws of clusters, shared by all means that are taken over them, so that differences are paired."""

    def __init__(self, clusters: Iterable[str], draws: int, seed: int | Sequence[int]) -> None:
        """Draw `draws` times as many clusters as there are, with replacement.

        Args:
            clusters: their names; the same set gives the same draws in whatever order it comes.
            draws: how many resamples.
            seed: decides the draws.
        """
        self.names = sorted(set(clusters))
        self.draws = draws
        n = len(self.names)
        self._index = {name: number for number, name in enumerate(self.names)}
        drawn_DC = np.random.default_rng(seed).integers(0, n, (draws, n))
        flat = (drawn_DC * draws + np.arange(draws)[:, None]).ravel()
        self.counts = np.bincount(flat, minlength=n * draws).reshape(n, draws).astype(np.float64)

    def index(self, clusters: Iterable[str]) -> NDArray[np.int64]:
        """Return the number of each unit's cluster; shape (units,)."""
        return np.array([self._index[name] for name in clusters], np.int64)

    def sums(self, index: NDArray[np.int64], values: Floats, weights: Floats | None = None) -> Sums:
        """Add up units by cluster; a unit whose value is NaN doesn't count.

        Args:
            index: cluster of each unit; shape (units,).
            values: shape (units,).
            weights: shape (units,); None: all alike.
        """
        weights = np.ones(len(values)) if weights is None else weights
        weights = np.where(np.isnan(values), 0.0, weights)
        n = len(self.names)
        numerators = np.bincount(index, weights * np.nan_to_num(values), n).astype(np.float64)
        return Sums(numerators, np.bincount(index, weights, n).astype(np.float64))

    def means(self, sums: Sequence[Sums]) -> Floats:
        """Return the resampled means; shape (len(sums), draws), NaN where a draw holds no unit."""
        numerators = np.stack([entry.numerators for entry in sums])
        denominators, which = np.unique(np.stack([entry.denominators for entry in sums]), axis=0, return_inverse=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            result: Floats = (numerators @ self.counts) / (denominators @ self.counts)[which.ravel()]
        return result


def seed_counts(seeds: int, draws: int, seed: int) -> Floats:
    """Draw seeds with replacement; shape (draws, seeds), each row adds up to the number of seeds."""
    counts = np.random.default_rng(seed).multinomial(seeds, np.full(seeds, 1 / seeds), draws)
    return counts.astype(np.float64)


def over_seeds(draws_SD: Floats, counts_DS: Floats) -> Floats:
    """Return the two-level bootstrap of a mean over seeds: seeds are drawn on top of the clusters.

    All seeds answer the same items, so a draw's clusters are the same for each of them (crossed, not nested).

    Args:
        draws_SD: each seed's resampled means, with shared clusters; shape (seeds, draws).
        counts_DS: how often each draw has each seed (`seed_counts`).

    Returns:
        Shape (draws,).
    """
    weights_SD = counts_DS.T
    used = np.where(weights_SD > 0, draws_SD, 0.0)
    result: Floats = (used * weights_SD).sum(0) / weights_SD.sum(0)
    return result
