"""The pre-registered rules applied to a probe at one step (`fabula/study/verdicts.toml`)."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from fabula.study.analysis.evidence import Evidence, Floats
from fabula.study.analysis.rules import Rules
from fabula.study.probes import Probe
from fabula.study.results import Answer, Interval
from fabula.study.statistics.intervals import percentile_interval

RANK: dict[Answer, int] = {"not supported": 0, "inconclusive": 1, "supported": 2}
"""Verdicts from worst to best."""


@dataclass(frozen=True)
class Judged:
    """The answer at one step, and the sentence that says why."""

    answer: Answer
    reason: str
    ceiling: float | None = None
    normalised: float | None = None
    normalised_interval: Interval | None = None


@dataclass(frozen=True)
class Ceiling:
    """The best possible value of a probe."""

    known: float | None
    """By construction, or from an audit."""
    reached: float | None
    """The best value of any studied checkpoint."""


def worst(answers: list[Answer]) -> Answer:
    """Return the worst of several verdicts."""
    return min(answers, key=lambda answer: RANK[answer])


def significance(probe: Probe, found: Evidence, rules: Rules, band: tuple[float, float] | None) -> float:
    """Return p, by the bootstrap's standard error, that the statistic lies on its side of the rule's threshold."""
    if probe.rule == "band":
        if band is None:
            return 1.0
        low, high = band_limits(band, rules)
        distance = min(abs(found.value - low), abs(found.value - high))
    else:
        distance = abs(found.above - threshold(probe, rules))
    error = float(np.nanstd(found.above_draws))
    return float(2 * norm.sf(distance / error)) if error > 0 else float(distance == 0)


def threshold(probe: Probe, rules: Rules) -> float:
    """Return the number that a probe's statistic is compared with."""
    if probe.rule == "gain":
        return rules.gains[probe.name]
    return rules.ratio_limit if probe.rule == "ratio" else rules.above_baseline


def band_limits(band: tuple[float, float], rules: Rules) -> Interval:
    """Return the values that count as held-out text's: a share of the way to the control's, both ways."""
    held_out, control = band
    reach = rules.band_share * abs(control - held_out)
    return held_out - reach, held_out + reach


def judge(
    probe: Probe, found: Evidence, rules: Rules, level: float, ceiling: Ceiling, band: tuple[float, float] | None
) -> Judged:
    """Apply a probe's rule at one step, with intervals at the given level."""
    if probe.rule == "accuracy":
        return _accuracy(found, rules, level, ceiling)
    if probe.rule == "gain":
        return _gain(probe, found, rules, level)
    if probe.rule == "ratio":
        return _ratio(found, rules, level)
    if probe.rule == "band":
        return _band(probe, found, rules, level, band)
    return Judged("inconclusive", "shown, never judged")


def _accuracy(found: Evidence, rules: Rules, level: float, ceiling: Ceiling) -> Judged:
    low, high = percentile_interval(found.above_draws, level)
    unknown = ceiling.known is None
    reached = max(ceiling.reached or 0.0, found.value)
    strict = max(reached, rules.unknown_ceiling) if ceiling.known is None else ceiling.known
    generous = reached if ceiling.known is None else ceiling.known
    at_least, at_most = found.normalised(strict), found.normalised(generous)
    text = (
        f"{found.value:.3f} against {found.floor:.3f} ({found.floor_name}) at step {found.step:,}: "
        f"{found.above:+.3f} {_brackets((low, high))}{_seeds(found)}"
    )
    score, bounds = (None, None) if at_least is None else (at_least[0], percentile_interval(at_least[1], level))
    if score is not None and bounds is not None:
        text += f", S = {score:.2f} {_brackets(bounds, 2)}"
    if unknown:
        text += f" with a ceiling of {strict:.2f} (unknown; best value reached {reached:.3f})"
    agreeing = all(value > 0 for value in found.by_seed)

    def judged(answer: Answer, why: str) -> Judged:
        return Judged(answer, f"{text}: {why}", strict, score, bounds)

    if high < rules.above_baseline:
        less = "less" if high < 0 else "hardly more"
        return judged("not supported", f"{less} likely to be right than the simple rule")
    if at_most is not None and percentile_interval(at_most[1], level)[1] < rules.normalised_low:
        return judged("not supported", f"S is below {rules.normalised_low}")
    if low <= rules.above_baseline:
        return judged("inconclusive", f"the interval leaves a lead of {rules.above_baseline} open")
    if score is None or bounds is None:
        return judged("inconclusive", "the baseline is at the ceiling")
    if not agreeing:
        return judged("inconclusive", "the seeds disagree")
    if bounds[0] >= rules.normalised_low and score >= rules.normalised:
        return judged("supported", "more likely to be right than the simple rule")
    return judged("inconclusive", f"S is not shown to reach {rules.normalised} (interval from {rules.normalised_low})")


def _gain(probe: Probe, found: Evidence, rules: Rules, level: float) -> Judged:
    limit = rules.gains[probe.name]
    low, high = bounds = percentile_interval(found.value_draws, level)
    text = f"{found.value:+.4f} {probe.unit} {_brackets(bounds, 4)} at step {found.step:,}{_seeds(found)}"
    if low > limit:
        if all(value > limit for value in found.by_seed):
            return Judged("supported", f"{text}: above {limit:g}")
        return Judged("inconclusive", f"{text}: the seeds disagree")
    if high < limit:
        return Judged("not supported", f"{text}: below {limit:g}")
    return Judged("inconclusive", f"{text}: the interval holds {limit:g}")


def _ratio(found: Evidence, rules: Rules, level: float) -> Judged:
    low, high = bounds = percentile_interval(found.value_draws, level)
    limit = rules.ratio_limit
    text = f"ratio {found.value:.3f} {_brackets(bounds)} at step {found.step:,}{_seeds(found)}"
    if high <= limit:
        return Judged("supported", f"{text}: not above {limit:g}")
    if low > limit:
        return Judged("not supported", f"{text}: above {limit:g}")
    return Judged("inconclusive", f"{text}: the interval holds {limit:g}")


def _band(probe: Probe, found: Evidence, rules: Rules, level: float, band: tuple[float, float] | None) -> Judged:
    if band is None:
        return Judged("inconclusive", "held-out or control text was not measured")
    low, high = bounds = percentile_interval(found.value_draws, level)
    bottom, top = band_limits(band, rules)
    text = (
        f"{found.value:.3f} {_brackets(bounds)} at step {found.step:,}{_seeds(found)}; held-out text {band[0]:.3f}, "
        f"{probe.control} text {band[1]:.3f}"
    )
    if high < bottom or low > top:
        return Judged("not supported", f"{text}: outside {_brackets((bottom, top))}")
    if low <= band[1] <= high:
        return Judged("inconclusive", f"{text}: the interval holds the control's value too")
    return Judged("supported", f"{text}: as held-out text, {_brackets((bottom, top))}")


def timing(
    window: tuple[int, int], share: tuple[float, Floats], halves_D: Floats, seeds: int, rules: Rules
) -> tuple[Answer, str]:
    """Judge whether a change happened in the claimed window, at 95 %."""
    low, high = percentile_interval(share[1])
    first, last = percentile_interval(halves_D)
    start, stop = window
    text = f"W = {share[0]:.2f} {_brackets((low, high), 2)}, half of the gain at steps {first:,.0f} to {last:,.0f}"
    if last < start or first > stop:
        return "not supported", f"{text}: outside {start:,} to {stop:,}"
    if high < rules.window_share:
        return "not supported", f"{text}: less than {rules.window_share} of the change falls in {start:,} to {stop:,}"
    if low >= rules.window_share and start <= first and last <= stop:
        if seeds >= rules.timing_seeds:
            return "supported", text
        return "inconclusive", f"{text}: in the window, but seeds={seeds}"
    return "inconclusive", f"{text}: the intervals leave it open"


def _brackets(bounds: Interval, digits: int = 3) -> str:
    return f"[{bounds[0]:.{digits}f}, {bounds[1]:.{digits}f}]"


def _seeds(found: Evidence) -> str:
    return f", seeds={len(found.by_seed)}"
