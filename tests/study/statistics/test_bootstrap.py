"""The cluster bootstrap: it covers the truth, pairs what it should, and counts as it is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabula.study.statistics.bootstrap import ClusterBootstrap, over_seeds, seed_counts
from fabula.study.statistics.intervals import percentile_interval


def clustered(seed: int, clusters: int = 60, each: int = 5, between: float = 0.15):
    """Answers whose chance to be right differs between clusters; the true share is 0.6."""
    random = np.random.default_rng(seed)
    right = np.clip(0.6 + between * random.standard_normal(clusters), 0, 1)
    return np.repeat([f"family-{c}" for c in range(clusters)], each), (
        random.random((clusters, each)) < right[:, None]
    ).astype(float).ravel()


def draws_of(names, values, draws=400, seed=0):
    bootstrap = ClusterBootstrap(names, draws, seed)
    return bootstrap.means([bootstrap.sums(bootstrap.index(names), values)])[0]


def test_it_covers_the_truth_where_units_of_a_cluster_are_alike():
    hits, naive = 0, 0
    for seed in range(150):
        names, values = clustered(seed, between=0.25)
        low, high = percentile_interval(draws_of(names, values, seed=seed))
        hits += low <= 0.6 <= high
        alone = [f"unit-{n}" for n in range(len(values))]
        low, high = percentile_interval(draws_of(alone, values, seed=seed))
        naive += low <= 0.6 <= high
    assert 0.89 <= hits / 150 <= 0.99
    assert naive < hits


def test_clusters_in_another_order_give_the_same_draws():
    names, values = clustered(1)
    assert np.array_equal(draws_of(names, values), draws_of(names[::-1], values[::-1]))


def test_differences_are_paired():
    names, values = clustered(2)
    bootstrap = ClusterBootstrap(names, 300, 0)
    index = bootstrap.index(names)
    first, second = bootstrap.means([bootstrap.sums(index, values), bootstrap.sums(index, values + 0.25)])
    assert second - first == pytest.approx(np.full(300, 0.25))


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-5, 5), st.floats(0.1, 9)), min_size=2, max_size=30))
def test_the_mean_is_the_weighted_mean_of_the_units_that_have_a_value(units):
    names = [f"story-{c}" for c, _, _ in units]
    values, weights = (np.array(part, np.float64) for part in list(zip(*units, strict=True))[1:])
    bootstrap = ClusterBootstrap(names, 20, 0)
    with_gap = np.append(values, np.nan)
    index = bootstrap.index([*names, names[0]])
    sums = bootstrap.sums(index, with_gap, np.append(weights, 7.0))
    assert sums.mean == pytest.approx(np.average(values, weights=weights), abs=1e-9)
    draws = bootstrap.means([sums])[0]
    assert (draws >= values.min() - 1e-9).all()
    assert (draws <= values.max() + 1e-9).all()


def test_seeds_add_their_own_spread():
    random = np.random.default_rng(0)
    counts = seed_counts(3, 4_000, 0)
    alike = over_seeds(np.tile(0.02 * random.standard_normal(4_000), (3, 1)), counts)
    apart = over_seeds(np.array([[0.0], [0.1], [0.2]]) + 0.02 * random.standard_normal(4_000), counts)
    assert alike.std() == pytest.approx(0.02, rel=0.1)
    assert apart.std() > 0.04
    assert apart.mean() == pytest.approx(0.1, abs=0.01)


def test_one_seed_is_itself():
    draws = np.random.default_rng(0).random((1, 50))
    assert np.array_equal(over_seeds(draws, seed_counts(1, 50, 0)), draws[0])


def test_a_seed_that_was_not_drawn_may_be_missing_a_value():
    draws = np.array([[0.5, 0.5], [np.nan, 0.7]])
    assert over_seeds(draws, np.array([[2.0, 0.0], [1.0, 1.0]])) == pytest.approx([0.5, 0.6])
