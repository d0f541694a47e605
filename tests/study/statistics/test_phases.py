"""The test for phases: it finds breaks that are there, and none in smooth curves."""

import numpy as np
import pytest

from fabula.study.statistics.logistic import log_steps
from fabula.study.statistics.order import order_probability, trend_p
from fabula.study.statistics.phases import BreakModels, break_test, near, schedule_breaks

STEPS = [0, 1, 2, 4, 8, 16, 32, 64, 128, 250, 500, 750, 1_000, 1_500, 2_000, 2_500, 3_000, 3_500, 4_000]
X = log_steps(STEPS)
BREAKS = (16, 128, 750, 2_000)


def smooth(seed, probes=8, noise=0.03):
    """Logistics and power laws, with noise that probes share in part."""
    random = np.random.default_rng(seed)
    half, width = random.uniform(1, 3.4, (probes, 1)), random.uniform(0.1, 0.5, (probes, 1))
    curves = 1 / (1 + np.exp(-(X - half) / width))
    curves[0] = 1 - (np.array(STEPS) + 8.0) ** -0.5
    return curves + noise * (random.standard_normal((probes, len(X))) + 0.5 * random.standard_normal(len(X)))


def broken(seed, probes=8, noise=0.03):
    """Lines that bend at `BREAKS`."""
    random = np.random.default_rng(seed)
    bends = np.stack([np.maximum(X - np.log10(step), 0) for step in BREAKS])
    curves = random.normal(0, 1, (probes, 4)) @ bends + random.normal(0, 0.3, (probes, 1)) * X
    return curves / curves.std(1, keepdims=True) + noise * random.standard_normal(curves.shape)


def test_smooth_curves_have_no_phases():
    found = [break_test(STEPS, smooth(seed), 100, seed) for seed in range(40)]
    assert sum(test.p <= 0.05 for test in found) <= 6
    assert not any(test.p < 0.01 and test.delta_bic > 10 for test in found)


def test_common_breaks_are_found_where_they_are():
    found = break_test(STEPS, broken(3, noise=0.01), 100, 0)
    assert found.breaks == BREAKS
    assert found.delta_bic > 100
    assert found.p == pytest.approx(1 / 101)
    assert len(found.null) == 100


def test_each_choice_of_breaks_is_a_projection():
    models = BreakModels(STEPS)
    curve = broken(1, probes=1, noise=0.0)
    left, best = models.broken(curve[None])
    assert left[0] == pytest.approx(0, abs=1e-9)
    assert models.breaks(int(best[0])) == BREAKS
    worse, _ = models.broken(smooth(1)[None])
    assert worse[0] > 0


def test_a_power_law_is_smooth():
    models = BreakModels(STEPS)
    fitted, left = models.smooth(((np.array(STEPS) + 8.0) ** -0.5)[None])
    assert left[0] < 1e-9
    assert fitted[0] == pytest.approx((np.array(STEPS) + 8.0) ** -0.5)


def test_too_little_gives_no_test():
    assert break_test(STEPS[:11], smooth(0)[:, :11], 10, 0) is None
    assert break_test(STEPS, smooth(0)[:1], 10, 0) is None
    assert break_test(STEPS, np.concatenate((smooth(0)[:1], np.ones((5, len(STEPS))))), 10, 0) is None


def test_without_simulations_there_is_no_p():
    found = break_test(STEPS, smooth(0), 0, 0)
    assert found.p is None
    assert found.null == ()


def test_the_schedule_bends_where_warm_up_ends_and_decay_starts():
    steps = range(0, 1_001, 10)
    stable = [(step, min(step / 100, 1, (1_000 - step) / 200)) for step in steps]
    cosine = [(step, step / 100 if step < 100 else 0.5 + 0.5 * np.cos((step - 100) / 900 * np.pi)) for step in steps]
    assert schedule_breaks(stable) == (100, 800)
    assert schedule_breaks(cosine) == (100,)
    assert schedule_breaks([(step, 0.1) for step in steps]) == ()
    assert schedule_breaks([]) == ()


def test_near_is_a_factor():
    assert near(250, (300,), 1.2)
    assert near(300, (250,), 1.2)
    assert not near(250, (301,), 1.2)
    assert not near(0, (0,), 1.2)


def test_the_order_of_dates():
    random = np.random.default_rng(0)
    dates = np.array([[1.0], [2.0], [3.0]]) + 0.1 * random.standard_normal((3, 500))
    assert order_probability(dates) == 1
    assert order_probability(dates[::-1]) == 0
    assert order_probability(random.standard_normal((2, 2_000))) == pytest.approx(0.5, abs=0.05)
    assert trend_p([[1, 2, 3, 4, 5]] * 3) < 0.01
    assert trend_p([[5, 4, 3, 2, 1]] * 3) > 0.9
    assert trend_p([[1, 2, 3]]) is None
