"""Intervals: bootstrapped ratios, shares, several questions at once."""

import numpy as np
import pytest

from fabula.study.statistics import intervals, ratio_intervals
from fabula.study.statistics.intervals import holm_levels, percentile_interval, wilson_interval


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
    monkeypatch.setattr(intervals, "BLOCK", 70)
    assert interval(numerators, denominators, seed=5) == first


def test_rows_share_their_draws():
    numerators, denominators = sample(30, seed=2)
    first, doubled = ratio_intervals(np.stack((numerators, 2 * numerators)), np.stack((denominators, denominators)))
    assert doubled == pytest.approx(tuple(2 * bound for bound in first))


def test_equal_units_have_an_interval_of_no_width():
    assert interval(np.full(9, 3.0), np.full(9, 2.0)) == (1.5, 1.5)


def test_one_unit_has_no_interval():
    assert ratio_intervals(np.ones((1, 1)), np.ones((1, 1))) is None


def test_wilson_agrees_with_a_table():
    # Newcombe (1998), table I: 81 of 263 and 15 of 148.
    assert wilson_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson_interval(1.0, 20)[0] < 0.9
    assert wilson_interval(1.0, 20)[1] == 1.0


def test_holm_grows_milder_until_an_answer_is_not_significant():
    assert holm_levels([0.001]) == pytest.approx([0.95])
    assert holm_levels([0.03, 0.001, 0.02]) == pytest.approx([0.95, 1 - 0.05 / 3, 0.975])
    # 0.04 > 0.05 / 3: nothing is significant, so no question profits from another's answer.
    assert holm_levels([0.04, 0.9, 0.045]) == pytest.approx([1 - 0.05 / 3] * 3)
    assert holm_levels([0.001, 0.04, 0.045]) == pytest.approx([1 - 0.05 / 3, 0.975, 0.975])


def test_a_wider_level_gives_a_wider_interval():
    draws = np.random.default_rng(0).standard_normal(4_000)
    narrow, wide = percentile_interval(draws), percentile_interval(draws, 0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    assert narrow == pytest.approx((-1.96, 1.96), abs=0.12)
