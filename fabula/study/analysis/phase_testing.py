"""The test for phases in each run, and the answer for a group of runs that differ in their seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fabula.study.analysis.dating import Fits
from fabula.study.analysis.measuring import Measured
from fabula.study.analysis.rules import Rules
from fabula.study.folder import Series
from fabula.study.probes import CLAIMS, Probe
from fabula.study.results import Answer, PhaseTest
from fabula.study.statistics.bootstrap import over_seeds
from fabula.study.statistics.order import order_probability, trend_p
from fabula.study.statistics.phases import (
    FEWEST_CHECKPOINTS,
    FEWEST_PROBES,
    MOST_CHECKPOINTS,
    BreakTest,
    break_test,
    near,
    schedule_breaks,
)
from fabula.study.suite import chosen_checkpoints
from fabula.training.series import phase_bounds

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Order:
    """Whether the claims' dates come in the card's order, in one group."""

    probability: float | None
    """Share of bootstrap draws in which they do; None: a claim has no date."""
    trend: float | None
    """p of Page's test over seeds."""
    undated: str | None = None
    """The claim without a date."""


def series_test(
    series: Series, measured: Measured, fits: Fits, probes: Sequence[Probe], rules: Rules, draws: int, seed: int
) -> PhaseTest:
    """Test one run for four common breaks.

    The vector holds every judged probe that changed in this run and was measured at all its checkpoints; one that
    stayed at chance is noise, and noise has no breaks.
    """
    claimed = tuple(stop for _, stop in phase_bounds(series.steps)[:-1])
    kinks = schedule_breaks(series.learning_rates)
    steps = chosen_checkpoints([checkpoint.step for checkpoint in series.checkpoints], MOST_CHECKPOINTS)
    names = [
        probe.name
        for probe in probes
        if probe.rule != "none"
        and (probe.name, series.label) in fits
        and fits[probe.name, series.label].model != "none"
        and set(steps) <= set(measured.courses[probe.name][series.label].steps)
    ]
    found, margins = None, None
    if names:
        values, leads = ([_over(measured, name, series.label, steps, what) for name in names] for what in (0, 1))
        found = break_test(steps, np.array(values), draws, seed)
        margins = break_test(steps, np.array(leads), 0, seed)
    if found is None or margins is None:
        reason = (
            f"not tested: {len(steps)} checkpoints with {len(names)} probes that changed and are measured at all of "
            f"them; it takes {FEWEST_CHECKPOINTS} with {FEWEST_PROBES}"
        )
        return PhaseTest(series.label, None, None, (), (), claimed, kinks, (), "inconclusive", reason)
    on_schedule = tuple(float(step) for step in found.breaks if near(step, kinks, rules.near))
    verdict, reason = _judge(found, margins, claimed, on_schedule, len(names), rules)
    return PhaseTest(
        series=series.label,
        delta_bic=found.delta_bic,
        p=found.p,
        null=found.null,
        breaks=tuple(float(step) for step in found.breaks),
        claimed=claimed,
        schedule_breaks=kinks,
        on_schedule=on_schedule,
        verdict=verdict,
        reason=reason,
    )


def _over(measured: Measured, probe: str, label: str, steps: Sequence[int], what: int) -> list[float]:
    """Return a probe's values (0) or margins (1) at some of its steps."""
    course = measured.courses[probe][label]
    by_step = dict(zip(course.steps, (course.values, course.margins)[what].tolist(), strict=True))
    return [by_step[step] for step in steps]


def _judge(
    found: BreakTest,
    margins: BreakTest,
    claimed: Sequence[int],
    on_schedule: Sequence[float],
    probes: int,
    rules: Rules,
) -> tuple[Answer, str]:
    p = "not simulated" if found.p is None else f"p = {found.p:.3f}"
    test = f"{probes} probes, BIC of smooth curves - BIC of four common breaks = {found.delta_bic:.1f}, {p}"
    beaten = found.delta_bic > rules.delta_bic and found.p is not None and found.p < rules.phase_p
    if not beaten:
        return "not supported", f"{test}: smooth curves do as well"
    if margins.delta_bic <= rules.delta_bic:
        return (
            "not supported",
            f"{test}, but {margins.delta_bic:.1f} in the margins: breaks of the score, not of the model",
        )
    missed = [bound for bound in claimed if not near(bound, found.breaks, rules.near)]
    if missed:
        text = ", ".join(f"{bound:,}" for bound in missed)
        return "not supported", f"{test}: there are breaks, but none near step {text}"
    if on_schedule:
        text = ", ".join(f"{step:,.0f}" for step in on_schedule)
        return "inconclusive", f"{test}; the break at step {text} is where the learning rate's course bends"
    return "supported", f"{test}: four breaks near the claimed steps, in accuracy and in margins"


def order(members: Sequence[Series], fits: Fits, counts_DS: Floats, rules: Rules) -> Order:
    """Ask whether the claims' dates ascend; a claim's date is the median of its primary probes'.

    Probes that did not change have no date and are left out; a claim without any dated probe leaves the question open.
    """
    claims = [claim.name for claim in sorted(CLAIMS, key=lambda c: c.phase or 0) if claim.phase is not None]
    draws, by_seed = [], []
    for claim in claims:
        dated = [
            name
            for name in rules.primary[claim]
            if all((name, s.label) in fits and fits[name, s.label].drawn is not None for s in members)
        ]
        if not dated:
            return Order(None, None, claim)
        pooled = [over_seeds(np.log10([_halves(fits, name, s) for s in members]), counts_DS) for name in dated]
        draws.append(np.median(pooled, axis=0))
        by_seed.append([float(np.median([fits[name, s.label].dates()[1] for name in dated])) for s in members])
    return Order(order_probability(np.array(draws)), trend_p(np.array(by_seed).T.tolist()))


def _halves(fits: Fits, probe: str, series: Series) -> Floats:
    draws = fits[probe, series.label].half_draws()
    assert draws is not None
    return draws


def group_answer(
    members: Sequence[Series], tests: Mapping[str, PhaseTest], found: Order, rules: Rules
) -> tuple[Answer, str]:
    """Return whether a group of runs went through the five phases, and why."""
    if not all(series.label in tests for series in members):
        return "inconclusive", "single models have no course"
    answers = [tests[series.label].verdict for series in members]
    untested = [tests[series.label] for series in members if tests[series.label].delta_bic is None]
    if untested:
        return "inconclusive", untested[0].reason
    tested = f"breaks at the claimed steps in {answers.count('supported')} of {len(answers)} runs"
    if found.probability is None:
        ordered = f"the order can't be asked, because no primary probe of {found.undated} has a date"
    else:
        ordered = f"P(claimed order) = {found.probability:.3f}"
    reason = f"{tested}; {ordered}; seeds={len(members)}"
    if found.trend is not None:
        reason += f", Page's trend test p = {found.trend:.3f}"
    refuted = answers.count("not supported") / len(answers) > 1 - rules.seeds_share
    if refuted or (found.probability is not None and found.probability < rules.order_probability):
        return "not supported", reason
    enough = answers.count("supported") / len(answers) >= rules.seeds_share
    if enough and found.probability is not None and len(members) >= rules.timing_seeds:
        return "supported", reason
    return "inconclusive", reason
