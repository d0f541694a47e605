"""Dates of known curves."""

import numpy as np
import pytest

from fabula.study.statistics.acquisition import fit, smooth_share
from fabula.study.statistics.intervals import percentile_interval
from fabula.study.statistics.logistic import LogisticGrid, log_steps

STEPS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 250, 500, 750, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000]
X = log_steps(STEPS)


def logistic(half, width=0.2, low=0.5, high=0.9):
    return low + (high - low) / (1 + np.exp(-(X - np.log10(half)) / width))


def noisy(curve, noise=0.02, draws=300, seed=0):
    random = np.random.default_rng(seed)
    drawn = curve + noise * random.standard_normal(len(curve))
    return drawn, drawn + noise * random.standard_normal((draws, len(curve)))


@pytest.mark.parametrize("half", [20, 130, 600, 1_500])
@pytest.mark.parametrize("ends", [(0.5, 0.9), (0.9, 0.5)])
def test_the_date_of_a_known_curve_is_found(half, ends):
    curve = logistic(half, 0.1, *ends)
    found = fit(STEPS, *noisy(curve, noise=1e-4))
    t10, t50, t90 = found.dates()
    assert found.model == "logistic"
    assert t50 == pytest.approx(half, rel=0.02)
    assert np.log10(t90 / t50) == pytest.approx(0.1 * np.log(9), abs=0.02)
    assert np.log10(t50 / t10) == pytest.approx(0.1 * np.log(9), abs=0.02)
    assert found.start == pytest.approx(curve[0], abs=1e-3)
    assert found.end == pytest.approx(curve[-1], abs=1e-3)


def test_the_interval_of_a_date_covers_it():
    hits = 0
    for seed in range(60):
        low, high = percentile_interval(fit(STEPS, *noisy(logistic(400), 0.03, seed=seed)).half_draws())
        hits += low <= 400 <= high
    assert hits >= 51


def test_the_window_share_of_a_known_curve_is_found():
    found = fit(STEPS, *noisy(logistic(500, 0.1), noise=1e-4))
    share, draws = found.share(250, 1_000)
    low, high = (1 / (1 + np.exp(-(np.log10(at) - np.log10(500)) / 0.1)) for at in (250, 1_000))
    assert share == pytest.approx(high - low, abs=0.01)
    assert percentile_interval(draws) == pytest.approx((share, share), abs=0.02)
    whole, _ = found.share(0, 4_000)
    assert whole == pytest.approx(1)


def test_a_curve_that_is_still_rising_is_dated_within_the_run():
    found = fit(STEPS, *noisy(logistic(6_000, 0.3), noise=1e-4))
    assert found.dates()[1] < 4_000
    assert found.start + 0.5 * (found.end - found.start) == pytest.approx(
        np.interp(np.log10(found.dates()[1]), X, logistic(6_000, 0.3)), abs=0.005
    )


def test_noise_has_no_date():
    found = fit(STEPS, *noisy(np.full(len(STEPS), 0.5)))
    assert found.model == "none"
    assert found.dates() == (None, None, None)
    assert found.half_draws() is None
    assert found.share(0, 250) is None


def test_two_steps_far_apart_are_no_logistic():
    curve = 0.5 + 0.15 * (X > 0.5) + 0.25 * (X > 3.2)
    found = fit(STEPS, *noisy(curve, noise=0.002))
    assert found.model == "isotonic"
    assert 1_500 <= found.dates()[1] <= 2_000
    assert found.share(1_000, 4_000)[0] == pytest.approx(0.625, abs=0.02)
    falling = fit(STEPS, *noisy(1 - curve, noise=0.002))
    assert falling.model == "isotonic"
    assert falling.start > falling.end
    assert falling.dates()[1] == pytest.approx(found.dates()[1], rel=0.05)


def test_too_few_checkpoints_give_no_fit():
    assert fit(STEPS[:4], np.arange(4.0), np.tile(np.arange(4.0), (9, 1))) is None


def test_a_grid_finds_many_curves_at_once():
    halves = np.array([30.0, 200.0, 900.0])
    shapes = LogisticGrid(STEPS).fit(np.array([logistic(half, 0.14) for half in halves]))
    assert shapes.date(0.5) == pytest.approx(halves, rel=0.03)


def test_a_smooth_change_fills_windows_as_the_design_says():
    windows = [(0, 250), (250, 1_000), (1_000, 2_000), (2_000, 3_000), (3_000, 4_000)]
    shares = [smooth_share(*window, 4_000) for window in windows]
    assert shares == pytest.approx([0.54, 0.23, 0.12, 0.07, 0.05], abs=0.006)
    assert sum(shares) == pytest.approx(1)
    assert smooth_share(500, 2_000, 8_000) == pytest.approx(shares[1])
