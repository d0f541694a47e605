"""Each rule at its thresholds."""

from dataclasses import replace

import numpy as np
import pytest

from fabula.study.analysis.evidence import Evidence
from fabula.study.analysis.judging import Ceiling, judge, significance, timing, worst
from fabula.study.analysis.rules import Rules
from fabula.study.probes import Probe

RULES = Rules.load()
QUESTIONS = Probe("grammar", "C1", "", "", True, "accuracy", "D4", ceiling=1.0)
GAIN = Probe("context_gain", "C4", "", "", True, "gain", unit="nats/token")
RATIO = Probe("position_loss", "C7", "", "", True, "ratio")
BAND = Probe("loops", "C5", "", "", True, "band", control="loop")
NORMAL = np.random.default_rng(0).standard_normal(4_000)
KNOWN, UNKNOWN = Ceiling(1.0, 0.9), Ceiling(None, 0.72)


def found(value, error=0.01, floor=0.5, seeds=3):
    floors = None if floor is None else np.full(len(NORMAL), floor)
    lead = value - (floor or 0)
    return Evidence(4_000, value, value + error * NORMAL, floor, floors, "fivegram", (lead,) * seeds)


def answer(probe, evidence, ceiling=KNOWN, band=None, level=0.95):
    return judge(probe, evidence, RULES, level, ceiling, band).answer


def test_accuracy_is_supported_only_far_above_the_baseline():
    assert answer(QUESTIONS, found(0.9)) == "supported"
    assert answer(QUESTIONS, found(0.53)) == "not supported"
    assert answer(QUESTIONS, found(0.6)) == "not supported"  # Above, but S = 0.2.
    assert answer(QUESTIONS, found(0.7)) == "inconclusive"  # S = 0.4: not half of the way.
    assert answer(QUESTIONS, found(0.9, error=0.2)) == "inconclusive"
    assert answer(QUESTIONS, found(0.3)) == "not supported"
    assert "less likely" in judge(QUESTIONS, found(0.3), RULES, 0.95, KNOWN, None).reason


def test_a_baseline_near_the_ceiling_leaves_nothing_to_support():
    assert answer(QUESTIONS, found(0.999, error=0.0005, floor=0.98)) == "not supported"


def test_seeds_that_disagree_support_nothing():
    split = replace(found(0.9), by_seed=(0.8, 0.8, -0.1))
    assert answer(QUESTIONS, split) == "inconclusive"


def test_a_stricter_level_takes_a_verdict_back():
    assert answer(QUESTIONS, found(0.85, error=0.1), level=0.95) == "supported"
    assert answer(QUESTIONS, found(0.85, error=0.1), level=0.999) == "inconclusive"


def test_the_best_value_reached_is_no_ceiling_to_be_supported_by():
    near = found(0.72)  # S = 1 against the best value reached, 0.44 against a ceiling of 1.
    judged = judge(QUESTIONS, near, RULES, 0.95, UNKNOWN, None)
    assert judged.answer == "inconclusive"
    assert judged.normalised == pytest.approx(0.44)
    assert "unknown" in judged.reason
    assert "0.720" in judged.reason
    assert answer(QUESTIONS, found(0.95), UNKNOWN) == "supported"


def test_gain():
    assert answer(GAIN, found(0.03, 0.005, None)) == "supported"
    assert answer(GAIN, found(0.015, 0.005, None)) == "inconclusive"
    assert answer(GAIN, found(0.0, 0.003, None)) == "not supported"
    assert answer(GAIN, replace(found(0.03, 0.005, None), by_seed=(0.05, 0.05, 0.001))) == "inconclusive"


def test_ratio():
    assert answer(RATIO, found(1.0, 0.005, None)) == "supported"
    assert answer(RATIO, found(1.02, 0.005, None)) == "inconclusive"
    assert answer(RATIO, found(1.1, 0.005, None)) == "not supported"


def test_band():
    band = (0.02, 0.54)  # A quarter of the way: up to 0.15, down to -0.11.
    assert answer(BAND, found(0.05, floor=None), band=band) == "supported"
    assert answer(BAND, found(0.16, floor=None), band=band) == "supported"
    assert answer(BAND, found(0.2, floor=None), band=band) == "not supported"
    assert answer(BAND, found(0.3, 0.2, floor=None), band=band) == "inconclusive"
    assert answer(BAND, found(0.05, floor=None), band=(0.02, 0.02)) == "not supported"
    assert answer(BAND, found(0.02, floor=None), band=(0.02, 0.02)) == "inconclusive"
    assert answer(BAND, found(0.05, floor=None), band=None) == "inconclusive"


def test_significance_falls_with_the_distance_from_the_threshold():
    far, close = (significance(QUESTIONS, found(value), RULES, None) for value in (0.7, 0.56))
    assert far < 1e-6 < close < 1
    assert significance(BAND, found(0.15, floor=None), RULES, (0.02, 0.54)) == pytest.approx(1)
    assert significance(BAND, found(0.5, floor=None), RULES, None) == 1


def test_timing():
    def when(share, half, seeds=3):
        draws = share + 0.02 * NORMAL
        return timing((250, 1_000), (share, draws), half * np.exp(0.05 * NORMAL), seeds, RULES)[0]

    assert when(0.8, 500) == "supported"
    assert when(0.8, 500, seeds=2) == "inconclusive"
    assert when(0.3, 500) == "not supported"
    assert when(0.5, 500) == "inconclusive"
    assert when(0.8, 1_500) == "not supported"
    assert when(0.8, 1_500, seeds=1) == "not supported"
    assert when(0.8, 1_000) == "inconclusive"


def test_the_worst_verdict_counts():
    assert worst(["supported", "inconclusive"]) == "inconclusive"
    assert worst(["inconclusive", "not supported", "supported"]) == "not supported"
