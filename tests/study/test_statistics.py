"""Bootstrap intervals of ratios."""

import numpy as np
import pytest

from fabula.study import statistics
from fabula.study.statistics import ratio_intervals


def sample(n: int, seed: int):
    random = np.random.default_rng(seed)
    sizes = random.integers(50, 400, n).astype(float)
    return sizes * (2 + 0.3 * random.standard_normal(n)), sizes


def interval(numerators, denominators, **settings):
    (found,) = ratio_intervals(numerators[None], denominators[None], **settings)
    return found


def test_it_is_as_wide_as_theory_says():
    numerators, denominators = sample(400, seed=1)
    low, high = interval(numerators, denominators)
    ratio = numerators.sum() / denominators.sum()
    deviation = (numerators - ratio * denominators).std() / denominators.mean() / 400**0.5
    assert low == pytest.approx(ratio - 1.96 * deviation, abs=0.15 * deviation)
    assert high == pytest.approx(ratio + 1.96 * deviation, abs=0.15 * deviation)


def test_it_covers_the_truth_as_often_as_it_says():
    hits = 0
    for seed in range(200):
        low, high = interval(*sample(100, seed), draws=500)
        hits += low <= 2 <= high
    assert 0.90 <= hits / 200 <= 0.98


def test_it_is_decided_by_the_seed_and_not_by_the_block(monkeypatch):
    numerators, denominators = sample(30, seed=2)
    first = interval(numerators, denominators, seed=5)
    assert interval(numerators, denominators, seed=5) == first
    assert interval(numerators, denominators, seed=6) != first
    monkeypatch.setattr(statistics, "BLOCK", 70)
    assert interval(numerators, denominators, seed=5) == first


def test_rows_share_their_draws():
    numerators, denominators = sample(30, seed=2)
    first, doubled = ratio_intervals(np.stack((numerators, 2 * numerators)), np.stack((denominators, denominators)))
    assert doubled == pytest.approx(tuple(2 * bound for bound in first))


def test_equal_units_have_an_interval_of_no_width():
    assert interval(np.full(9, 3.0), np.full(9, 2.0)) == (1.5, 1.5)


def test_one_unit_has_no_interval():
    assert ratio_intervals(np.ones((1, 1)), np.ones((1, 1))) is None
