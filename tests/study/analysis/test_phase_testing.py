"""The answer on phases: real breaks, smooth curves, breaks of the schedule, breaks of the score alone."""

from dataclasses import replace

import numpy as np
import pytest

from fabula.study.analysis.dating import fit_all
from fabula.study.analysis.estimates import Course
from fabula.study.analysis.measuring import Measured
from fabula.study.analysis.phase_testing import Order, group_answer, order, series_test
from fabula.study.analysis.rules import Rules
from fabula.study.folder import Series, StudiedCheckpoint
from fabula.study.probes import ITEM_PROBES, PROBES
from fabula.study.results import PhaseTest
from fabula.study.statistics.bootstrap import seed_counts
from fabula.study.statistics.logistic import log_steps

RULES = Rules.load()
STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, *range(250, 4_001, 250))
X = log_steps(STEPS)
RUN = Series("run", "group", 0, 1, 4_000, 512, (), tuple(StudiedCheckpoint(s, None, "", "") for s in STEPS))
VECTOR = ITEM_PROBES[:8]
CLAIMED = (250, 1_000, 2_000, 3_000)


def broken(random):
    """A rise whose speed changes at the claimed steps."""
    bends = np.stack([np.maximum(X - np.log10(step), 0) for step in CLAIMED])
    slopes = np.array([1, -1.6, 3, -6]) * random.uniform(0.5, 1.5, 4)
    return 0.5 + 0.02 * X + 0.15 * slopes @ bends


def smooth(random):
    return 0.5 + 0.4 / (1 + np.exp(-(X - random.uniform(1.5, 3.4)) / random.uniform(0.15, 0.4)))


def measured(curve, margin, noise=0.004):
    """Return courses of all probes of the vector; every draw has noise of its own."""
    random = np.random.default_rng(0)
    found = Measured({})
    for probe in VECTOR:
        values, leads = (form(random) + noise * random.standard_normal(len(X)) for form in (curve, margin))
        draws = values + noise * random.standard_normal((200, len(X)))
        found.courses[probe.name] = {"run": Course(STEPS, values, draws, leads)}
    return found


def verdict_of(found, series=RUN, draws=100):
    return series_test(series, found, fit_all(found, PROBES), PROBES, RULES, draws, 0)


def test_real_common_breaks_at_the_claimed_steps_are_found():
    found = verdict_of(measured(broken, broken))
    assert found.verdict == "supported", found.reason
    assert found.breaks == CLAIMED
    assert found.delta_bic > 10
    assert found.p < 0.01


def test_smooth_curves_have_none():
    found = verdict_of(measured(smooth, smooth))
    assert found.verdict == "not supported"
    assert "smooth" in found.reason


def test_breaks_of_the_score_alone_are_no_phases():
    found = verdict_of(measured(broken, smooth))
    assert found.verdict == "not supported"
    assert "margins" in found.reason


def test_breaks_that_follow_the_learning_rate_are_labelled():
    rates = tuple((step, 1e-3 * min(step / 240, 1, (4_000 - step) / 1_000)) for step in range(0, 4_001, 20))
    found = verdict_of(measured(broken, broken), replace(RUN, learning_rates=rates))
    assert found.schedule_breaks == (240, 3_000)
    assert found.on_schedule == (250.0, 3_000.0)
    assert found.verdict == "inconclusive"
    assert "learning rate" in found.reason


def test_breaks_elsewhere_are_not_the_claimed_ones():
    longer = replace(RUN, steps=8_000)
    found = verdict_of(measured(broken, broken), longer)
    assert found.claimed == (500, 2_000, 4_000, 6_000)
    assert found.verdict == "not supported"
    assert "none near" in found.reason


def test_too_few_checkpoints_are_not_tested():
    short = replace(RUN, checkpoints=RUN.checkpoints[:8])
    found = verdict_of(measured(broken, broken), short)
    assert (found.verdict, found.delta_bic, found.null) == ("inconclusive", None, ())
    assert verdict_of(Measured({})).verdict == "inconclusive"


def answers(*verdicts):
    return {
        f"run-{n}": PhaseTest(f"run-{n}", 50.0, 0.001, (), (), CLAIMED, (), (), verdict, "because")
        for n, verdict in enumerate(verdicts)
    }


@pytest.mark.parametrize(
    ("verdicts", "probability", "expected"),
    [
        (("supported",) * 3, 0.99, "supported"),
        (("supported", "supported", "not supported"), 0.99, "supported"),
        (("supported", "not supported", "not supported"), 0.99, "not supported"),
        (("supported",) * 3, 0.8, "not supported"),
        (("supported",) * 3, None, "inconclusive"),
        (("supported",) * 2, 0.99, "inconclusive"),
        (("supported",), 0.99, "inconclusive"),
        (("inconclusive",) * 3, 0.99, "inconclusive"),
        (("not supported",), None, "not supported"),
    ],
)
def test_a_group_needs_seeds_breaks_and_order(verdicts, probability, expected):
    members = [replace(RUN, label=f"run-{n}") for n in range(len(verdicts))]
    assert group_answer(members, answers(*verdicts), Order(probability, None), RULES)[0] == expected


def test_single_models_have_no_phases():
    assert group_answer([replace(RUN, steps=0)], {}, Order(None, None), RULES)[0] == "inconclusive"


def dated(halves, labels=("a", "b", "c")):
    """Return fits whose primary probes are learned at the given steps, claim by claim."""
    random = np.random.default_rng(0)
    found = Measured({})
    for claim, half in zip(("C1", "C2", "C3", "C4", "C5"), halves, strict=True):
        for name in RULES.primary[claim]:
            curve = 0.5 + 0.4 / (1 + np.exp(-(X - np.log10(half)) / 0.1)) if half else np.full(len(X), 0.5)
            draws = {label: curve + 0.01 * random.standard_normal((200, len(X))) for label in labels}
            found.courses[name] = {label: Course(STEPS, curve, draws[label], curve) for label in labels}
    return fit_all(found, PROBES)


def test_the_claims_order():
    members = [replace(RUN, label=label) for label in "abc"]
    counts = seed_counts(3, 200, 0)
    found = order(members, dated((50, 500, 1_500, 2_400, 3_200)), counts, RULES)
    assert found.probability == 1
    assert found.trend < 0.01
    assert order(members, dated((50, 500, 2_400, 1_500, 3_200)), counts, RULES).probability == 0
    unknown = order(members, dated((50, 500, None, 2_400, 3_200)), counts, RULES)
    assert (unknown.probability, unknown.undated) == (None, "C3")
